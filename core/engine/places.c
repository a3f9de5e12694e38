/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where files lie. The installed ones: beside the program or library that this
 * code is in, so that a copy of a whole installation works anywhere; else where
 * it was built to be installed. A policy's modules: beside it as well.
 */
#include <dlfcn.h>
#include <errno.h>
#include <libgen.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine.h"

/* The Makefile says it, from PREFIX. */
#ifndef MG_DATADIR
#define MG_DATADIR "/usr/share/moongate"
#endif

/* A folder from which files are found: so far up, then down by these names. */
struct place {
	const char *up;
	const char *down[2];
};

/* The program or library that this code is in, with its path resolved; "" where it has none. */
static void find_own_file(char *out, size_t size)
{
	struct link_map *map = NULL;
	Dl_info info;
	char *path = NULL;

	/* the list of what is loaded has no name for the program itself */
	if (dladdr1((const void *)(uintptr_t)mg_installed_folder, &info, (void **)&map,
		    RTLD_DL_LINKMAP) &&
	    map && *map->l_name)
		path = realpath(map->l_name, NULL);
	else
		path = realpath("/proc/self/exe", NULL);
	snprintf(out, size, "%s", path ? path : "");
	free(path);
}

/*
 * Append "/NAME" to @path, where that is there and its owner can be trusted.
 *
 * A program may lie where strangers can put a folder beside it, as under /tmp,
 * and root may run it: so what lies beside counts only if it is root's, or
 * belongs to the owner of the program or of the folder where the way down began.
 */
static bool step_down(char *path, size_t size, const char *name, const uid_t trusted[2])
{
	const size_t length = strlen(path);
	struct stat status;

	return (size_t)snprintf(path + length, size - length, "/%s", name) < size - length &&
	       lstat(path, &status) == 0 &&
	       (status.st_uid == 0 || status.st_uid == trusted[0] || status.st_uid == trusted[1]);
}

/* Go to @place from the folder @path, which is changed, and on to @name. */
static bool walk(char *path, size_t size, uid_t owner, const struct place *place, const char *name)
{
	uid_t trusted[2] = { owner, owner };
	struct stat status;
	size_t i, length = strlen(path);

	if ((size_t)snprintf(path + length, size - length, "/%s", place->up) >= size - length ||
	    stat(path, &status))
		return false;
	trusted[1] = status.st_uid;
	for (i = 0; i < 2 && place->down[i]; i++)
		if (!step_down(path, size, place->down[i], trusted))
			return false;
	/* an installation has the language; another program's lua/ does not */
	length = strlen(path);
	if (!step_down(path, size, "lua", trusted) || !step_down(path, size, "moongate", trusted))
		return false;
	path[length] = '\0';
	return step_down(path, size, name, trusted) && access(path, R_OK | X_OK) == 0;
}

char *mg_installed_folder(const char *name)
{
	static const struct place places[] = {
		{ "..", { "share", "moongate" } },    /* from sbin/ or lib/ */
		{ "../..", { "share", "moongate" } }, /* from lib/x86_64-linux-gnu/ */
		{ "..", { NULL } },		      /* from build/ in a checkout */
	};
	char own[2048], path[sizeof(own) + 256], *slash, *out;
	struct stat status;
	size_t i;

	find_own_file(own, sizeof(own));
	slash = strrchr(own, '/');
	if (slash && stat(own, &status) == 0) {
		*slash = '\0';
		for (i = 0; i < sizeof(places) / sizeof(*places); i++) {
			snprintf(path, sizeof(path), "%s", own);
			if (walk(path, sizeof(path), status.st_uid, &places[i], name))
				return strdup(path);
		}
	}
	return asprintf(&out, "%s/%s", MG_DATADIR, name) < 0 ? NULL : out;
}

/* The folder of what the symbolic link @policy leads to; NULL where it is none. */
static char *linked_folder(const char *policy)
{
	struct stat st;

	return !lstat(policy, &st) && S_ISLNK(st.st_mode) ? realpath(policy, NULL) : NULL;
}

int mg_search_path_make(const char *policy, struct mg_search_path *out)
{
	char *found = mg_installed_folder("policies");
	size_t count = 0;

	*out = (struct mg_search_path){
		.own = strdup(policy),
		.linked = linked_folder(policy),
		/* without the ".." by which it was found, for people to read */
		.installed = found ? realpath(found, NULL) : NULL,
	};
	if (found && !out->installed) { /* it is not there, and an error should say where */
		out->installed = found;
		found = NULL;
	}
	free(found);
	if (!out->own || !out->installed)
		return -ENOMEM;
	out->folders[count++] = dirname(out->own);
	if (out->linked)
		out->folders[count++] = dirname(out->linked);
	out->folders[count++] = "/etc/moongate/policies";
	out->folders[count] = out->installed;
	return 0;
}

void mg_search_path_clear(struct mg_search_path *path)
{
	free(path->own);
	free(path->linked);
	free(path->installed);
}
