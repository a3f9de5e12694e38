/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The longest common subsequence of two sequences of numbers: what can stay
 * where it is when one chain is turned into another.
 */
#ifndef MG_SEQUENCE_H
#define MG_SEQUENCE_H

#include <stddef.h>
#include <stdint.h>

#define MG_NOT_MATCHED UINT32_MAX

/**
 * For each element of @b, the index of its partner in @a, or MG_NOT_MATCHED;
 * partners are equal and their order is the same in both.
 * @symbols: the numbers are below this
 * @match:   @b_count results
 *
 * The result is a longest one unless numbers repeat so often that there are
 * more than 16 million equal pairs; then only part of the pairs is looked at.
 * Takes O((pairs + a + b) log b) time. Returns 0 or -ENOMEM.
 */
int mg_longest_common(const uint32_t *a, uint32_t a_count, const uint32_t *b, uint32_t b_count,
		      uint32_t symbols, uint32_t *match);

#endif
