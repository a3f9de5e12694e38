/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Others: what is in the live tables and not of the generation that is live,
 * counted by whose it is.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "netfilter/print.h"
#include "ruleset/failure.h"
#include "ruleset/growable.h"
#include "ruleset/presets.h"

/* One live table, and what is known of it. */
struct looking {
	struct mg_engine *engine;
	const struct mg_ruleset *ruleset; /* of the generation; NULL: there is none */
	const char *table;		  /* its name, which lasts */
	const struct mg_image *live;
	const struct mg_table_plan *planned; /* NULL: the generation does not have this table */
};

void mg_owners_clear(struct mg_owners *owners)
{
	free(owners->items);
	*owners = (struct mg_owners){ 0 };
}

static bool same_name(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* The count for an owner's things in a table; NULL without memory. */
static struct mg_owner *find_owner(struct looking *looking, const char *name, bool kept)
{
	struct mg_owners *owners = &looking->engine->owners;
	struct mg_owner *owner;
	size_t i;

	for (i = 0; i < owners->count; i++) {
		owner = &owners->items[i];
		if (owner->kept == kept && same_name(owner->name, name) &&
		    strcmp(owner->table, looking->table) == 0)
			break;
	}
	if (i == owners->count) {
		if (mg_make_room((void **)&owners->items, &owners->capacity, owners->count + 1,
				 sizeof(*owners->items)))
			return NULL;
		owners->items[owners->count++] = (struct mg_owner){
			.name = name,
			.table = looking->table,
			.kept = kept,
		};
	}
	owner = &owners->items[i];
	owner->families |= 1U << looking->live->family;
	return owner;
}

/* The preset that a keep record is of, as a name that lasts; NULL: a pattern of the policy's. */
static const char *keeper(const struct looking *looking, uint32_t record)
{
	const struct mg_preset *preset;
	struct mg_keep keep;

	mg_ruleset_keep_at(looking->ruleset, record, &keep);
	preset = mg_preset_find(keep.owner);
	return preset ? preset->name : NULL;
}

/*
 * Whose is a rule (@text) or a chain (NULL), if it is not ours?
 * @record: the keep record that means it, or MG_NOT_KEPT
 */
static struct mg_owner *owner_of(struct looking *looking, uint32_t record, const char *chain,
				 const char *text)
{
	const bool kept = record != MG_NOT_KEPT;
	const char *name = kept ? keeper(looking, record) : NULL;

	return find_owner(looking, name ? name : mg_owner_of(chain, text), kept);
}

static int count_chain(struct looking *looking, size_t index, struct mg_error *error)
{
	const struct mg_image_chain *chain = &looking->live->chains[index];
	const struct mg_table_plan *planned = looking->planned;
	const uint32_t record = planned && mg_is_kept_chain(planned->kept, index)
					? planned->kept->chains[index]
					: MG_NOT_KEPT;
	struct mg_owner *owner;

	if (chain->built_in || (planned && mg_image_find(planned->compiled, chain->name)))
		return 0;
	owner = owner_of(looking, record, chain->name, NULL);
	if (!owner)
		return mg_engine_no_memory(error);
	owner->chains++;
	return 0;
}

static int count_rule(struct looking *looking, const struct mg_image_chain *chain, uint32_t i,
		      struct mg_error *error)
{
	const struct mg_table_plan *planned = looking->planned;
	const uint32_t record = planned && mg_is_kept(planned->kept, i) ? planned->kept->rules[i]
									: MG_NOT_KEPT;
	struct mg_owner *owner;
	const char *text;
	int err;

	if (planned && record == MG_NOT_KEPT && planned->diff->fates[i] != MG_REMOVED)
		return 0;
	err = mg_entry_text(mg_family_ops(looking->live->family), &looking->live->entries[i], &text,
			    error);
	if (err)
		return err;
	owner = owner_of(looking, record, chain->name, text);
	if (!owner)
		return mg_engine_no_memory(error);
	owner->rules++;
	return 0;
}

static int count_table(struct looking *looking, struct mg_error *error)
{
	const struct mg_image *live = looking->live;
	size_t c;
	uint32_t i;
	int err = 0;

	for (c = 0; c < live->chain_count && !err; c++) {
		const struct mg_image_chain *chain = &live->chains[c];

		err = count_chain(looking, c, error);
		for (i = chain->first; i < chain->first + chain->count && !err; i++)
			err = count_rule(looking, chain, i, error);
	}
	return err;
}

/* A table that the generation does not have is all others'. */
static int count_other_table(struct looking *looking, enum mg_family family, const char *table,
			     struct mg_error *error)
{
	const int exists = mg_table_exists(family, table);
	struct mg_image *live;
	int err;

	looking->engine->owners.hidden |= exists == -EACCES;
	if (exists != 1)
		return 0;
	err = mg_table_read(family, table, &live, error);
	if (err)
		return err;
	looking->live = live;
	err = count_table(looking, error);
	mg_image_free(live);
	return err;
}

/* By name, those of nobody last; what is kept first. */
static int by_name(const void *a, const void *b)
{
	const struct mg_owner *x = a, *y = b;
	int order = strcmp(x->name ? x->name : "~", y->name ? y->name : "~");

	if (!order)
		order = (int)y->kept - (int)x->kept;
	return order ? order : strcmp(x->table, y->table);
}

int mg_engine_count_others(struct mg_engine *engine, const struct mg_plan *plan,
			   struct mg_error *error)
{
	struct looking looking = { .engine = engine, .ruleset = plan ? plan->ruleset : NULL };
	const char *const *table;
	int family, err = 0;

	mg_owners_clear(&engine->owners);
	for (table = mg_commit_order; *table; table++)
		for (family = 0; family < MG_FAMILIES && !err; family++) {
			if (!(engine->families & 1U << family))
				continue;
			looking.table = *table;
			looking.planned = plan ? mg_plan_find(plan, (enum mg_family)family, *table)
					       : NULL;
			looking.live = looking.planned ? looking.planned->live : NULL;
			err = looking.live ? count_table(&looking, error)
					   : count_other_table(&looking, (enum mg_family)family,
							       *table, error);
		}
	if (engine->owners.count)
		qsort(engine->owners.items, engine->owners.count, sizeof(*engine->owners.items),
		      by_name);
	return err;
}

/* Is something live that this record of the plan's ruleset means, or one of the same owner? */
static bool is_there(const struct mg_plan *plan, const struct mg_keep *wanted)
{
	struct mg_keep keep;
	size_t t;
	uint32_t i;

	for (t = 0; t < plan->table_count; t++) {
		const struct mg_table_plan *table = &plan->tables[t];

		for (i = 0; table->kept && i < table->live->entry_count; i++) {
			if (!mg_is_kept(table->kept, i))
				continue;
			mg_ruleset_keep_at(plan->ruleset, table->kept->rules[i], &keep);
			if (strcmp(keep.owner, wanted->owner) == 0)
				return true;
		}
	}
	return false;
}

int mg_engine_tell_absent(struct mg_engine *engine, struct mg_error *error)
{
	const struct mg_plan *plan = engine->plan;
	const uint32_t count = mg_ruleset_keep_count(plan->ruleset);
	struct mg_keep keep, last = { .owner = "" };
	char place[512];
	uint32_t i;
	int err = 0;

	for (i = 0; i < count && !err; i++, last = keep) { /* those of one preset are together */
		mg_ruleset_keep_at(plan->ruleset, i, &keep);
		if (!*keep.owner || strcmp(keep.owner, last.owner) == 0 || is_there(plan, &keep))
			continue;
		snprintf(place, sizeof(place), "%.*s", (int)strcspn(keep.origin, " "), keep.origin);
		err = mg_note(&engine->notes, MG_INFO, place, NULL,
			      "nothing of %s's is in the tables of the policy now; what it adds "
			      "later stays",
			      keep.owner);
	}
	return err ? mg_engine_no_memory(error) : 0;
}
