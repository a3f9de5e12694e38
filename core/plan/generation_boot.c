/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a boot does with the generations: which one it loads, what it knows of
 * the operators, and which ones nobody has ever confirmed.
 *
 * Owns nothing between calls. Must not touch the kernel's tables, print or exit.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plan/state.h"
#include "plan/state_inner.h"
#include "ruleset/failure.h"

/* What the description of a generation tells without its rules. */
enum standing { CONFIRMED, UNCONFIRMED, UNREADABLE };

/* @operators: NULL, or where to put what it says of them, to be freed; NULL: nothing */
static enum standing standing_of(const struct mg_state *state, uint32_t number, char **operators)
{
	enum standing standing = UNREADABLE;
	json_t *meta = NULL;
	const char *text;

	if (mg_generation_meta(state, number, &meta, NULL))
		return UNREADABLE;
	standing = json_is_string(json_object_get(meta, "confirmed_by")) ? CONFIRMED : UNCONFIRMED;
	text = json_string_value(json_object_get(meta, "operators"));
	if (operators)
		*operators = text ? strdup(text) : NULL;
	/* without memory it is not known of whom it tells, which is not nobody */
	if (operators && text && !*operators)
		standing = UNREADABLE;
	json_decref(meta);
	return standing;
}

/* All generations, the newest first; none where the folder cannot be read. */
static uint32_t *list_all(const struct mg_state *state, size_t *count)
{
	const int generations = mg_generations_open(state, false, NULL);
	uint32_t *numbers = NULL;

	*count = 0;
	if (generations < 0)
		return NULL;
	if (mg_generations_list(generations, &numbers, count))
		*count = 0;
	close(generations);
	return numbers;
}

/* The newest whole one below @below that was confirmed. */
static int read_older(struct mg_state *state, const uint32_t *numbers, size_t count, uint32_t below,
		      struct mg_generation **out, struct mg_notes *notes)
{
	struct mg_error words = { 0 };
	size_t i;

	for (i = 0; i < count; i++) {
		if (numbers[i] >= below || standing_of(state, numbers[i], NULL) != CONFIRMED)
			continue;
		if (mg_state_read_generation(state, numbers[i], out, &words) == 0)
			return 0;
		if (mg_note(notes, MG_WARNING, NULL, NULL, "%s", words.text))
			return -ENOMEM;
	}
	return -ENOENT;
}

/* Is there a generation that was, or may have been, confirmed? */
static bool was_any_confirmed(const struct mg_state *state, const uint32_t *numbers, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (standing_of(state, numbers[i], NULL) != UNCONFIRMED)
			return true;
	return false;
}

int mg_state_find_lost(struct mg_state *state, struct mg_error *error)
{
	size_t count = 0, i;
	uint32_t *numbers = list_all(state, &count);
	int ret = 0;

	for (i = 0; i < count && !ret; i++)
		if (standing_of(state, numbers[i], NULL) == CONFIRMED)
			ret = mg_state_damaged(error, &state->state, MG_CONFIRMED, "it is missing");
	free(numbers);
	return ret;
}

int mg_state_read_bootable(struct mg_state *state, struct mg_generation **out,
			   struct mg_notes *notes, struct mg_error *error)
{
	struct mg_error words = { 0 };
	uint32_t *numbers = NULL, below = UINT32_MAX;
	size_t count = 0;
	int older, ret = mg_state_read_confirmed(state, out, &words);

	if (!ret)
		return 0;
	numbers = list_all(state, &count);
	if (ret == -ENOENT) {
		if (!was_any_confirmed(state, numbers, count))
			goto out;
		ret = mg_state_damaged(&words, &state->state, MG_CONFIRMED, "it is missing");
	}
	/* one above it is there if its confirmation failed half-way: it does not count */
	if (mg_state_read_link(state, &below, NULL))
		below = UINT32_MAX;
	older = read_older(state, numbers, count, below, out, notes);
	if (!older)
		older = mg_note(notes, MG_WARNING, NULL, "look at it, then apply the policy again",
				"%s\ngeneration %" PRIu32 ", which was confirmed before it, is "
				"loaded instead",
				words.text, (*out)->number);
	if (older == -ENOMEM)
		ret = mg_fail(error, older, MG_ENVIRONMENT, "out of memory");
	else if (older == 0)
		ret = 0;
	else if (error)
		*error = words;
out:
	free(numbers);
	return ret;
}

/* Does @text have this line? */
static bool has_line(const char *text, const char *line, size_t length)
{
	for (; *text; text += strcspn(text, "\n"), text += *text == '\n')
		if (strcspn(text, "\n") == length && strncmp(text, line, length) == 0)
			return true;
	return false;
}

/* Add those lines of @more that are not there. @all is freed; NULL: no memory. */
static char *add_lines(char *all, const char *more)
{
	size_t length;
	char *grown;

	for (; all && *more; more += length, more += *more == '\n') {
		length = strcspn(more, "\n");
		if (!length || has_line(all, more, length))
			continue;
		if (asprintf(&grown, "%s%.*s\n", all, (int)length, more) < 0)
			grown = NULL;
		free(all);
		all = grown;
	}
	return all;
}

int mg_state_operators(struct mg_state *state, char **out, struct mg_error *error)
{
	char *all = NULL, *some;
	size_t count = 0, i;
	uint32_t *numbers = list_all(state, &count);
	int ret = 0;

	for (i = 0; i < count && !ret; i++) {
		some = NULL;
		if (standing_of(state, numbers[i], &some) == CONFIRMED) {
			all = all ? all : strdup("");
			all = all && some ? add_lines(all, some) : all;
			if (!all)
				ret = mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory");
		}
		free(some);
	}
	free(numbers);
	if (ret)
		return ret;
	*out = all;
	return 0;
}

int mg_state_drop_unconfirmed(struct mg_state *state, struct mg_notes *notes,
			      struct mg_error *error)
{
	const int generations = mg_generations_open(state, false, NULL);
	size_t count = 0, i;
	uint32_t *numbers = list_all(state, &count), confirmed = 0;
	int ret = 0;

	if (mg_state_read_link(state, &confirmed, NULL))
		confirmed = 0;
	for (i = 0; i < count && !ret; i++) {
		if (numbers[i] == confirmed ||
		    standing_of(state, numbers[i], NULL) != UNCONFIRMED ||
		    mg_generation_remove(generations, numbers[i]))
			continue;
		ret = mg_note(notes, MG_WARNING, NULL,
			      "apply it again, and confirm it, if it is still wanted",
			      "generation %" PRIu32
			      " was applied and never confirmed: it is dropped",
			      numbers[i]);
	}
	free(numbers);
	if (generations >= 0)
		close(generations);
	return ret ? mg_fail(error, ret, MG_ENVIRONMENT, "out of memory") : 0;
}
