/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The longest common subsequence against the plain O(n*m) table, over many
 * random sequences: as long, in order, and of equal elements.
 */
#include "plan/sequence.h"

#include "spec/support/tap.h"

enum { LONGEST = 64, MOST_SYMBOLS = 40 };

static uint32_t next_random(void)
{
	static uint32_t state = 2463534242U;

	return tap_random(&state);
}

static uint32_t common_length(const uint32_t *a, uint32_t a_count, const uint32_t *b,
			      uint32_t b_count)
{
	static uint32_t table[LONGEST + 1][LONGEST + 1];

	for (uint32_t i = 1; i <= a_count; i++) {
		for (uint32_t k = 1; k <= b_count; k++) {
			uint32_t up = table[i - 1][k], left = table[i][k - 1];

			if (a[i - 1] == b[k - 1])
				table[i][k] = table[i - 1][k - 1] + 1;
			else
				table[i][k] = up > left ? up : left;
		}
	}
	return table[a_count][b_count];
}

/* Are the partners equal and their order the same? *@length: how many there are. */
static void judge(const uint32_t *a, uint32_t a_count, const uint32_t *b, uint32_t b_count,
		  const uint32_t *match, uint32_t *length)
{
	int64_t last = -1;

	*length = 0;
	for (uint32_t k = 0; k < b_count; k++) {
		if (match[k] == MG_NOT_MATCHED)
			continue;
		EXPECT(match[k] < a_count);
		EXPECT(match[k] > last);
		EXPECT_IS(a[match[k]], b[k]);
		last = match[k];
		++*length;
	}
}

static void compare(const uint32_t *a, uint32_t a_count, const uint32_t *b, uint32_t b_count,
		    uint32_t symbols)
{
	/* on the heap, so that a step beyond the end is noticed */
	uint32_t *match = malloc(b_count * sizeof(*match) + 1);
	uint32_t length = 0;
	int err = mg_longest_common(a, a_count, b, b_count, symbols, match);

	if (!err)
		judge(a, a_count, b, b_count, match, &length);
	free(match);
	EXPECT_DONE(err);
	EXPECT_IS(length, common_length(a, a_count, b, b_count));
}

static void random_pairs(uint32_t symbols, int rounds)
{
	uint32_t a[LONGEST], b[LONGEST];

	while (rounds-- > 0 && !tap_reason[0]) {
		uint32_t a_count = next_random() % (LONGEST + 1);
		uint32_t b_count = next_random() % (LONGEST + 1);

		for (uint32_t i = 0; i < a_count; i++)
			a[i] = next_random() % symbols;
		for (uint32_t i = 0; i < b_count; i++)
			b[i] = next_random() % symbols;
		compare(a, a_count, b, b_count, symbols);
	}
}

static void few_symbols(void)
{
	for (uint32_t symbols = 1; symbols <= 4; symbols++)
		random_pairs(symbols, 1000);
}

static void many_symbols(void)
{
	for (uint32_t symbols = 5; symbols <= MOST_SYMBOLS; symbols += 5)
		random_pairs(symbols, 500);
}

/* As two versions of a policy: unique rules, some gone, some new, some moved. */
static void edits(void)
{
	for (int round = 0; round < 2000 && !tap_reason[0]; round++) {
		uint32_t a[LONGEST], b[LONGEST], count = next_random() % LONGEST, kept = 0;

		for (uint32_t i = 0; i < count; i++)
			a[i] = i;
		for (uint32_t i = 0; i < count; i++) {
			uint32_t dice = next_random() % 10;

			if (dice != 0)
				b[kept++] = dice == 1 ? LONGEST + i : a[i];
		}
		for (uint32_t swaps = next_random() % 4; kept > 1 && swaps; swaps--) {
			uint32_t i = next_random() % kept, k = next_random() % kept, one = b[i];

			b[i] = b[k];
			b[k] = one;
		}
		compare(a, count, b, kept, 2 * LONGEST);
	}
}

static void same(void)
{
	uint32_t a[LONGEST], match[LONGEST];

	for (uint32_t i = 0; i < LONGEST; i++)
		a[i] = i % 7;
	EXPECT_DONE(mg_longest_common(a, LONGEST, a, LONGEST, 7, match));
	for (uint32_t i = 0; i < LONGEST; i++)
		EXPECT_IS(match[i], i);
}

static void empty(void)
{
	uint32_t some[3] = { 0, 1, 2 }, match[3] = { 5, 5, 5 };

	EXPECT_DONE(mg_longest_common(NULL, 0, NULL, 0, 0, match));
	EXPECT_IS(match[0], 5);
	EXPECT_DONE(mg_longest_common(some, 3, NULL, 0, 3, match));
	EXPECT_IS(match[0], 5);
	EXPECT_DONE(mg_longest_common(NULL, 0, some, 3, 3, match));
	for (int i = 0; i < 3; i++)
		EXPECT_IS(match[i], MG_NOT_MATCHED);
}

/* 25 million equal pairs: the result need not be a longest one, but it is sound. */
static void too_many_pairs(void)
{
	enum { COUNT = 5000 };
	uint32_t *a = calloc(COUNT, sizeof(*a)), *match = calloc(COUNT, sizeof(*match));
	uint32_t length = 0;

	EXPECT(a && match);
	EXPECT_DONE(mg_longest_common(a, COUNT, a, COUNT, 1, match));
	judge(a, COUNT, a, COUNT, match, &length);
	EXPECT(length > 0);
	free(a);
	free(match);
}

int main(void)
{
	tap_run("agrees with the plain table where few symbols repeat often", few_symbols);
	tap_run("agrees with the plain table where symbols are many", many_symbols);
	tap_run("agrees with the plain table on edited lists of unique rules", edits);
	tap_run("matches a sequence with itself throughout", same);
	tap_run("takes empty sequences", empty);
	tap_run("stays sound beyond 16 million equal pairs", too_many_pairs);
	return tap_end();
}
