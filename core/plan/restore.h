/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Putting back what was live before a plan, from whatever is live now.
 */
#ifndef MG_PLAN_RESTORE_H
#define MG_PLAN_RESTORE_H

#include "sets_commit.h"

/**
 * Put back the tables that were committed, filter last: old rules are for old
 * addresses and marks. What is kept stays as it is now. Then put the sets back:
 * what was made for the new rules can go when none of them looks it up any more.
 * One failure does not stop the rest. May be called again.
 * @touched: by table of the plan: was its commit begun?
 */
int mg_restore(const struct mg_plan *plan, const bool *touched, struct mg_set_states *sets,
	       struct mg_error *error);

#endif
