/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a rule means, told from the one before it.
 *
 * Must not touch the kernel, libxtables or Lua.
 */
#ifndef MG_LIKE_H
#define MG_LIKE_H

#include "analysis/meaning.h"

/**
 * Read rule number @rule of a sealed ruleset if it differs from the one before
 * it in addresses and comments only. What mg_meaning_read() gives is given, with
 * alternatives shared.
 * @rule:   not the first
 * @before: the meaning of the rule before, whose clauses are in @clauses
 * Returns 1, 0 if the rule is not like that and nothing was done, or -ENOMEM.
 */
int mg_meaning_like(const struct mg_ruleset *ruleset, uint32_t rule,
		    const struct mg_meaning *before, struct mg_clauses *clauses,
		    struct mg_meaning *out);

#endif
