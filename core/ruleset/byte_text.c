/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as UTF-8 and back.
 *
 * Owns nothing. Must not know what the text is for.
 */
#include "byte_text.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* U+EF80 is EE BE 80, U+EFFF is EE BF BF. */
enum { PRIVATE_FIRST = 0xEF80, PRIVATE_LAST = 0xEFFF, LONGEST = 3 };

/* How long the character that begins with @byte is; 0 where none begins so. */
static size_t length_of(unsigned char byte)
{
	if (byte < 0x80)
		return 1;
	if (byte >= 0xC2 && byte <= 0xDF)
		return 2;
	if (byte >= 0xE0 && byte <= 0xEF)
		return 3;
	return byte >= 0xF0 && byte <= 0xF4 ? 4 : 0;
}

/* The character at @at and its length, or 0 where what stands there is none. */
static size_t read_character(const unsigned char *at, uint32_t *out)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const size_t length = length_of(*at);
	uint32_t code = length > 1 ? *at & (0x7FU >> length) : *at;
	size_t i;

	for (i = 1; i < length; i++) {
		if ((at[i] & 0xC0) != 0x80) /* the NUL at the end, for one */
			return 0;
		code = code << 6 | (at[i] & 0x3FU);
	}
	if (!length || code < least[length] || code > 0x10FFFF ||
	    (code >= 0xD800 && code <= 0xDFFF))
		return 0;
	*out = code;
	return length;
}

static bool stands_for_byte(uint32_t code)
{
	return code >= PRIVATE_FIRST && code <= PRIVATE_LAST;
}

static char *put_byte(char *out, unsigned char byte)
{
	*out++ = (char)0xEE;
	*out++ = (char)(0xBC | byte >> 6);
	*out++ = (char)(0x80 | (byte & 0x3F));
	return out;
}

char *mg_byte_text(const char *bytes)
{
	const unsigned char *at = (const unsigned char *)bytes;
	const size_t size = strlen(bytes);
	size_t length = 0;
	uint32_t code;
	char *text, *out;

	/* nearly always there is nothing to do */
	while (length < size && at[length] < 0x80)
		length++;
	if (length == size)
		return strdup(bytes);
	text = malloc(size * LONGEST + 1);
	if (!text)
		return NULL;
	for (out = text; *at; at += length) {
		length = read_character(at, &code);
		if (length && !stands_for_byte(code)) {
			memcpy(out, at, length);
			out += length;
			continue;
		}
		length = 1;
		out = put_byte(out, *at);
	}
	*out = '\0';
	return text;
}

void mg_byte_text_undo(char *text)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t length;
	uint32_t code;

	for (; *at; at += length) {
		length = read_character(at, &code);
		if (length && stands_for_byte(code)) {
			*text++ = (char)(code & 0xFF);
			continue;
		}
		length = length ? length : 1;
		memmove(text, at, length);
		text += length;
	}
	*text = '\0';
}
