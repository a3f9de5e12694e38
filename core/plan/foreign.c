/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose is what a plan would remove?
 */
#include <errno.h>
#include <stdlib.h>

#include "netfilter/print.h"
#include "plan.h"
#include "ruleset/failure.h"
#include "ruleset/presets.h"

/* A rule that goes (NULL: its chain) is foreign: by its looks, whose is it? */
static void note_owner(struct mg_plan *plan, const char *chain, const char *text)
{
	const char *owner = mg_owner_of(chain, text);

	if (owner)
		plan->foreign_owners |= 1U << (mg_preset_find(owner) - mg_presets);
	else
		plan->foreign_unknown = true;
}

static int judge_rules(struct mg_plan *plan, struct mg_table_plan *table,
		       const struct mg_image_chain *chain, const bool *ours, struct mg_error *error)
{
	const struct mg_family_ops *ops = mg_family_ops(table->family);
	const char *text;
	uint32_t i;
	int err = 0;

	for (i = chain->first; i < chain->first + chain->count && !err; i++) {
		if (table->own->fates[i] != MG_REMOVED || ours[i] || mg_is_kept(table->kept, i))
			continue;
		err = mg_entry_text(ops, &table->live->entries[i], &text, error);
		if (err)
			break;
		table->foreign[i] = true;
		plan->foreign_rules++;
		note_owner(plan, chain->name, text);
	}
	return err;
}

/* Foreign is what would go, is not kept, and is not in the generation that counts. */
static int judge_chain(struct mg_plan *plan, struct mg_table_plan *table,
		       const struct mg_image_chain *chain, bool *ours, struct mg_error *error)
{
	int err;

	if (!chain->built_in && !mg_image_find(table->wanted, chain->name) &&
	    !mg_owned_has_chain(plan->owned, table->family, table->table, chain->name)) {
		table->foreign_chain[chain - table->live->chains] = true;
		plan->foreign_chains++;
		note_owner(plan, chain->name, NULL);
	}
	err = mg_owned_claim(plan->owned, table->live, chain, table->own->fates, ours, error);
	return err ? err : judge_rules(plan, table, chain, ours, error);
}

static int judge_table(struct mg_plan *plan, struct mg_table_plan *table, struct mg_error *error)
{
	bool *ours = calloc(table->live->entry_count + 1, sizeof(*ours));
	size_t i;
	int err = 0;

	table->foreign = calloc(table->live->entry_count + 1, sizeof(*table->foreign));
	table->foreign_chain = calloc(table->live->chain_count + 1, sizeof(*table->foreign_chain));
	if (!ours || !table->foreign || !table->foreign_chain)
		err = mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for a plan");
	for (i = 0; i < table->live->chain_count && !err; i++)
		err = judge_chain(plan, table, &table->live->chains[i], ours, error);
	free(ours);
	return err;
}

static bool removes(const struct mg_table_plan *table)
{
	return table->diff->removed || table->diff->chains_removed;
}

bool mg_plan_removes(const struct mg_plan *plan)
{
	size_t i;

	for (i = 0; i < plan->table_count; i++)
		if (removes(&plan->tables[i]))
			return true;
	return false;
}

int mg_plan_find_foreign(struct mg_plan *plan, struct mg_error *error)
{
	size_t i;
	int err = 0;

	mg_owned_reset(plan->owned);
	for (i = 0; i < plan->table_count && !err; i++)
		if (removes(&plan->tables[i]))
			err = judge_table(plan, &plan->tables[i], error);
	return err;
}
