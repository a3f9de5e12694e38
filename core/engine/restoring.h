/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files that restore share.
 */
#ifndef MG_RESTORING_H
#define MG_RESTORING_H

#include "engine.h"

/**
 * Make remarks of the rules of @generation that look up sets of somebody else's
 * which are not there, unless a look-up is negated; a note tells.
 */
int mg_engine_leave_out_absent(struct mg_engine *engine, struct mg_generation *generation,
			       struct mg_error *error);

/** Rules that are to be live. */
struct mg_loading {
	const struct mg_ruleset *ruleset;
	const struct mg_generation
		*owned;	  /* whose rules are live, as far as known; NULL: nobody's */
	uint32_t number;  /* of the generation; for new names of sets */
	const char *what; /* "generation 5", for words */
};

/**
 * Compile and commit them for @families. The xtables lock is held. What goes and
 * was somebody else's is told in the notes.
 * @changed: set to true where something was written
 * Errors: as mg_commit_at_once(); MG_INVALID for what cannot be compiled here.
 */
int mg_engine_load_rules(struct mg_engine *engine, const struct mg_loading *loading,
			 unsigned int families, bool *changed, struct mg_error *error);

/**
 * What was to be loaded for @family cannot be: load the minimal rules in its
 * place, unless what is live denies what it does not allow.
 * @anyway: even then: nobody has confirmed it
 * @reason: why; its words get a line about what is in force now
 * Returns 0 if the family is closed now; else what failed, which is in the words.
 */
int mg_engine_stand_in(struct mg_engine *engine, enum mg_family family, bool anyway,
		       struct mg_error *reason);

#endif
