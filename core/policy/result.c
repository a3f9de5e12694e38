/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What came of a policy: notes, and a ruleset or an error. Its words go to a
 * terminal, so what a terminal would obey is taken out of them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "confined.h"
#include "primitives.h"
#include "ruleset/crossing.h"
#include "ruleset/failure.h"

/* Lines and tabs stay. @text: changed in its place */
static void make_harmless(char *text)
{
	size_t length = strlen(text), at = 0;

	while ((at += mg_find_control(text + at, length - at)) < length) {
		if ((unsigned char)text[at] == 0xc2)
			text[at++] = '?';
		if (text[at] != '\n')
			text[at] = '?';
		at++;
	}
}

static int no_memory(struct mg_error *error)
{
	return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory");
}

/* A copy that may be printed; NULL where there is none, or no memory. */
static char *copy(const char *text)
{
	char *out = text ? strdup(text) : NULL;

	if (out)
		make_harmless(out);
	return out;
}

static int forged(struct mg_error *error, const char *what)
{
	return mg_fail(error, -EBADMSG, MG_INVALID,
		       "the evaluation handed back what no policy makes: %s", what);
}

/* Notes of a child are remarks and warnings; a refusal is not its to make. */
static int take_note(struct mg_serving *serving, struct mg_unpacking *result,
		     struct mg_error *error)
{
	const uint32_t severity = mg_unpack_number(result);
	const char *texts[3];
	char *copies[3];
	int i, err = 0;

	for (i = 0; i < 3; i++) /* place, words, remedy */
		texts[i] = mg_unpack_text(result);
	if (result->wrong || !texts[1] || (severity != MG_INFO && severity != MG_WARNING))
		return forged(error, "a note that is none");
	for (i = 0; i < 3; i++) {
		copies[i] = copy(texts[i]);
		if (texts[i] && !copies[i])
			err = -ENOMEM;
	}
	if (!err)
		err = mg_note(serving->notes, (enum mg_severity)severity, copies[0], copies[2],
			      "%s", copies[1]);
	for (i = 0; i < 3; i++)
		free(copies[i]);
	return err ? no_memory(error) : 0;
}

static int take_error(struct mg_unpacking *result, bool *failed, struct mg_error *error)
{
	const uint32_t number = mg_unpack_number(result);
	const uint32_t status = mg_unpack_number(result);
	char *words = copy(mg_unpack_text(result));

	if (result->wrong || !words) {
		free(words);
		return forged(error, "an error without words");
	}
	*failed = number;
	if (number)
		mg_set_error(error, status == MG_ENVIRONMENT ? MG_ENVIRONMENT : MG_INVALID, "%s",
			     words);
	free(words);
	return 0;
}

static int take_areas(struct mg_serving *serving, struct mg_unpacking *result,
		      struct mg_crossing *crossing, struct mg_error *error)
{
	int area, err = 0;

	for (area = 0; area < MG_AREAS; area++)
		crossing->areas[area].size = mg_unpack_number(result);
	if (result->wrong || result->left)
		return forged(error, "a result that is none");
	for (area = 0; area < MG_AREAS && !err; area++) {
		const size_t size = crossing->areas[area].size;

		if (size > mg_crossing_most((enum mg_area)area))
			return forged(error, "an area of an impossible size");
		crossing->areas[area].bytes = malloc(size + 1);
		if (!crossing->areas[area].bytes)
			return no_memory(error);
		err = mg_wire_read(&serving->wire, crossing->areas[area].bytes, size);
	}
	return err;
}

int mg_take_result(struct mg_serving *serving, const struct mg_parcel *message,
		   struct mg_ruleset **out, struct mg_error *error)
{
	struct mg_unpacking result = { message->bytes, message->size, false };
	struct mg_crossing crossing = { .areas = { { .bytes = NULL } } };
	struct mg_error words = { .status = MG_DONE };
	bool failed = false;
	uint32_t count;
	int err = take_error(&result, &failed, &words);

	count = mg_unpack_number(&result);
	if (!err && count > MG_MOST_NOTES)
		err = forged(&words, "more notes than there can be");
	for (; count && !err; count--)
		err = take_note(serving, &result, &words);
	if (!err && failed)
		err = result.wrong || result.left ? forged(&words, "an error and more") : -EINVAL;
	if (err) {
		if (error && words.text[0])
			*error = words;
		return err;
	}
	err = take_areas(serving, &result, &crossing, error);
	if (!err)
		err = mg_ruleset_arrive(&crossing, out, error);
	mg_crossing_clear(&crossing);
	return err;
}
