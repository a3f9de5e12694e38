/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What meta.json tells of how a generation came to be: which files it was made
 * from, what it changed, who did it from where. It is for people: a boot needs
 * none of it, and a generation of before it was written down has none.
 *
 * Owns nothing between calls. Must not touch the kernel's tables, print or exit.
 */
#include <stdlib.h>
#include <string.h>

#include "plan/state.h"
#include "plan/state_inner.h"

/* A policy that reads more of them is hard to imagine; the record has to end somewhere. */
enum { MOST_FILES = 1000 };

/* The numbers of a summary. */
static const struct {
	const char *key;
	size_t at;
} numbers[] = {
	{ "added", offsetof(struct mg_plan_summary, added) },
	{ "removed", offsetof(struct mg_plan_summary, removed) },
	{ "moved", offsetof(struct mg_plan_summary, moved) },
	{ "kept", offsetof(struct mg_plan_summary, kept) },
	{ "chains_added", offsetof(struct mg_plan_summary, chains_added) },
	{ "chains_removed", offsetof(struct mg_plan_summary, chains_removed) },
	{ "policies_changed", offsetof(struct mg_plan_summary, policies_changed) },
	{ "foreign_rules", offsetof(struct mg_plan_summary, foreign_rules) },
	{ "foreign_chains", offsetof(struct mg_plan_summary, foreign_chains) },
	{ "sets_added", offsetof(struct mg_plan_summary, sets_added) },
	{ "sets_removed", offsetof(struct mg_plan_summary, sets_removed) },
	{ "members_added", offsetof(struct mg_plan_summary, members_added) },
	{ "members_removed", offsetof(struct mg_plan_summary, members_removed) },
};

enum { NUMBERS = sizeof(numbers) / sizeof(*numbers) };

/* NULL in any of these means no memory. */

static json_t *describe_summary(const struct mg_generation *generation)
{
	json_t *object;
	size_t i;

	if (!generation->has_summary)
		return json_null();
	object = json_object();
	for (i = 0; i < NUMBERS && object; i++) {
		size_t number;

		memcpy(&number, (const char *)&generation->summary + numbers[i].at, sizeof(number));
		if (json_object_set_new(object, numbers[i].key, json_integer((json_int_t)number)) <
		    0) {
			json_decref(object);
			object = NULL;
		}
	}
	return object;
}

static json_t *describe_files(const struct mg_generation *generation)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < generation->file_count && i < MOST_FILES && list; i++) {
		const struct mg_generation_file *file = &generation->files[i];

		if (json_array_append_new(list,
					  json_pack("{s:s, s:o, s:o, s:s}", "kind", file->kind,
						    "name", mg_state_string(file->name), "path",
						    mg_state_string(file->path), "sha256",
						    file->sha256)) < 0) {
			json_decref(list);
			list = NULL;
		}
	}
	return list;
}

int mg_generation_put_story(json_t *meta, const struct mg_generation *generation)
{
	json_t *story =
		json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "version", mg_state_string(MG_VERSION),
			  "peer", mg_state_string(generation->peer), "from",
			  generation->from ? json_integer(generation->from) : json_null(),
			  "confirmed_at", json_null(), "summary", describe_summary(generation),
			  "sources", describe_files(generation));
	int ret = story && json_object_update(meta, story) == 0 ? 0 : -1;

	json_decref(story);
	return ret;
}

static bool take_number(const json_t *meta, const char *key, int64_t *out)
{
	const json_t *value = json_object_get(meta, key);

	*out = 0;
	if (!value || json_is_null(value))
		return true;
	*out = json_integer_value(value);
	return json_is_integer(value) && *out >= 0;
}

static bool take_summary(const json_t *summary, struct mg_generation *out)
{
	size_t i;

	if (!summary || json_is_null(summary))
		return true;
	for (i = 0; i < NUMBERS; i++) {
		int64_t number;
		size_t size;

		if (!take_number(summary, numbers[i].key, &number))
			return false;
		size = (size_t)number;
		memcpy((char *)&out->summary + numbers[i].at, &size, sizeof(size));
	}
	out->has_summary = json_is_object(summary);
	return out->has_summary;
}

static bool take_text(const json_t *object, const char *key, const char **out)
{
	const char *text = json_string_value(json_object_get(object, key));

	*out = text ? strdup(text) : NULL;
	return *out != NULL;
}

static bool take_files(const json_t *list, struct mg_generation *out)
{
	const size_t count = json_array_size(list);

	if (!list)
		return true;
	if (!json_is_array(list) || count > MOST_FILES)
		return false;
	out->files = calloc(count ? count : 1, sizeof(*out->files));
	if (!out->files)
		return false;
	for (; out->file_count < count; out->file_count++) {
		struct mg_generation_file *file = &out->files[out->file_count];
		const json_t *about = json_array_get(list, out->file_count);

		if (!take_text(about, "kind", &file->kind) ||
		    !take_text(about, "name", &file->name) ||
		    !take_text(about, "path", &file->path) ||
		    !take_text(about, "sha256", &file->sha256)) {
			out->file_count++; /* what it has is to be freed */
			return false;
		}
	}
	return true;
}

static bool take_optional(const json_t *meta, const char *key, char **out)
{
	const json_t *value = json_object_get(meta, key);

	if (!value || json_is_null(value))
		return true;
	*out = json_is_string(value) ? strdup(json_string_value(value)) : NULL;
	return *out != NULL;
}

bool mg_generation_take_story(const json_t *meta, struct mg_generation *out)
{
	int64_t from;

	if (!take_number(meta, "from", &from) || from > UINT32_MAX ||
	    !take_number(meta, "confirmed_at", &out->confirmed_at) ||
	    !take_optional(meta, "version", &out->version) ||
	    !take_optional(meta, "peer", &out->peer) ||
	    !take_summary(json_object_get(meta, "summary"), out) ||
	    !take_files(json_object_get(meta, "sources"), out))
		return false;
	out->from = (uint32_t)from;
	return true;
}

void mg_generation_lend_story(const struct mg_generation *from, struct mg_generation *to)
{
	to->peer = from->peer;
	to->from = from->from;
	to->has_summary = from->has_summary;
	to->summary = from->summary;
	to->files = from->files;
	to->file_count = from->file_count;
}

void mg_generation_free_story(struct mg_generation *generation)
{
	size_t i;

	for (i = 0; i < generation->file_count; i++) {
		free((char *)generation->files[i].kind);
		free((char *)generation->files[i].name);
		free((char *)generation->files[i].path);
		free((char *)generation->files[i].sha256);
	}
	free(generation->files);
	free(generation->version);
	free(generation->peer);
}
