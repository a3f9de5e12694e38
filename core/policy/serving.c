/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parent's answers. A question may come from an enemy: what it names is
 * looked at before anything is done with it, and every answer is the one that
 * the policy would have got without the confinement.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "confined.h"
#include "ruleset/crossing.h"
#include "ruleset/failure.h"

enum { MOST_FOLDERS = 16, LONGEST_NAME = 512, MOST_LISTED = 32 * 1024, MOST_LOOKUPS = 10000 };

/* A text of a question that can be printed, and has no more than @longest bytes; or NULL. */
static const char *unpack_name(struct mg_unpacking *question, size_t longest)
{
	const char *text = mg_unpack_text(question);
	const size_t length = text ? strlen(text) : 0;

	return text && length <= longest && !strchr(text, '\t') &&
			       mg_find_control(text, length) == length
		       ? text
		       : NULL;
}

/* Does it stay below the folder in which it is looked for, as far as names tell? */
static bool is_inner_path(const char *path)
{
	const char *at = path;

	if (*path == '/' || strlen(path) >= PATH_MAX)
		return false;
	for (; at; at = strchr(at, '/')) {
		at += *at == '/';
		if (strncmp(at, "..", 2) == 0 && (!at[2] || at[2] == '/'))
			return false;
	}
	return true;
}

static void pack_error(struct mg_parcel *answer, int err, const struct mg_error *error)
{
	mg_parcel_number(answer, (uint32_t)-err);
	mg_parcel_number(answer, (uint32_t)(err ? error->status : MG_DONE));
	mg_parcel_text(answer, err ? error->text : "");
}

static int reply(const struct mg_serving *serving, struct mg_parcel *answer)
{
	int err = mg_wire_send(&serving->wire, MG_ANSWER, answer);

	mg_parcel_clear(answer);
	return err;
}

/* The folders of the search path that are meant; @numbers: which they are there. */
static void choose_folders(const struct mg_serving *serving, uint32_t bits,
			   const char *folders[MOST_FOLDERS + 1])
{
	const char *const *all = serving->sources->folders;
	size_t count = 0, i;

	for (i = 0; i < MOST_FOLDERS && all && all[i]; i++)
		if (bits & 1U << i)
			folders[count++] = all[i];
	folders[count] = NULL;
}

static uint32_t number_of(const struct mg_serving *serving, const char *folder)
{
	uint32_t i;

	for (i = 0; serving->sources->folders[i] != folder; i++)
		;
	return i;
}

static int serve_file(struct mg_serving *serving, struct mg_unpacking *question)
{
	const char *folders[MOST_FOLDERS + 1], *folder, *name, *path;
	const uint32_t kind = mg_unpack_number(question);
	struct mg_parcel answer = { .size = 0 };
	struct mg_error error = { .status = MG_DONE };
	char *text = NULL;
	size_t length = 0;
	int err;

	choose_folders(serving, mg_unpack_number(question), folders);
	name = mg_unpack_text(question);
	path = mg_unpack_text(question);
	if ((kind != MG_SOURCE_MODULE && kind != MG_SOURCE_ADDRESSES) || !name || !path ||
	    strlen(name) > PATH_MAX || !is_inner_path(path))
		return -EBADMSG;
	err = mg_sources_find(serving->sources, (enum mg_source_kind)kind, folders, name, path,
			      &folder, &text, &length, &error);
	pack_error(&answer, err, &error);
	if (!err) {
		mg_parcel_number(&answer, number_of(serving, folder));
		mg_parcel_bytes(&answer, text, length);
		free(text);
	}
	return reply(serving, &answer);
}

static int serve_list(struct mg_serving *serving, struct mg_unpacking *question)
{
	const char *path = unpack_name(question, LONGEST_NAME);
	const uint32_t size = mg_unpack_number(question);
	struct mg_parcel answer = { .size = 0 };
	char names[MOST_LISTED];

	if (!path || !is_inner_path(path) || size > sizeof(names) || !size)
		return -EBADMSG;
	names[0] = '\0';
	if (serving->sources->folders)
		mg_sources_list(serving->sources, path, names, size);
	mg_parcel_bytes(&answer, names, strlen(names));
	return reply(serving, &answer);
}

/* Looking names up takes as long as it takes: the operator asked for it. */
static int serve_name(struct mg_serving *serving, struct mg_unpacking *question)
{
	const struct mg_name_source *names = serving->evaluation->names;
	const char *name = unpack_name(question, LONGEST_NAME);
	const int64_t began = mg_wire_now();
	const struct mg_resolved_name *found = NULL;
	struct mg_parcel answer = { .size = 0 };
	struct mg_error error = { .status = MG_DONE };
	int64_t took;
	size_t i;
	int err;

	if (!name || !names)
		return -EBADMSG;
	/* its time does not count, so that somebody could go on for ever */
	if (++serving->lookups > MOST_LOOKUPS)
		err = mg_fail(&error, -E2BIG, MG_INVALID, "is one name too many: more than %d",
			      MOST_LOOKUPS);
	else
		err = names->find(names->context, name, &found, &error);
	took = mg_wire_now() - began;
	serving->wire.deadline += took;
	serving->until += took;
	pack_error(&answer, err, &error);
	if (!err) {
		mg_parcel_number(&answer, (uint32_t)found->count);
		for (i = 0; i < found->count; i++) {
			mg_parcel_number(&answer, (uint32_t)found->addresses[i].family);
			mg_parcel_bytes(&answer, found->addresses[i].bytes,
					sizeof(found->addresses[i].bytes));
		}
	}
	return reply(serving, &answer);
}

static int serve_families(struct mg_serving *serving, struct mg_unpacking *question)
{
	const char *name = unpack_name(question, LONGEST_NAME);
	struct mg_parcel answer = { .size = 0 };

	if (!name || !serving->evaluation->set_families)
		return -EBADMSG;
	mg_parcel_number(&answer, serving->evaluation->set_families(name));
	return reply(serving, &answer);
}

static int serve_language(struct mg_serving *serving, struct mg_unpacking *question)
{
	const char *name = unpack_name(question, LONGEST_NAME);
	struct mg_parcel answer = { .size = 0 };
	char *text = NULL;
	size_t length = 0;
	int err;

	if (!name)
		return -EBADMSG;
	err = mg_language_read(&serving->language, name, &text, &length);
	mg_parcel_number(&answer, (uint32_t)-err);
	mg_parcel_bytes(&answer, text, length);
	free(text);
	return reply(serving, &answer);
}

int mg_serve(struct mg_serving *serving, enum mg_message kind, const struct mg_parcel *message)
{
	struct mg_unpacking question = { message->bytes, message->size, false };

	switch (kind) {
	case MG_ASK_FILE: return serve_file(serving, &question);
	case MG_ASK_LIST: return serve_list(serving, &question);
	case MG_ASK_NAME: return serve_name(serving, &question);
	case MG_ASK_FAMILIES: return serve_families(serving, &question);
	case MG_ASK_LANGUAGE: return serve_language(serving, &question);
	default: return -EBADMSG;
	}
}
