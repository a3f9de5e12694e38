/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Making a plan real, in one transaction with its guard.
 *
 * Invariant: what is live is the old tables or the new ones (per table while
 * the commits run), and new ones never outlive their deadline unconfirmed.
 */
#ifndef MG_APPLY_H
#define MG_APPLY_H

#include "guard.h"
#include "plan.h"
#include "state.h"

struct mg_flow; /* netfilter/flows.h */

struct mg_apply_order {
	struct mg_state *state; /* its lock is held */
	struct mg_plan *plan;	/* compared; kept by the caller */
	/* The generation so far, or NULL: a family that is not in the plan stays as it says. */
	const struct mg_generation *before;
	const char *policy;	 /* path of the policy file, for the record */
	const char *user;	 /* who applies */
	const char *connections; /* by which he comes, as in struct mg_pending */
	const char *operators;	 /* as in struct mg_generation, for the record */
	/* how it comes to be, for the record, without rules; NULL: nobody knows */
	const struct mg_generation *story;
	/* ended by whoever confirms, who cannot take it back then */
	const struct mg_flow *flows;
	size_t flow_count;
	double seconds;		/* until the roll-back; counted from the commit */
	struct mg_notes *notes; /* for warnings; may be NULL */
};

/**
 * Write the new generation, arm the guard, make sure that the live tables are
 * still those of the plan, commit each table in order, read back and compare. On failure everything
 * is as it was, unless the status is MG_STATE_UNKNOWN. The caller holds the xtables lock, and lets
 * it go afterwards.
 */
int mg_apply(const struct mg_apply_order *order, struct mg_transaction **out,
	     struct mg_error *error);

/**
 * The plan is empty: what is live is what the policy says. Record it as the
 * confirmed generation, if none says the same already (lines may have moved).
 */
int mg_apply_record(const struct mg_apply_order *order, struct mg_error *error);

#endif
