/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Splicing what is kept into what is ours: the new table for an apply, the old
 * one for a roll-back. Nothing is read or written here.
 *
 * In a built-in chain of filter a kept rule stands before the policy's rules
 * of its record's rank and above; in all other chains those have
 * MG_RANK_SCRIPT. In a chain that is kept itself the policy's rules come
 * first: what stands there may end in a RETURN (DOCKER-USER does); only what
 * was put in front of them later stays there. Kept rules of one rank, and all
 * of a kept chain, stay in the order in which they are.
 */
#ifndef MG_MERGE_H
#define MG_MERGE_H

#include "kept.h"

/**
 * What is to be live: @compiled with what is @kept of @live (NULL: nothing).
 * @makes_chains: a chain that a rule jumps to, and that is kept by its name and
 *                is not there, is made, empty
 * @out: its entries point into both, which must outlive it
 * Errors: MG_INVALID with its place: there is no such chain, and none is made.
 */
int mg_merge_new(const struct mg_ruleset *ruleset, const struct mg_image *compiled,
		 const struct mg_image *live, const struct mg_kept *kept, bool makes_chains,
		 struct mg_image **out, struct mg_error *error);

/** One reading of a table, and what of it is kept (NULL: nothing). */
struct mg_reading {
	const struct mg_image *image;
	const struct mg_kept *kept;
};

/**
 * What is to be live again: what @old had of its own, with what is kept @now.
 * A kept rule that was there before is where it was; a new one comes behind
 * the kept rule that is before it now, else before the one that is behind it,
 * else at the head of its chain. What is gone stays gone, but a chain that a
 * rule still leads to is there, if empty.
 * @wanted: what was to be live in between; in a table that is kept as a whole,
 *          the policy of a chain that it did not change is that of @now
 */
int mg_merge_old(const struct mg_reading *old, const struct mg_reading *now,
		 const struct mg_image *wanted, struct mg_image **out, struct mg_error *error);

#endif
