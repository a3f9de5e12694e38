/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Filling in struct mg_error and struct mg_notes.
 *
 * Owns the strings of a list of notes. Must not print or exit.
 */
#include "ruleset/failure.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Copy @text, which is no longer than there is room for, into @error. @cut:
 * it filled all of the room and lost its end; dots say so.
 */
static void set_text(struct mg_error *error, const char *text, bool cut)
{
	size_t length = strlen(text);

	memcpy(error->text, text, length + 1);
	if (!cut)
		return;
	length -= 3;
	/* never leave half of an UTF-8 character in front of the dots */
	while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80)
		length--;
	memcpy(error->text + length, "...", 4);
}

void mg_set_error(struct mg_error *error, enum mg_status status, const char *format, ...)
{
	/* apart from error->text, which may well be one of the arguments */
	char text[sizeof(((struct mg_error *)0)->text)];
	int saved = errno;
	va_list args;
	int wanted;

	if (!error)
		return;
	va_start(args, format);
	wanted = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (wanted < 0)
		text[0] = '\0';
	error->status = status;
	set_text(error, text, wanted >= (int)sizeof(text));
	errno = saved;
}

void mg_error_prefix(struct mg_error *error, const char *prefix)
{
	char text[sizeof(error->text)];
	int wanted;

	if (!error)
		return;
	wanted = snprintf(text, sizeof(text), "%s: %s", prefix, error->text);
	if (wanted >= 0)
		set_text(error, text, wanted >= (int)sizeof(text));
}

void mg_error_origin(struct mg_error *error, const char *origin)
{
	/* a file's name may hold a space, a helper's may not */
	const char *space = strrchr(origin, ' ');
	char prefix[512];

	if (!*origin)
		return;
	if (space)
		snprintf(prefix, sizeof(prefix), "%.*s: %s", (int)(space - origin), origin,
			 space + 1);
	else
		snprintf(prefix, sizeof(prefix), "%s", origin);
	mg_error_prefix(error, prefix);
}

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool is_there(const struct mg_notes *notes, const struct mg_note *note)
{
	for (size_t i = 0; i < notes->count; i++) {
		const struct mg_note *other = &notes->items[i];

		if (other->severity == note->severity && same(other->place, note->place) &&
		    same(other->text, note->text) && same(other->remedy, note->remedy))
			return true;
	}
	return false;
}

static void note_clear(struct mg_note *note)
{
	free(note->place);
	free(note->text);
	free(note->remedy);
}

static int make_room(struct mg_notes *notes)
{
	size_t capacity = notes->capacity ? notes->capacity * 2 : 8;
	struct mg_note *items;

	if (notes->count < notes->capacity)
		return 0;
	items = reallocarray(notes->items, capacity, sizeof(*items));
	if (!items)
		return -ENOMEM;
	notes->items = items;
	notes->capacity = capacity;
	return 0;
}

int mg_note(struct mg_notes *notes, enum mg_severity severity, const char *place,
	    const char *remedy, const char *format, ...)
{
	struct mg_note note = { .severity = severity };
	va_list args;
	int ret = -ENOMEM;

	va_start(args, format);
	if (vasprintf(&note.text, format, args) < 0)
		note.text = NULL; /* the C library leaves it undefined */
	va_end(args);
	if (!note.text)
		goto out;
	if (place && !(note.place = strdup(place)))
		goto out;
	if (remedy && !(note.remedy = strdup(remedy)))
		goto out;

	ret = 0;
	if (is_there(notes, &note))
		goto out;
	ret = make_room(notes);
	if (ret)
		goto out;
	notes->items[notes->count++] = note;
	return 0;
out:
	note_clear(&note);
	return ret;
}

void mg_notes_clear(struct mg_notes *notes)
{
	if (!notes)
		return;
	for (size_t i = 0; i < notes->count; i++)
		note_clear(&notes->items[i]);
	free(notes->items);
	*notes = (struct mg_notes){ 0 };
}
