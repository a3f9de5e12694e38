/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Making what a plan wants live: its sets, then its tables in their order.
 */
#ifndef MG_COMMIT_H
#define MG_COMMIT_H

#include "plan.h"
#include "sets_commit.h"

/** What is committed, and how far that came: for mg_restore(). */
struct mg_commit {
	struct mg_plan *plan;	    /* compared; mg_sets_choose() was called */
	bool *touched;		    /* by table of the plan */
	struct mg_set_states *sets; /* of the plan's sets */
};

/**
 * Make sure that the live tables are still those of the plan, make its sets,
 * commit each table that changes, read back and compare. The caller holds the
 * xtables lock, and takes back what failed.
 * Errors: MG_UNSAFE where the tables have changed; MG_BUSY where another program
 * changes them meanwhile; MG_KERNEL; MG_ENVIRONMENT.
 */
int mg_commit(const struct mg_commit *commit, struct mg_error *error);

/**
 * The same without a guard, for what nobody has to confirm. What failed is
 * taken back here, and sets that nothing looks up any more go in the end.
 * @number: of the generation
 * Errors: as above, and nothing was changed then; MG_STATE_UNKNOWN where it could
 * not be taken back.
 */
int mg_commit_at_once(struct mg_plan *plan, uint32_t number, struct mg_error *error);

#endif
