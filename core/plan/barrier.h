/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The barrier: what stands where neither the new tables nor the old ones can
 * be trusted to be live, because putting the old ones back has failed for good.
 * Half of two rulesets may let in what neither of them would, so it is closed:
 * the minimal rules of a boot (minimal.h), in filter alone.
 */
#ifndef MG_BARRIER_H
#define MG_BARRIER_H

#include "plan.h"
#include "state.h"

/**
 * Raise it in each family in which a table of the plan is not what it was. The
 * caller holds the xtables lock, as far as it could be had.
 * @touched:   by table of the plan, as for mg_restore()
 * @operators: who comes by ssh now, beside those that @state knows, as in struct
 *             mg_generation; or NULL
 * @error:     why the old tables are not back; what holds now is added to it
 * Returns 0 where it stands wherever it is needed; else -EIO.
 */
int mg_barrier_raise(const struct mg_plan *plan, const bool *touched, struct mg_state *state,
		     const char *operators, struct mg_error *error);

#endif
