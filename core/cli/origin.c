/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Splitting from the end, where the parts are known: the file's name comes
 * first and may be anything.
 */
#include "origin.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* ":12" at the end of @text, @length long: the length of what stands before it, or 0. */
static size_t before_line(const char *text, size_t length)
{
	size_t at = length;

	while (at > 0 && isdigit((unsigned char)text[at - 1]))
		at--;
	return at > 1 && at < length && text[at - 1] == ':' ? at - 1 : 0;
}

struct origin split_origin(const char *text)
{
	const char *space = strrchr(text, ' ');
	const size_t length = strlen(text);
	struct origin origin = { .place = text, .place_length = length };

	/* without a helper: the last space is one of the file's name */
	origin.file_length = before_line(text, length);
	if (!origin.file_length && space) {
		origin.helper = space + 1;
		origin.place_length = (size_t)(space - text);
		origin.file_length = before_line(text, origin.place_length);
	}
	if (origin.file_length) {
		origin.file = text;
		origin.line = (unsigned int)strtoul(text + origin.file_length + 1, NULL, 10);
		return origin;
	}
	/* made where no line of a policy is known */
	return (struct origin){ .helper = *text ? text : NULL };
}
