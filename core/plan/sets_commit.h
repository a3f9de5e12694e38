/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Making the sets of a plan real, and taking that back. In this order: choose,
 * make, exchange, then the tables; revive, restore the tables, then the sets; or, once
 * it is confirmed, tidy.
 *
 * How far it came stands in memory that a forked guard shares, so that it knows
 * what to take back when the applying process is gone.
 */
#ifndef MG_PLAN_SETS_COMMIT_H
#define MG_PLAN_SETS_COMMIT_H

#include "plan.h"

/** How far each set came; see mg_sets_states(). */
struct mg_set_states;

/** For all sets of the plan, shared with whoever is forked afterwards; free it with the plan. */
int mg_sets_states(const struct mg_plan *plan, struct mg_set_states **out, struct mg_error *error);
void mg_sets_states_free(struct mg_set_states *states);

/** How far each came is not known any more: the kernel will tell, see mg_sets_restore(). */
void mg_sets_assume_touched(const struct mg_plan *plan, struct mg_set_states *states);

/**
 * Decide what is made under which name, which sets exchange their members, and
 * which tables have to be written for a set's sake: their rebinds.
 * @number: of the new generation
 */
int mg_sets_choose(struct mg_plan *plan, uint32_t number, struct mg_error *error);

/**
 * Are the kernel's sets still those that the plan was compared with?
 * Errors: MG_UNSAFE.
 */
int mg_sets_check_live(const struct mg_plan *plan, struct mg_error *error);

/** Make and fill what is new, and read it back. No rule looks it up yet. */
int mg_sets_make(const struct mg_plan *plan, struct mg_set_states *states, struct mg_error *error);

/** Exchange the members of those sets whose tables are not written. */
int mg_sets_exchange(const struct mg_plan *plan, struct mg_set_states *states,
		     struct mg_error *error);

/**
 * Before the tables are restored: make sets once more that the old rules look up,
 * if somebody has destroyed or changed them where they stood aside.
 */
int mg_sets_revive(const struct mg_plan *plan, struct mg_error *error);

/** Put back what was exchanged, and remove what was made. May be called again. */
int mg_sets_restore(const struct mg_plan *plan, struct mg_set_states *states,
		    struct mg_error *error);

/**
 * It counts now: remove the sets of ours that no rule looks up and the policy
 * does not want, also those that a crash has left. What cannot be removed stays.
 */
void mg_sets_tidy(const struct mg_plan *plan);

#endif
