/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See read_text.h. Sizes are not asked for first: a pipe has none.
 */
#include "read_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void mg_text_blank_start(char *text, size_t length)
{
	static const char mark[] = "\xEF\xBB\xBF";
	const size_t mark_size = sizeof(mark) - 1;
	size_t at = length >= mark_size && memcmp(text, mark, mark_size) == 0 ? mark_size : 0;

	memset(text, ' ', at);
	if (at < length && text[at] == '#')
		while (at < length && text[at] != '\n')
			text[at++] = ' ';
}

int mg_read_text(FILE *file, size_t largest, char **out, size_t *length)
{
	size_t size = 0, capacity = 16 * 1024;
	char *text = NULL, *grown;

	do {
		capacity *= 2;
		grown = realloc(text, capacity);
		if (!grown) {
			free(text);
			return -ENOMEM;
		}
		text = grown;
		errno = 0;
		size += fread(text + size, 1, capacity - size, file);
	} while (size == capacity && size <= largest);
	if (ferror(file) || size > largest) {
		int err = !ferror(file) ? -EFBIG : errno ? -errno : -EIO;

		free(text);
		return err;
	}
	*out = text;
	*length = size;
	return 0;
}
