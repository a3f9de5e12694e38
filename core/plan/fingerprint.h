/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a table was like when it was read for a plan, in a few bytes a chain:
 * so that a plan that is kept can tell whether it still holds.
 *
 * Counters do not take part, nor does what the kernel writes into a rule: a
 * rule counts as the text that iptables would print. What is kept is left out:
 * its owners go on with their work. Told apart are the rules
 * that stay or are ours, whose order matters, and those of other software that
 * would go, of which only a new one matters: nobody has agreed to its removal.
 */
#ifndef MG_FINGERPRINT_H
#define MG_FINGERPRINT_H

#include "plan.h"

struct mg_chain_print {
	char *name;
	uint64_t sum; /* of its policy and of its rules that are not foreign */
};

struct mg_fingerprint {
	struct mg_chain_print *chains; /* by name; those that are not foreign */
	size_t chain_count;
	uint64_t *foreign; /* sorted; one for each foreign rule and chain that goes */
	size_t foreign_count;
};

/** Of a table's live image, after mg_plan_compare() and mg_plan_find_foreign(). */
int mg_fingerprint_make(const struct mg_table_plan *table, struct mg_fingerprint *out,
			struct mg_error *error);
void mg_fingerprint_clear(struct mg_fingerprint *print);

/** Put what was filled in by hand in order, for the comparisons. */
void mg_fingerprint_sort(struct mg_fingerprint *print);

/**
 * How many chains are not what they were.
 * @name: the first of them
 * @how:  "has changed", "is new" or "is gone"
 */
size_t mg_fingerprint_compare(const struct mg_fingerprint *before, const struct mg_fingerprint *now,
			      const char **name, const char **how);

/** How many foreign rules and chains that go now were not among those @before. */
size_t mg_fingerprint_new_foreign(const struct mg_fingerprint *before,
				  const struct mg_fingerprint *now);

#endif
