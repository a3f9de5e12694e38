/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Longest common subsequence after Hunt and Szymanski (1977): fast where most
 * elements are unique, as rules are.
 */
#include "sequence.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_PAIRS = 16 * 1000 * 1000, NO_LINK = -1 };

/* A pair of equal elements, and the best chain of pairs that ends with it. */
struct link {
	uint32_t a, b;
	int32_t before;
};

struct search {
	uint32_t *first;  /* for a symbol, where its places in b begin ... */
	uint32_t *places; /* ... in here, ascending */
	uint32_t *ends;	  /* smallest b that ends a common sequence of length i + 1 ... */
	int32_t *best;	  /* ... and the link that does */
	uint32_t length;
	struct link *links;
	size_t link_count, link_capacity;
	uint32_t most; /* places of one symbol to look at */
};

static int list_places(struct search *search, const uint32_t *b, uint32_t count, uint32_t symbols)
{
	uint32_t i, total = 0;

	search->first = calloc((size_t)symbols + 2, sizeof(*search->first));
	search->places = calloc((size_t)count + 1, sizeof(*search->places));
	if (!search->first || !search->places)
		return -ENOMEM;
	for (i = 0; i < count; i++)
		search->first[b[i] + 2]++;
	for (i = 0; i < symbols + 2; i++) {
		total += search->first[i];
		search->first[i] = total;
	}
	/* filling moves each start to the next symbol's: the array ends up in place */
	for (i = 0; i < count; i++)
		search->places[search->first[b[i] + 1]++] = i;
	return 0;
}

/* How many places of one symbol may be looked at, to stay below MOST_PAIRS. */
static uint32_t fair_share(const struct search *search, const uint32_t *a, uint32_t count)
{
	uint64_t pairs = 0;
	uint32_t i;

	for (i = 0; i < count; i++)
		pairs += search->first[a[i] + 1] - search->first[a[i]];
	return pairs <= MOST_PAIRS ? UINT32_MAX : MOST_PAIRS / count + 1;
}

/* The first length whose end is not before @place. */
static uint32_t find_length(const struct search *search, uint32_t place)
{
	uint32_t low = 0, high = search->length;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (search->ends[middle] < place)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int add_link(struct search *search, uint32_t a, uint32_t b, uint32_t length)
{
	if (search->link_count == search->link_capacity) {
		size_t capacity = search->link_capacity ? search->link_capacity * 2 : 1024;
		struct link *grown = realloc(search->links, capacity * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		search->links = grown;
		search->link_capacity = capacity;
	}
	search->links[search->link_count] =
		(struct link){ a, b, length ? search->best[length - 1] : NO_LINK };
	search->ends[length] = b;
	search->best[length] = (int32_t)search->link_count++;
	if (length == search->length)
		search->length++;
	return 0;
}

/* Places go from the last to the first, so that one element is used once. */
static int extend(struct search *search, uint32_t a, uint32_t symbol)
{
	uint32_t first = search->first[symbol], i = search->first[symbol + 1];
	int err = 0;

	if (i - first > search->most)
		first = i - search->most;
	while (i > first && !err) {
		uint32_t place = search->places[--i];
		uint32_t length = find_length(search, place);

		if (length == search->length || search->ends[length] > place)
			err = add_link(search, a, place, length);
	}
	return err;
}

int mg_longest_common(const uint32_t *a, uint32_t a_count, const uint32_t *b, uint32_t b_count,
		      uint32_t symbols, uint32_t *match)
{
	struct search search = { 0 };
	uint32_t i;
	int32_t at;
	int err = list_places(&search, b, b_count, symbols);

	if (err)
		goto out;
	search.most = a_count ? fair_share(&search, a, a_count) : 0;
	search.ends = calloc((size_t)b_count + 1, sizeof(*search.ends));
	search.best = calloc((size_t)b_count + 1, sizeof(*search.best));
	if (!search.ends || !search.best) {
		err = -ENOMEM;
		goto out;
	}
	for (i = 0; i < a_count && !err; i++)
		err = extend(&search, i, a[i]);
	if (err)
		goto out;
	memset(match, 0xFF, b_count * sizeof(*match));
	at = search.length ? search.best[search.length - 1] : NO_LINK;
	for (; at != NO_LINK; at = search.links[at].before)
		match[search.links[at].b] = search.links[at].a;
out:
	free(search.first);
	free(search.places);
	free(search.ends);
	free(search.best);
	free(search.links);
	return err;
}
