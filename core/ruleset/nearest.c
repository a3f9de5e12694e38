/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The name that was probably meant: the same measure as the policy language's
 * (lua/moongate/nearest.lua), so that a typo is answered alike everywhere.
 *
 * Owns nothing. Must not allocate, print or exit.
 */
#include <ctype.h>
#include <moongate.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST = 63, MOST_EDITS = 3 };

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static bool same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Edits (insert, delete, replace, swap of neighbours) from @a to @b, none longer than LONGEST. */
static size_t distance(const char *a, const char *b)
{
	size_t rows[3][LONGEST + 1], i, j;
	size_t *before = rows[0], *previous = rows[1], *current = rows[2];
	const size_t columns = strlen(b);

	for (j = 0; j <= columns; j++)
		previous[j] = j;
	for (i = 1; a[i - 1]; i++) {
		size_t *oldest = before;

		current[0] = i;
		for (j = 1; j <= columns; j++) {
			current[j] = least(least(previous[j], current[j - 1]) + 1,
					   previous[j - 1] + !same(a[i - 1], b[j - 1]));
			if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
				current[j] = least(current[j], before[j - 2] + 1);
		}
		before = previous;
		previous = current;
		current = oldest;
	}
	return previous[columns];
}

/* How much two names have in common at their beginning. */
static size_t shared(const char *a, const char *b)
{
	size_t count = 0;

	while (a[count] && a[count] == b[count])
		count++;
	return count;
}

/* Of two equally near names the one that begins alike is meant, else the first by name. */
static bool is_likelier(const char *name, const char *a, const char *b)
{
	const size_t shared_a = shared(name, a), shared_b = shared(name, b);

	return shared_a != shared_b ? shared_a > shared_b : strcmp(a, b) < 0;
}

const char *mg_nearest(const char *name, const char *const *names)
{
	const size_t length = strlen(name);
	/* two edits make anything of a short name */
	const size_t limit = length < 5 ? 1 : least(MOST_EDITS, length / 3 + 1);
	const char *best = NULL;
	size_t best_edits = 0;

	for (; length <= LONGEST && *names; names++) {
		const size_t other = strlen(*names);
		size_t edits;

		if (!other || other > LONGEST || other > length + limit || length > other + limit)
			continue;
		edits = distance(name, *names);
		if (edits > limit || edits >= other)
			continue;
		if (!best || edits < best_edits ||
		    (edits == best_edits && is_likelier(name, *names, best))) {
			best = *names;
			best_edits = edits;
		}
	}
	return best;
}
