/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The files that a saved plan was made from: for the history, which is to name
 * them and not the plan alone.
 *
 * Must not touch files, print or exit.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ruleset/byte_text.h"
#include "saved_inner.h"

enum { MOST_FILES = 10 * 1000 };

void mg_saved_files_clear(struct mg_saved_plan *saved)
{
	size_t i;

	for (i = 0; i < saved->file_count; i++) {
		free((char *)saved->files[i].kind);
		free((char *)saved->files[i].name);
		free((char *)saved->files[i].path);
		free((char *)saved->files[i].sha256);
	}
	free(saved->files);
	saved->files = NULL;
	saved->file_count = 0;
}

int mg_saved_files_copy(struct mg_saved_plan *saved, const struct mg_generation_file *files,
			size_t count)
{
	saved->files = calloc(count + 1, sizeof(*saved->files));
	if (!saved->files)
		return -ENOMEM;
	for (; saved->file_count < count; saved->file_count++) {
		const struct mg_generation_file *file = &files[saved->file_count];
		struct mg_generation_file *copy = &saved->files[saved->file_count];

		copy->kind = strdup(file->kind);
		copy->name = strdup(file->name);
		copy->path = strdup(file->path);
		copy->sha256 = strdup(file->sha256);
		if (!copy->kind || !copy->name || !copy->path || !copy->sha256) {
			saved->file_count++; /* what it has is to be freed */
			return -ENOMEM;
		}
	}
	return 0;
}

/* NULL: no memory */
static json_t *text_of(const char *bytes)
{
	char *text = mg_byte_text(bytes);
	json_t *string = text ? json_string(text) : NULL;

	free(text);
	return string;
}

json_t *mg_saved_files_list(const struct mg_saved_plan *saved)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < saved->file_count && list; i++) {
		const struct mg_generation_file *file = &saved->files[i];

		if (json_array_append_new(list,
					  json_pack("{s:s, s:o, s:o, s:s}", "kind", file->kind,
						    "name", text_of(file->name), "path",
						    text_of(file->path), "sha256", file->sha256))) {
			json_decref(list);
			list = NULL;
		}
	}
	return list;
}

static char *bytes_of(const json_t *value)
{
	char *bytes = json_is_string(value) ? strdup(json_string_value(value)) : NULL;

	if (bytes)
		mg_byte_text_undo(bytes);
	return bytes;
}

int mg_saved_files_take(const json_t *list, struct mg_saved_plan *saved)
{
	const size_t count = json_array_size(list);

	if (!list) /* of before they were written down */
		return 0;
	if (!json_is_array(list) || count > MOST_FILES)
		return -EBADMSG;
	saved->files = calloc(count + 1, sizeof(*saved->files));
	if (!saved->files)
		return -ENOMEM;
	for (; saved->file_count < count; saved->file_count++) {
		const json_t *about = json_array_get(list, saved->file_count);
		struct mg_generation_file *file = &saved->files[saved->file_count];

		file->kind = bytes_of(json_object_get(about, "kind"));
		file->name = bytes_of(json_object_get(about, "name"));
		file->path = bytes_of(json_object_get(about, "path"));
		file->sha256 = bytes_of(json_object_get(about, "sha256"));
		if (!file->kind || !file->name || !file->path || !file->sha256) {
			saved->file_count++;
			return -EBADMSG;
		}
	}
	return 0;
}
