/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What of a live table is kept: which of its rules and chains a ruleset's keep
 * records (ruleset/keep.h) mean.
 *
 * Kept is what the ruleset does not say itself, and what is not of the
 * generation that counts, if
 *  - its chain is kept by name, or it jumps to such a chain;
 *  - it looks up or fills a set that is kept, or its text is;
 *  - its table is kept.
 * A chain is kept by name, with its table, or because a kept rule leads to it.
 * A chain that goes takes along what is in it, whoever put it there.
 */
#ifndef MG_KEPT_H
#define MG_KEPT_H

#include "diff.h"
#include "owned.h"
#include "ruleset/keep.h"

#define MG_NOT_KEPT UINT32_MAX

struct mg_kept {
	uint32_t *rules;  /* by live entry: the keep record that means it, or MG_NOT_KEPT */
	uint32_t *chains; /* the same by live chain */
	size_t rule_count, chain_count;
	bool table; /* all of it that is not ours, policies too that we do not ask for */
};

/**
 * @live:     the table
 * @compiled: what the ruleset says about it
 * @own:      the diff from @live to @compiled: what goes may be kept
 * @owned:    whose the rules are; what was taken of it is given back first. NULL: nobody's
 * @out:      NULL: nothing is kept. To be freed with mg_kept_free().
 */
int mg_kept_find(const struct mg_ruleset *ruleset, const struct mg_image *live,
		 const struct mg_image *compiled, const struct mg_diff *own, struct mg_owned *owned,
		 struct mg_kept **out, struct mg_error *error);
void mg_kept_free(struct mg_kept *kept);

/** @kept may be NULL: nothing is. */
static inline bool mg_is_kept(const struct mg_kept *kept, uint32_t entry)
{
	return kept && kept->rules[entry] != MG_NOT_KEPT;
}

static inline bool mg_is_kept_chain(const struct mg_kept *kept, size_t chain)
{
	return kept && kept->chains[chain] != MG_NOT_KEPT;
}

/** Are two readings of a table the same, but for what is kept in each? */
bool mg_same_otherwise(const struct mg_image *a, const struct mg_kept *a_kept,
		       const struct mg_image *b, const struct mg_kept *b_kept);

#endif
