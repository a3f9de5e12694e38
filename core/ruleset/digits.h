/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Numbers as text without the cost of a format string: a file may have a
 * hundred thousand lines, and each has one.
 */
#ifndef MG_DIGITS_H
#define MG_DIGITS_H

#include <string.h>

enum { MG_MOST_DIGITS = 10 };

/** Write @number at @at, which has room for MG_MOST_DIGITS. Returns what is behind it; no NUL. */
static inline char *mg_put_number(char *at, unsigned int number)
{
	char digits[MG_MOST_DIGITS], *first = digits + MG_MOST_DIGITS;

	do {
		*--first = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	return (char *)mempcpy(at, first, (size_t)(digits + MG_MOST_DIGITS - first));
}

#endif
