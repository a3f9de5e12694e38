/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Making room in a growing array.
 */
#ifndef MG_GROWABLE_H
#define MG_GROWABLE_H

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

/**
 * Make sure that *@items has room for @needed elements of @size bytes.
 * Returns 0 or -ENOMEM (the array is as it was).
 */
static inline int mg_make_room(void **items, size_t *capacity, size_t needed, size_t size)
{
	size_t wanted = *capacity ? *capacity : 16;
	void *grown;

	if (*items && needed <= *capacity)
		return 0;
	while (wanted < needed) {
		if (wanted > SIZE_MAX / 2 / size)
			return -ENOMEM;
		wanted *= 2;
	}
	grown = realloc(*items, wanted * size);
	if (!grown)
		return -ENOMEM;
	*items = grown;
	*capacity = wanted;
	return 0;
}

#endif
