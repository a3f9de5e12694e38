/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the installed files lie.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine.h"

#ifndef MG_DATADIR
#define MG_DATADIR "/usr/share/moongate"
#endif

/* The folder of the program or library that this code is in. */
static void find_own_folder(char *out, size_t size)
{
	char path[2048];
	Dl_info info;
	ssize_t length;
	char *slash;

	/* the name of a program is what it was called by; that of a library is its path */
	if (dladdr((const void *)(uintptr_t)mg_installed_folder, &info) && info.dli_fname &&
	    strstr(info.dli_fname, ".so")) {
		if (!realpath(info.dli_fname, path))
			*path = '\0';
	} else {
		length = readlink("/proc/self/exe", path, sizeof(path) - 1);
		path[length > 0 ? length : 0] = '\0';
	}
	slash = strrchr(path, '/');
	if (slash)
		*slash = '\0';
	snprintf(out, size, "%s", path);
}

char *mg_installed_folder(const char *name)
{
	/* from sbin/ or lib/; from lib/x86_64-linux-gnu/; from build/ in a checkout */
	static const char *const places[] = {
		"../share/moongate",
		"../../share/moongate",
		"..",
	};
	char own[2048], *path = NULL;
	size_t i;

	find_own_folder(own, sizeof(own));
	for (i = 0; i < sizeof(places) / sizeof(*places); i++) {
		if (asprintf(&path, "%s/%s/%s", own, places[i], name) < 0)
			return NULL;
		if (access(path, R_OK | X_OK) == 0)
			return path;
		free(path);
	}
	return asprintf(&path, "%s/%s", MG_DATADIR, name) < 0 ? NULL : path;
}
