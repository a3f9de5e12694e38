/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The list of installed plugins. libxtables has no such list: it knows its
 * folders, and looks for "libxt_NAME.so" when a name is asked for.
 *
 * Owns nothing that outlives a call but the list that it gives away.
 */
#include "extensions.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ruleset/failure.h"
#include "ruleset/growable.h"
#include "session.h"

void mg_extensions_clear(struct mg_extensions *extensions)
{
	free(extensions->items);
	*extensions = (struct mg_extensions){ 0 };
}

/*
 * Only libxtables itself knows which folder it was told to look in when it was
 * built. So where did it find the plugin that no rule can do without?
 */
static int find_folder(void *context)
{
	const struct xtables_target *standard = mg_find_target("standard");
	char *path = context;
	Dl_info file;
	char *slash;

	if (!standard || !standard->help)
		return -ENOENT;
	if (!dladdr((void *)(uintptr_t)standard->help, &file) || !file.dli_fname)
		return -ENOENT;
	snprintf(path, PATH_MAX, "%s", file.dli_fname);
	slash = strrchr(path, '/');
	if (!slash)
		return -ENOENT;
	*slash = '\0';
	return 0;
}

/* "libxt_NAME.so": the name's start and length, or 0. */
static size_t name_in(const char *file, const char **name)
{
	static const char *const prefixes[] = { "libxt_", "libipt_", "libip6t_" };
	size_t length = strlen(file), i;

	if (length < 3 || strcmp(file + length - 3, ".so") != 0)
		return 0;
	for (i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
		size_t prefix = strlen(prefixes[i]);

		if (strncmp(file, prefixes[i], prefix) != 0 || length <= prefix + 3)
			continue;
		*name = file + prefix;
		length -= prefix + 3;
		return length < XT_EXTENSION_MAXNAMELEN ? length : 0;
	}
	return 0;
}

static int add_name(struct mg_extensions *list, const char *name, size_t length)
{
	int err = mg_make_room((void **)&list->items, &list->capacity, list->count + 1,
			       sizeof(*list->items));
	struct mg_extension *added;

	if (err)
		return err;
	added = &list->items[list->count++];
	*added = (struct mg_extension){ 0 };
	memcpy(added->name, name, length);
	return 0;
}

/* A folder that is not there has no plugins: libxtables goes on to the next one, too. */
static int read_folder(const char *path, struct mg_extensions *list)
{
	DIR *folder = opendir(path);
	const struct dirent *entry;
	int err = 0;

	if (!folder)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
	for (errno = 0; !err && (entry = readdir(folder)); errno = 0) {
		const char *name;
		size_t length = name_in(entry->d_name, &name);

		if (length)
			err = add_name(list, name, length);
	}
	if (!err)
		err = -errno;
	closedir(folder);
	return err;
}

static int read_folders(const char *folders, struct mg_extensions *list)
{
	const char *end;
	char path[PATH_MAX];
	int err = 0;

	for (; folders && !err; folders = *end ? end + 1 : NULL) {
		end = strchrnul(folders, ':');
		if ((size_t)(end - folders) >= sizeof(path))
			return -ENAMETOOLONG;
		memcpy(path, folders, (size_t)(end - folders));
		path[end - folders] = '\0';
		err = read_folder(path, list);
	}
	return err;
}

static int by_name(const void *a, const void *b)
{
	const struct mg_extension *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* libipt_REJECT.so and libip6t_REJECT.so are one name. */
static void sort_names(struct mg_extensions *list)
{
	size_t kept = 0, i;

	if (!list->count)
		return;
	qsort(list->items, list->count, sizeof(*list->items), by_name);
	for (i = 1; i < list->count; i++)
		if (strcmp(list->items[i].name, list->items[kept].name) != 0)
			list->items[++kept] = list->items[i];
	list->count = kept + 1;
}

static int look_up(void *context)
{
	struct mg_extension *extension = context;
	const struct xtables_match *match = mg_find_match(extension->name);
	const struct xtables_target *target = mg_find_target(extension->name);

	extension->has_match = match;
	extension->match_revision = match ? match->revision : 0;
	if (match)
		extension->match_options = (struct mg_option_source){ match->x6_options,
								      match->extra_opts };
	extension->has_target = target;
	extension->target_revision = target ? target->revision : 0;
	if (target)
		extension->target_options = (struct mg_option_source){ target->x6_options,
								       target->extra_opts };
	return 0;
}

/* Where libxtables looks: several folders, parted by colons. */
static int list_names(const char *path, struct mg_extensions *list, const char **where)
{
	const char *folders = getenv("XTABLES_LIBDIR");
	int err;

	*where = folders ? folders : path;
	err = read_folders(*where, list);
	if (err)
		mg_extensions_clear(list);
	sort_names(list);
	return err;
}

int mg_extensions_list(struct mg_extensions *out)
{
	char path[PATH_MAX];
	const char *where;
	int err = find_folder(path);

	return err ? err : list_names(path, out, &where);
}

int mg_extensions_read(enum mg_family family, struct mg_extensions *out, struct mg_error *error)
{
	struct mg_extensions list = { 0 };
	char path[PATH_MAX];
	const char *where;
	size_t i;
	int err = mg_session_open(error);

	if (err)
		return err;
	mg_session_family(family);
	if (mg_fence_run(find_folder, path, NULL))
		return mg_fail(
			error, -ENOENT, MG_ENVIRONMENT,
			"the target extension `standard' is missing: is iptables installed?");
	err = list_names(path, &list, &where);
	if (err)
		return mg_fail(error, err, MG_ENVIRONMENT, "cannot list the plugins in %s: %s",
			       where, strerror(-err));
	/* one run each: a plugin that fails must not hide the others */
	for (i = 0; i < list.count; i++)
		(void)mg_fence_run(look_up, &list.items[i], NULL);
	mg_extensions_clear(out);
	*out = list;
	return 0;
}

bool mg_extension_option(const struct mg_option_source *options, size_t number,
			 struct mg_extension_option *out)
{
	const struct xt_option_entry *entry = options->entries;
	const struct option *option = options->entries ? NULL : options->options;

	for (; entry && entry->name; entry++) {
		if (number--)
			continue;
		*out = (struct mg_extension_option){
			.name = entry->name,
			.has_value = entry->type != XTTYPE_NONE,
			.says_negation = true,
			.takes_negation = entry->flags & XTOPT_INVERT,
		};
		return true;
	}
	for (; option && option->name; option++) {
		if (number--)
			continue;
		*out = (struct mg_extension_option){
			.name = option->name,
			.has_value = option->has_arg != no_argument,
		};
		return true;
	}
	return false;
}
