/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose is what a plan would remove?
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "netfilter/equal.h"
#include "netfilter/print.h"
#include "plan.h"
#include "ruleset/checksum.h"
#include "ruleset/failure.h"
#include "ruleset/presets.h"

/* Of the rules of a chain that go: what those that print alike have in common. */
struct going {
	uint64_t *hashes; /* sorted */
	size_t count;
};

static int find_going(const struct mg_table_plan *table, const struct mg_image_chain *chain,
		      struct going *going)
{
	const struct mg_family_ops *ops = mg_family_ops(table->family);
	uint32_t i;

	going->count = 0;
	going->hashes = calloc((size_t)chain->count + 1, sizeof(*going->hashes));
	if (!going->hashes)
		return -ENOMEM;
	for (i = chain->first; i < chain->first + chain->count; i++)
		if (table->diff->fates[i] == MG_REMOVED)
			going->hashes[going->count++] =
				mg_entry_address_hash(ops, &table->live->entries[i]);
	if (going->count)
		qsort(going->hashes, going->count, sizeof(*going->hashes), mg_by_value);
	return 0;
}

/* Is the generation's record of this rule one that a rule that goes could claim too? */
static bool is_like_one(const struct going *going, const struct mg_family_ops *ops,
			const struct mg_entry *entry)
{
	const uint64_t hash = mg_entry_address_hash(ops, entry);

	return going->count &&
	       bsearch(&hash, going->hashes, going->count, sizeof(hash), mg_by_value);
}

/* A rule that goes (NULL: its chain) is foreign: by its looks, whose is it? */
static void note_owner(struct mg_plan *plan, const char *chain, const char *text)
{
	const char *owner = mg_owner_of(chain, text);

	if (owner)
		plan->foreign_owners |= 1U << (mg_preset_find(owner) - mg_presets);
	else
		plan->foreign_unknown = true;
}

/*
 * Foreign is what would go and is not in the generation that counts. What
 * stays is counted first: of two equal rules, one ours, it is the other's that
 * goes.
 */
static int judge_rules(struct mg_plan *plan, struct mg_table_plan *table,
		       const struct mg_image_chain *chain, const struct going *those,
		       struct mg_owned *owned, struct mg_error *error)
{
	const struct mg_family_ops *ops = mg_family_ops(table->family);
	const uint32_t end = chain->first + chain->count;
	const char *text;
	uint32_t i;
	int going, err = 0;

	for (going = 0; going < 2; going++) {
		for (i = chain->first; i < end && !err; i++) {
			const struct mg_entry *entry = &table->live->entries[i];

			if ((table->diff->fates[i] == MG_REMOVED) != going ||
			    (!going && !is_like_one(those, ops, entry)))
				continue;
			err = mg_entry_text(ops, entry, &text, error);
			if (err ||
			    mg_owned_take(owned, table->family, table->table, chain->name, text))
				continue;
			if (!going)
				continue;
			table->foreign[i] = true;
			plan->foreign_rules++;
			note_owner(plan, chain->name, text);
		}
	}
	return err;
}

static int judge_chain(struct mg_plan *plan, struct mg_table_plan *table,
		       const struct mg_image_chain *chain, struct mg_owned *owned,
		       struct mg_error *error)
{
	struct going going;
	int err;

	if (!chain->built_in && !mg_image_find(table->wanted, chain->name) &&
	    !mg_owned_has_chain(owned, table->family, table->table, chain->name)) {
		table->foreign_chain[chain - table->live->chains] = true;
		plan->foreign_chains++;
		note_owner(plan, chain->name, NULL);
	}
	err = find_going(table, chain, &going);
	if (err)
		return mg_fail(error, err, MG_ENVIRONMENT, "out of memory for a plan");
	if (going.count)
		err = judge_rules(plan, table, chain, &going, owned, error);
	free(going.hashes);
	return err;
}

static int judge_table(struct mg_plan *plan, struct mg_table_plan *table, struct mg_owned *owned,
		       struct mg_error *error)
{
	size_t i;
	int err = 0;

	table->foreign = calloc(table->live->entry_count + 1, sizeof(*table->foreign));
	table->foreign_chain = calloc(table->live->chain_count + 1, sizeof(*table->foreign_chain));
	if (!table->foreign || !table->foreign_chain)
		return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for a plan");
	for (i = 0; i < table->live->chain_count && !err; i++)
		err = judge_chain(plan, table, &table->live->chains[i], owned, error);
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

int mg_plan_find_foreign(struct mg_plan *plan, struct mg_owned *owned, struct mg_error *error)
{
	size_t i;
	int err = 0;

	for (i = 0; i < plan->table_count && !err; i++)
		if (removes(&plan->tables[i]))
			err = judge_table(plan, &plan->tables[i], owned, error);
	return err;
}
