/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A plan: what a ruleset wants, compiled; what is live; and the difference.
 *
 * It is made in two steps, because the first takes the time and the second
 * needs the lock: mg_plan_compile() knows nothing of the host's tables,
 * mg_plan_compare() reads them and may be called again.
 */
#ifndef MG_PLAN_H
#define MG_PLAN_H

#include "diff.h"
#include "kept.h"
#include "owned.h"
#include "sets.h"

/** The tables in the order of their commits, then NULL: what filters comes last. */
extern const char *const mg_commit_order[];

/** One table of one family. */
struct mg_table_plan {
	enum mg_family family;
	const char *table;
	struct mg_image *compiled; /* what the ruleset says, and nothing else */
	/*
	 * What is to be live: that, and what is kept. The same image where
	 * nothing is; else its entries point into both, and those that are kept
	 * have MG_NO_RULE for their rule.
	 */
	struct mg_image *wanted;
	struct mg_image *live; /* NULL before mg_plan_compare(); so for what follows */
	struct mg_diff *own;   /* from live to compiled */
	struct mg_kept *kept;  /* what of live is kept; NULL: nothing */
	struct mg_diff *diff;  /* from live to wanted; the same as own where they are */
	bool *foreign;	       /* for each live entry: goes, and is not ours; NULL: none */
	bool *foreign_chain;   /* the same for each live chain */
	/* what was planned first, if kept things have changed since; lines may refer to it */
	struct mg_image *first_live, *first_wanted;
	bool rebinds; /* to be written for its sets' sake, see sets_commit.h */
};

enum { MG_MOST_TABLES = 5 * MG_FAMILIES };

struct mg_plan {
	const struct mg_ruleset *ruleset;	     /* borrowed */
	struct mg_table_plan tables[MG_MOST_TABLES]; /* in the order of their commits */
	size_t table_count;
	size_t foreign_rules, foreign_chains;
	unsigned int foreign_owners; /* by their looks: bits 1 << index in mg_presets */
	bool foreign_unknown;	     /* some look like nobody's */
	bool makes_chains;	     /* that are kept, and whose owners have not made them yet */
	struct mg_owned *owned;	     /* whose rules are live, where that was asked; else NULL */
	unsigned int families;	     /* that are planned: bits 1 << MG_IPV4, 1 << MG_IPV6 */
	struct mg_set_plans *sets;   /* after mg_plan_compare(); NULL: neither wanted nor there */
};

/**
 * Compile every table that a policy owns, for the families in @families.
 * @ruleset: sealed; must outlive the plan
 * @families: bits 1 << MG_IPV4, 1 << MG_IPV6
 */
int mg_plan_compile(const struct mg_ruleset *ruleset, unsigned int families, struct mg_plan **out,
		    struct mg_notes *notes, struct mg_error *error);

/** The plan of one table of one family; NULL if it is not in the plan. */
const struct mg_table_plan *mg_plan_find(const struct mg_plan *plan, enum mg_family family,
					 const char *table);

/**
 * Let the kernel of a private network namespace judge the compiled tables.
 * Errors: MG_KERNEL, naming the rule and its line; MG_ENVIRONMENT where there
 * is no such namespace to be had.
 */
int mg_plan_try(const struct mg_plan *plan, struct mg_error *error);

struct mg_sequel; /* netfilter/trial.h */

/** The same, and then @sequel, as mg_trial_then() does. */
int mg_plan_try_then(const struct mg_plan *plan, const struct mg_sequel *sequel,
		     struct mg_error *error);

/**
 * Say which rules are ours, whatever the ruleset says now; needed before
 * mg_plan_compare() by a ruleset that keeps something, and before
 * mg_plan_find_foreign(). @owned: becomes the plan's
 */
void mg_plan_set_owned(struct mg_plan *plan, struct mg_owned *owned);

/**
 * Read the live tables and sets, and compare.
 * Errors: MG_INVALID with its place: a rule jumps to a chain that the policy
 * keeps, and nobody has made it.
 */
int mg_plan_compare(struct mg_plan *plan, struct mg_error *error);

/** After mg_plan_compare(): does something live go? Only then it matters whose it is. */
bool mg_plan_removes(const struct mg_plan *plan);

/** After mg_plan_compare(): find out what of it is neither kept nor ours: foreign rules. */
int mg_plan_find_foreign(struct mg_plan *plan, struct mg_error *error);

/** A part of mg_plan_compare(): @table->live was just read, and nothing else is there yet. */
int mg_plan_table(const struct mg_plan *plan, struct mg_table_plan *table, struct mg_error *error);
/** The opposite: forget what was read, and what came of it. */
void mg_plan_forget(struct mg_table_plan *table);

/**
 * The live table has changed since mg_plan_compare(): did only kept things?
 * Then compare with what is there now, which becomes the plan's.
 * @now: the table as just read; taken over where 0 is returned
 * Errors: -EAGAIN without words: more has changed.
 */
int mg_plan_follow(struct mg_plan *plan, struct mg_table_plan *table, struct mg_image *now,
		   struct mg_error *error);

/**
 * What @table was before its plan, with what is kept as it is @now: for
 * putting it back.
 * @out: to be freed, before @now and the plan are; NULL: that is @table->live itself
 */
int mg_plan_old(const struct mg_plan *plan, const struct mg_table_plan *table,
		const struct mg_image *now, struct mg_image **out, struct mg_error *error);

/** After mg_plan_compare(): is there nothing to do? */
bool mg_plan_is_empty(const struct mg_plan *plan);

/**
 * What the plan wants for one family as iptables-save text with "#@ ORIGIN"
 * lines, to be freed; NULL in @out if no table of the family is in the plan.
 */
int mg_plan_text(const struct mg_plan *plan, enum mg_family family, char **out,
		 struct mg_error *error);

/**
 * The same with counters: those of the live rules and policies that are what
 * the plan wants, which are read for it, and 0 for the others.
 */
int mg_plan_counted_text(const struct mg_plan *plan, enum mg_family family, char **out,
			 struct mg_error *error);

/**
 * Does the text of mg_plan_text() say what the plan wants? An extension may
 * print a value in a way that reads as something else; such a ruleset must
 * not be kept for the next boot. Errors: MG_INVALID, naming the rule's line.
 */
int mg_plan_check_text(const struct mg_plan *plan, struct mg_error *error);

/** Origin of a wanted entry; "" if unknown. */
const char *mg_plan_origin(const struct mg_plan *plan, const struct mg_entry *entry);

void mg_plan_free(struct mg_plan *plan);

#endif
