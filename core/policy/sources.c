/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See sources.h.
 */
#include "sources.h"

#include <errno.h>
#include <limits.h>
#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "modules.h"
#include "read_text.h"
#include "ruleset/failure.h"
#include "ruleset/growable.h"

enum { LARGEST_POLICY = 64 * 1024 * 1024 };

/* What was read, before it is handed out. */
struct taking {
	enum mg_source_kind kind;
	const char *name, *path;
	char *text;
	size_t length;
};

void mg_sources_clear(struct mg_sources *sources)
{
	size_t i;

	for (i = 0; i < sources->count; i++) {
		free(sources->items[i].name);
		free(sources->items[i].path);
	}
	free(sources->items);
	sources->items = NULL;
	sources->count = sources->capacity = 0;
}

static const char *const kind_names[] = {
	[MG_SOURCE_POLICY] = "policy",	     [MG_SOURCE_MODULE] = "module",
	[MG_SOURCE_ADDRESSES] = "addresses", [MG_SOURCE_NAMES] = "names",
	[MG_SOURCE_PINS] = "pins",	     [MG_SOURCE_FACTS] = "facts",
	[MG_SOURCE_PLAN] = "plan",
};

const char *mg_source_kind_name(enum mg_source_kind kind)
{
	return kind_names[kind];
}

static int no_memory(struct mg_error *error)
{
	return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory");
}

/* The file, as it was met under this name, or, with NULL, under any. */
static const struct mg_source_file *find_path(const struct mg_sources *sources,
					      enum mg_source_kind kind, const char *path,
					      const char *name)
{
	size_t i;

	for (i = 0; i < sources->count; i++)
		if (sources->items[i].kind == kind && strcmp(sources->items[i].path, path) == 0 &&
		    (!name || strcmp(sources->items[i].name, name) == 0))
			return &sources->items[i];
	return NULL;
}

/* @path is taken over, or freed. */
static int add(struct mg_sources *sources, const struct taking *taking, char *path,
	       const char *sha256, struct mg_error *error)
{
	struct mg_source_file *source;

	if (mg_make_room((void **)&sources->items, &sources->capacity, sources->count + 1,
			 sizeof(*sources->items)))
		goto out;
	source = &sources->items[sources->count];
	*source = (struct mg_source_file){ .kind = taking->kind, .path = path };
	source->name = strdup(taking->name);
	if (!source->name)
		goto out;
	memcpy(source->sha256, sha256, MG_SHA256_SIZE);
	sources->count++;
	return 0;
out:
	free(path);
	return no_memory(error);
}

/* Where it lies, to be freed; a pipe has no better name than it was given. */
static char *real_path(const char *path)
{
	char *real = realpath(path, NULL);

	return real ? real : strdup(path);
}

/* Note the file, and hand out its text; else free that. */
static int take(struct mg_sources *sources, const struct taking *taking, char **text,
		size_t *length, struct mg_error *error)
{
	const struct mg_source_file *known;
	char sha256[MG_SHA256_SIZE];
	char *path = real_path(taking->path);
	int err = 0;

	if (!path) {
		err = no_memory(error);
		goto out;
	}
	SHA256Data((const uint8_t *)taking->text, taking->length, sha256);
	if (taking->kind == MG_SOURCE_MODULE && sources->pins)
		err = mg_pins_check(sources->pins, taking->name, path, sha256, error);
	if (err) {
		free(path);
		goto out;
	}
	known = find_path(sources, taking->kind, path, NULL);
	if (known && strcmp(known->sha256, sha256) != 0)
		err = mg_fail(error, -EAGAIN, MG_INVALID,
			      "%s was changed while the policy was read: try again", path);
	/* a module that is a link to another one is to be pinned under both names */
	if (known && taking->kind == MG_SOURCE_MODULE)
		known = find_path(sources, taking->kind, path, taking->name);
	if (err || known)
		free(path);
	else
		err = add(sources, taking, path, sha256, error);
out:
	if (err) {
		free(taking->text);
		return err;
	}
	mg_text_blank_start(taking->text, taking->length);
	*text = taking->text;
	*length = taking->length;
	return 0;
}

static const char *file_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

int mg_sources_policy(struct mg_sources *sources, const char *path, char **text, size_t *length,
		      struct mg_error *error)
{
	struct taking taking = { MG_SOURCE_POLICY, file_name(path), path, NULL, 0 };
	FILE *file = fopen(path, "re");
	int err = file ? 0 : -errno;

	if (file) {
		err = mg_policy_judge(fileno(file), path, error);
		if (err) {
			fclose(file);
			return err;
		}
		err = mg_read_text(file, LARGEST_POLICY, &taking.text, &taking.length);
		fclose(file);
	}
	if (err)
		return mg_fail(error, err, MG_INVALID, "cannot read the policy %s: %s", path,
			       strerror(-err));
	return take(sources, &taking, text, length, error);
}

/* "roles.web" of "roles/web.lua" */
static void module_name(const char *path, char *out, size_t size)
{
	const size_t length = strlen(path);
	char *slash;

	snprintf(out, size, "%.*s", (int)(length > 4 ? length - 4 : length), path);
	while ((slash = strchr(out, '/')))
		*slash = '.';
}

int mg_sources_module(struct mg_sources *sources, const char *path, char **text, size_t *length,
		      struct mg_error *error)
{
	const char *folder;
	char name[PATH_MAX];

	module_name(path, name, sizeof(name));
	return mg_sources_find(sources, MG_SOURCE_MODULE, sources->folders, name, path, &folder,
			       text, length, error);
}

int mg_sources_find(struct mg_sources *sources, enum mg_source_kind kind,
		    const char *const *folders, const char *name, const char *path,
		    const char **folder, char **text, size_t *length, struct mg_error *error)
{
	struct taking taking = { .kind = kind, .name = name };
	char *whole;
	int err;

	if (sources->agent)
		return sources->agent->find(sources, kind, folders, name, path, folder, text,
					    length, error);
	err = mg_module_find(folders, path, folder, &taking.text, &taking.length, error);
	if (err)
		return err;
	if (asprintf(&whole, "%s/%s", *folder, path) < 0) {
		free(taking.text);
		return no_memory(error);
	}
	taking.path = whole;
	err = take(sources, &taking, text, length, error);
	free(whole);
	return err;
}

int mg_sources_recall(struct mg_sources *sources, const char *kind, const char *name,
		      const char *path, const char *sha256, struct mg_error *error)
{
	struct taking taking = { .name = name, .path = path };
	char *copy = strdup(path), sum[MG_SHA256_SIZE];

	while (taking.kind < MG_SOURCE_PLAN && strcmp(kind_names[taking.kind], kind) != 0)
		taking.kind++;
	snprintf(sum, sizeof(sum), "%s", sha256);
	return copy ? add(sources, &taking, copy, sum, error) : no_memory(error);
}

int mg_sources_note(struct mg_sources *sources, enum mg_source_kind kind, const char *path,
		    const char *sha256, struct mg_error *error)
{
	const struct taking taking = { kind, file_name(path), path, NULL, 0 };
	char *real = real_path(path);

	return real ? add(sources, &taking, real, sha256, error) : no_memory(error);
}

void mg_sources_list(const struct mg_sources *sources, const char *path, char *out, size_t size)
{
	if (sources->agent)
		sources->agent->list(path, out, size);
	else
		mg_module_list(sources->folders, path, out, size);
}

const char *mg_sources_real(const struct mg_sources *sources, size_t index, char *out)
{
	return sources->agent ? sources->agent->real[index]
			      : realpath(sources->folders[index], out);
}
