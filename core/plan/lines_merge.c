/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Merging the lines of two families: as few lines as possible, each family's
 * in its order.
 */
#include "lines_merge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sequence.h"

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

bool mg_sections_agree(const struct mg_section *a, const struct mg_section *b)
{
	return !(a->families & b->families) && strcmp(a->table, b->table) == 0 &&
	       strcmp(a->chain, b->chain) == 0 && a->created == b->created &&
	       a->removed == b->removed && a->changed == b->changed && a->foreign == b->foreign &&
	       same_text(a->kept_by, b->kept_by) && same_text(a->policy_before, b->policy_before) &&
	       same_text(a->policy_after, b->policy_after);
}

/* Order and equality of lines as a reader sees them; numbers and counts may differ. */
static int compare_lines(const struct mg_line *a, const struct mg_line *b)
{
	int order = (int)a->kind - (int)b->kind;

	if (!order)
		order = (int)a->foreign - (int)b->foreign;
	if (!order && a->text && b->text)
		order = strcmp(a->text, b->text);
	if (!order)
		order = strcmp(a->origin, b->origin);
	return order;
}

struct numbered {
	const struct mg_line *line;
	uint32_t *symbol;
};

static int by_line(const void *a, const void *b)
{
	return compare_lines(((const struct numbered *)a)->line,
			     ((const struct numbered *)b)->line);
}

/* Give equal lines equal numbers; returns how many there are, 0 without memory. */
static uint32_t number_lines(const struct mg_section *a, const struct mg_section *b,
			     uint32_t *symbols)
{
	size_t total = a->line_count + b->line_count, i;
	struct numbered *all = calloc(total + 1, sizeof(*all));
	uint32_t next = 0;

	if (!all)
		return 0;
	for (i = 0; i < total; i++) {
		all[i].line = i < a->line_count ? &a->lines[i] : &b->lines[i - a->line_count];
		all[i].symbol = &symbols[i];
	}
	qsort(all, total, sizeof(*all), by_line);
	for (i = 0; i < total; i++) {
		if (i && by_line(&all[i - 1], &all[i]) != 0)
			next++;
		*all[i].symbol = next;
	}
	free(all);
	return next + 1;
}

static void join(struct mg_line *line, const struct mg_line *other)
{
	int family;

	line->families |= other->families;
	for (family = 0; family < MG_FAMILIES; family++) {
		line->number[family] += other->number[family];
		line->from[family] += other->from[family];
		line->count[family] += other->count[family];
	}
	line->packets += other->packets;
	line->bytes += other->bytes;
}

/*
 * @match: for each line of @b its equal in @a, in order. Between two equal
 * lines come those of @a, then those of @b.
 */
static void interleave(const struct mg_section *a, const struct mg_section *b,
		       const uint32_t *match, struct mg_line *out, size_t *count)
{
	size_t i = 0, j = 0, n = 0;

	while (i < a->line_count || j < b->line_count) {
		size_t next = j, end;

		while (next < b->line_count && match[next] == MG_NOT_MATCHED)
			next++;
		end = next < b->line_count ? match[next] : a->line_count;
		while (i < end)
			out[n++] = a->lines[i++];
		while (j < next)
			out[n++] = b->lines[j++];
		if (j < b->line_count) {
			out[n] = a->lines[i++];
			join(&out[n++], &b->lines[j++]);
		}
	}
	*count = n;
}

int mg_lines_merge(struct mg_section *into, const struct mg_section *from)
{
	size_t total = into->line_count + from->line_count;
	uint32_t *symbols = calloc(total + 1, sizeof(*symbols));
	uint32_t *match = calloc(from->line_count + 1, sizeof(*match));
	struct mg_line *merged = calloc(total + 1, sizeof(*merged));
	uint32_t different = 0;
	int err = -ENOMEM;

	if (symbols && match && merged)
		different = number_lines(into, from, symbols);
	if (different)
		err = mg_longest_common(symbols, (uint32_t)into->line_count,
					symbols + into->line_count, (uint32_t)from->line_count,
					different, match);
	if (!err) {
		interleave(into, from, match, merged, &total);
		free(into->lines);
		into->lines = merged;
		into->line_count = total;
		into->families |= from->families;
		merged = NULL;
	}
	free(symbols);
	free(match);
	free(merged);
	return err;
}
