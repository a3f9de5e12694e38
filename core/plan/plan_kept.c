/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A plan and what it keeps: what is to be live, and what it follows when its
 * owners are at work in between.
 */
#include <errno.h>

#include "merge.h"
#include "plan.h"

/* What of @live is kept. @own: the diff to what is compiled */
static int find_kept(const struct mg_plan *plan, const struct mg_table_plan *table,
		     const struct mg_image *live, struct mg_diff **own, struct mg_kept **kept,
		     struct mg_error *error)
{
	int err = mg_diff_make(live, table->compiled, own, error);

	if (err)
		return err;
	return mg_kept_find(plan->ruleset, live, table->compiled, *own, plan->owned, kept, error);
}

/* A chain that the ruleset leads to, and does not make. */
static bool needs_chain(const struct mg_image *compiled)
{
	size_t i;

	for (i = 0; i < compiled->chain_count; i++)
		if (!compiled->chains[i].built_in && compiled->chains[i].chain == UINT32_MAX)
			return true;
	return false;
}

int mg_plan_table(const struct mg_plan *plan, struct mg_table_plan *table, struct mg_error *error)
{
	int err = find_kept(plan, table, table->live, &table->own, &table->kept, error);

	table->diff = table->own;
	if (err || (!table->kept && !needs_chain(table->compiled)))
		return err;
	err = mg_merge_new(plan->ruleset, table->compiled, table->live, table->kept,
			   plan->makes_chains, &table->wanted, error);
	if (err)
		return err;
	table->diff = NULL;
	return mg_diff_make(table->live, table->wanted, &table->diff, error);
}

/* @next takes the place of @table, whose images stay. */
static void replace(struct mg_table_plan *table, struct mg_table_plan *next)
{
	struct mg_table_plan old = *table;

	next->rebinds = old.rebinds;
	if (old.first_live) { /* it is the one that lines may refer to */
		next->first_live = old.first_live;
		next->first_wanted = old.first_wanted;
		old.first_live = old.first_wanted = NULL;
	} else {
		next->first_live = old.live;
		next->first_wanted = old.wanted == old.compiled ? NULL : old.wanted;
		old.live = NULL;
		old.wanted = old.compiled;
	}
	mg_plan_forget(&old);
	*table = *next;
}

int mg_plan_follow(struct mg_plan *plan, struct mg_table_plan *table, struct mg_image *now,
		   struct mg_error *error)
{
	struct mg_table_plan next = {
		.family = table->family,
		.table = table->table,
		.compiled = table->compiled,
		.wanted = table->compiled,
		.live = now,
	};
	int err;

	if (!mg_ruleset_keep_count(plan->ruleset))
		return -EAGAIN;
	err = mg_plan_table(plan, &next, error);
	if (!err && !mg_same_otherwise(table->live, table->kept, now, next.kept))
		err = -EAGAIN;
	if (err) {
		next.live = NULL;
		mg_plan_forget(&next);
		return err;
	}
	replace(table, &next);
	return 0;
}

int mg_plan_old(const struct mg_plan *plan, const struct mg_table_plan *table,
		const struct mg_image *now, struct mg_image **out, struct mg_error *error)
{
	const struct mg_reading before = { table->live, table->kept };
	struct mg_reading after = { .image = now };
	struct mg_diff *own = NULL;
	struct mg_kept *kept = NULL;
	int err = 0;

	*out = NULL;
	if (!mg_ruleset_keep_count(plan->ruleset))
		return 0;
	err = find_kept(plan, table, now, &own, &kept, error);
	after.kept = kept;
	if (!err && (before.kept || after.kept))
		err = mg_merge_old(&before, &after, table->wanted, out, error);
	mg_diff_free(own);
	mg_kept_free(kept);
	return err;
}
