/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See read_text.h. Sizes are not asked for first: a pipe has none.
 */
#include "read_text.h"

#include <errno.h>
#include <stdlib.h>

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
