/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a snapshot back to the kernel: the plan of the transaction is made
 * anew, with the snapshot in the place of the live tables, and restored.
 *
 * Owns nothing between calls. Must not print or exit.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan/restore.h"
#include "plan/snapshot.h"
#include "ruleset/failure.h"

static struct mg_snapshot_table *find(struct mg_snapshot *snapshot, enum mg_family family,
				      const char *table)
{
	size_t i;

	for (i = 0; i < snapshot->table_count; i++)
		if (snapshot->tables[i].family == family &&
		    strcmp(snapshot->tables[i].table, table) == 0)
			return &snapshot->tables[i];
	return NULL;
}

static unsigned int written_families(const struct mg_snapshot *snapshot)
{
	unsigned int families = 0;
	size_t i;

	for (i = 0; i < snapshot->table_count; i++)
		if (snapshot->tables[i].written)
			families |= 1U << snapshot->tables[i].family;
	return families;
}

/* The plan as it was compared then. */
static int plan_again(struct mg_snapshot *snapshot, const struct mg_ruleset *ruleset,
		      const struct mg_generation *before, struct mg_plan **out,
		      struct mg_error *error)
{
	struct mg_owned *owned = NULL;
	size_t i;
	int err = mg_plan_compile(ruleset, written_families(snapshot), out, NULL, error);

	if (err)
		return err;
	/* what is kept may lead to chains that are gone by now */
	(*out)->makes_chains = true;
	err = mg_owned_new(before, &owned, error);
	if (!err)
		mg_plan_set_owned(*out, owned);
	for (i = 0; i < snapshot->table_count && !err; i++)
		if (snapshot->tables[i].written &&
		    !mg_plan_find(*out, snapshot->tables[i].family, snapshot->tables[i].table))
			err = mg_fail(error, -ENOENT, MG_ENVIRONMENT,
				      "the generation lacks the table %s",
				      snapshot->tables[i].table);
	for (i = 0; i < (*out)->table_count && !err; i++) {
		struct mg_table_plan *table = &(*out)->tables[i];
		struct mg_snapshot_table *then = find(snapshot, table->family, table->table);

		if (!then || !then->image)
			return mg_fail(error, -ENOENT, MG_ENVIRONMENT,
				       "the snapshot lacks the table %s", table->table);
		table->live = then->image;
		then->image = NULL; /* the plan's */
		table->rebinds = then->rebinds;
		err = mg_plan_table(*out, table, error);
	}
	return err;
}

/* Without knowing what was kept. */
static int plan_exactly(struct mg_snapshot *snapshot, const struct mg_ruleset *empty,
			struct mg_plan **out, struct mg_error *error)
{
	struct mg_plan *plan = calloc(1, sizeof(*plan));
	const char *const *name;
	int family;

	if (!plan)
		return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for a plan");
	plan->ruleset = empty;
	plan->families = written_families(snapshot);
	for (name = mg_commit_order; *name; name++) {
		for (family = 0; family < MG_FAMILIES; family++) {
			struct mg_snapshot_table *then = find(snapshot, (enum mg_family)family,
							      *name);
			struct mg_table_plan *table = &plan->tables[plan->table_count];

			if (!then || !then->written || !then->image)
				continue;
			table->family = then->family;
			table->table = *name;
			table->live = then->image;
			table->rebinds = then->rebinds;
			then->image = NULL;
			plan->table_count++;
		}
	}
	*out = plan;
	return 0;
}

static int restore(struct mg_snapshot *snapshot, struct mg_plan *plan, struct mg_error *error)
{
	bool touched[MG_MOST_TABLES] = { false };
	struct mg_set_states *states = NULL;
	size_t i;
	int err;

	plan->sets = snapshot->sets;
	err = mg_sets_states(plan, &states, error);
	if (err)
		goto out;
	/* how far it came nobody knows any more: what is as it was is not written */
	mg_sets_assume_touched(plan, states);
	for (i = 0; i < plan->table_count; i++)
		touched[i] = find(snapshot, plan->tables[i].family, plan->tables[i].table)->written;
	err = mg_restore(plan, touched, states, error);
	mg_sets_states_free(states);
out:
	plan->sets = NULL; /* the snapshot's */
	return err;
}

/* "nat v4, filter v4 v6, address sets" */
static void list_tables(struct mg_snapshot *snapshot, char *what, size_t size)
{
	const char *const *name;
	size_t used = 0;
	int family;

	for (name = mg_commit_order; *name; name++) {
		bool is_first = true;

		for (family = 0; family < MG_FAMILIES; family++) {
			const struct mg_snapshot_table *table = find(snapshot,
								     (enum mg_family)family, *name);

			if (!table || !table->written || used >= size)
				continue;
			used += (size_t)snprintf(what + used, size - used, "%s%s %s",
						 used && is_first ? ", " : "",
						 is_first ? *name : "",
						 mg_family_ops((enum mg_family)family)->short_name);
			is_first = false;
		}
	}
	if (snapshot->sets && used < size)
		snprintf(what + used, size - used, "%saddress sets", used ? ", " : "");
}

int mg_snapshot_restore(struct mg_snapshot *snapshot, const struct mg_ruleset *ruleset,
			const struct mg_generation *before, char *what, size_t size,
			struct mg_error *error)
{
	struct mg_ruleset *empty = NULL;
	struct mg_plan *plan = NULL;
	int err = 0;

	if (what) {
		*what = '\0';
		list_tables(snapshot, what, size);
	}
	if (ruleset) {
		err = plan_again(snapshot, ruleset, before, &plan, error);
	} else {
		err = mg_ruleset_new(&empty, error);
		if (!err)
			err = mg_ruleset_seal(empty, error);
		if (!err)
			err = plan_exactly(snapshot, empty, &plan, error);
	}
	if (!err)
		err = restore(snapshot, plan, error);
	mg_plan_free(plan);
	mg_ruleset_free(empty);
	return err;
}
