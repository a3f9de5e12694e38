/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A word in a short list of words.
 */
#ifndef MG_ONE_OF_H
#define MG_ONE_OF_H

#include <stdbool.h>
#include <string.h>

/** Is @word in @list, which ends with NULL? Neither is NULL. */
static inline bool mg_is_one_of(const char *word, const char *const *list)
{
	for (; *list; list++)
		if (strcmp(word, *list) == 0)
			return true;
	return false;
}

#endif
