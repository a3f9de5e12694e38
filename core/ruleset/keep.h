/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What of other software's a ruleset leaves where it is: chains, rules, rules
 * about sets and whole tables, told by patterns. Nothing here knows what is
 * live: the records say what would be kept, and where.
 *
 * The records are the ruleset's, flat as its rules are. Must not touch the
 * kernel, libxtables or Lua.
 */
#ifndef MG_KEEP_H
#define MG_KEEP_H

#include "ruleset.h"

enum mg_keep_kind {
	MG_KEEP_CHAINS, /* chains of that name, their rules, and what jumps to them */
	MG_KEEP_RULES,	/* rules in other chains, by their text behind "-A CHAIN " */
	MG_KEEP_SETS,	/* rules in other chains that look up or fill a set of that name */
	MG_KEEP_TABLES, /* all in that table that is not the policy's own */
	MG_KEEP_KINDS,
};

struct mg_keep {
	enum mg_keep_kind kind;
	const char *pattern; /* as fnmatch(3) has it */
	const char *owner;   /* name of the preset; "" where a policy told the pattern itself */
	/*
	 * Kept rules stand before the policy's of this rank and above. In
	 * chains without stages the policy's have MG_RANK_SCRIPT, so a lower
	 * or equal rank means before them all, and a higher one behind.
	 */
	unsigned int rank;
	const char *origin; /* "file:line helper" */
};

/** Where kept rules stand unless a policy says otherwise: their owners put them first. */
#define MG_KEEP_RANK MG_RANK_ESTABLISHED

/** "chains", "rules", "sets", "tables". */
extern const char *const mg_keep_kinds[MG_KEEP_KINDS];

/**
 * Keep something. All strings are copied. What is there already, with the same
 * owner and rank, is not added again.
 * Errors: MG_INVALID for an empty pattern or a rank above MG_RANK_HIGHEST.
 */
int mg_ruleset_keep(struct mg_ruleset *ruleset, const struct mg_keep *keep, struct mg_error *error);

uint32_t mg_ruleset_keep_count(const struct mg_ruleset *ruleset);
/** The strings of @out are the ruleset's, until something is added. */
void mg_ruleset_keep_at(const struct mg_ruleset *ruleset, uint32_t index, struct mg_keep *out);

/** Does @text fit a pattern, as fnmatch(3) has it? Most that do not are told apart at once. */
bool mg_keep_fits(const char *pattern, const char *text);

/**
 * The first record of @kind whose pattern matches @text.
 * Returns its index, or UINT32_MAX.
 */
uint32_t mg_ruleset_kept_by(const struct mg_ruleset *ruleset, enum mg_keep_kind kind,
			    const char *text);

/**
 * The first record that means a rule by its text: of rules, or else of sets
 * that it looks up or fills.
 * Returns its index, or UINT32_MAX.
 */
uint32_t mg_ruleset_kept_by_text(const struct mg_ruleset *ruleset, const char *text);

/* For ruleset.c: the records of one ruleset. */

struct mg_keep_record;

/** Zero-initialise; end with mg_keeps_clear(). */
struct mg_keeps {
	char *strings; /* tied to the records by offsets */
	size_t used, strings_capacity;
	struct mg_keep_record *records;
	size_t count, capacity;
};

struct mg_keeps *mg_ruleset_keeps(struct mg_ruleset *ruleset);
const struct mg_keeps *mg_ruleset_keeps_const(const struct mg_ruleset *ruleset);
void mg_keeps_clear(struct mg_keeps *keeps);

#endif
