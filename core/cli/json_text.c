/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel keeps a comment, a log prefix or an interface's name as bytes;
 * JSON is UTF-8, and jansson takes nothing else.
 */
#include "json_text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* U+FFFD, the replacement character. */
static const char replacement[] = "\357\277\275";

enum { REPLACEMENT_LENGTH = sizeof(replacement) - 1 };

/*
 * The length of the valid character that @text begins with, 0 if there is
 * none: no surrogates, nothing above U+10FFFF, nothing longer than need be
 * (RFC 3629).
 */
static size_t character(const unsigned char *text, size_t left)
{
	static const struct {
		unsigned char first, last, second_from, second_to, length;
	} forms[] = {
		{ 0x00, 0x7f, 0, 0, 1 },       { 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};
	size_t i, j;

	for (i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		if (*text < forms[i].first || *text > forms[i].last)
			continue;
		if (forms[i].length > left)
			return 0;
		if (forms[i].length > 1 &&
		    (text[1] < forms[i].second_from || text[1] > forms[i].second_to))
			return 0;
		for (j = 2; j < forms[i].length; j++)
			if ((text[j] & 0xc0) != 0x80)
				return 0;
		return forms[i].length;
	}
	return 0;
}

/* Where the first byte stands that is no part of a character, or @length. */
static size_t valid_until(const char *text, size_t length)
{
	size_t at = 0, step;

	while (at < length) {
		step = character((const unsigned char *)text + at, length - at);
		if (!step)
			break;
		at += step;
	}
	return at;
}

json_t *json_text_of(const char *text, size_t length)
{
	size_t from = 0, size = valid_until(text, length);
	json_t *string;
	char *mended;

	if (size == length)
		return json_stringn_nocheck(text, length);
	if (length > SIZE_MAX / REPLACEMENT_LENGTH)
		return NULL;
	mended = malloc(length * REPLACEMENT_LENGTH);
	if (!mended)
		return NULL;
	for (size = 0; from < length;) {
		const size_t part = valid_until(text + from, length - from);

		memcpy(mended + size, text + from, part);
		from += part;
		size += part;
		if (from == length)
			break;
		memcpy(mended + size, replacement, REPLACEMENT_LENGTH);
		size += REPLACEMENT_LENGTH;
		from++;
	}
	string = json_stringn_nocheck(mended, size);
	free(mended);
	return string;
}
