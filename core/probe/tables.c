/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loading what judges, and reading from its counters who has judged.
 */
#include "tables.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "judged.h"
#include "netfilter/ipset.h"
#include "netfilter/table.h"
#include "netfilter/trial_objects.h"

/* The members that can concern a packet, in the order in which they were. */
static int make_set(struct mg_ipset *ipset, const struct mg_reach *reach,
		    const struct mg_set_view *set)
{
	struct mg_set_member *members = calloc(set->count + 1U, sizeof(*members));
	uint32_t count = 0, i;
	int err;

	if (!members)
		return -ENOMEM;
	for (i = 0; i < set->count; i++)
		if (mg_reach_meets_prefix(reach, set->members[i].address, set->members[i].prefix))
			members[count++] = set->members[i];
	err = mg_ipset_make(ipset, set->name, set->type, set->family, members, count, NULL);
	free(members);
	return err;
}

static int make_sets(const struct mg_probe_tables *tables, const struct mg_sets *sets,
		     const char *others)
{
	const uint32_t count = sets ? mg_sets_count(sets) : 0;
	struct mg_ipset *ipset;
	uint32_t i;
	int err;

	if (!count && !others)
		return 0;
	err = mg_ipset_open(&ipset, NULL);
	if (err)
		return err;
	for (i = 0; i < count && !err; i++) {
		struct mg_set_view set;

		mg_sets_at(sets, i, &set);
		if (tables->reach[set.family].count)
			err = make_set(ipset, &tables->reach[set.family], &set);
	}
	mg_ipset_close(ipset);
	return err || !others ? err : mg_ipset_read_text(others);
}

int mg_probe_tables_load(struct mg_probe_tables *tables, const struct mg_sets *sets,
			 const char *others)
{
	int err = make_sets(tables, sets, others);
	size_t i;

	for (i = 0; i < tables->count && !err; i++) {
		const struct mg_image *reduced = tables->items[i].reduced;

		if (!reduced)
			continue;
		mg_trial_make_objects(reduced);
		err = mg_table_fill(reduced, SIZE_MAX);
	}
	return err;
}

static void read_counters(struct mg_probe_table *table, const struct mg_image *back)
{
	const struct mg_image *reduced = table->reduced;
	const struct mg_family_ops *ops = mg_family_ops(reduced->family);
	struct mg_entry_view view;
	size_t i;
	uint32_t j;

	for (i = 0; i < reduced->chain_count; i++) {
		const struct mg_image_chain *chain = &reduced->chains[i];
		const struct mg_image_chain *got = mg_image_find(back, chain->name);

		if (!got)
			continue;
		table->now[reduced->entry_count + i] = got->counters.pcnt;
		for (j = 0; j < chain->count && j < got->count; j++) {
			ops->view((void *)back->entries[got->first + j].bytes, &view);
			table->now[chain->first + j] = view.counters->pcnt;
		}
	}
}

int mg_probe_tables_count(struct mg_probe_tables *tables, enum mg_family family)
{
	size_t i;
	int err = 0;

	for (i = 0; i < tables->count && !err; i++) {
		struct mg_probe_table *table = &tables->items[i];
		struct mg_image *back = NULL;
		uint64_t *older = table->before;

		if (!table->reduced || table->reduced->family != family)
			continue;
		table->before = table->now;
		table->now = older;
		err = mg_table_read(family, table->reduced->table, &back, NULL);
		if (!err)
			read_counters(table, back);
		mg_image_free(back);
	}
	return err;
}

/* Has the rule or the policy in this slot seen a packet? */
static bool moved(const struct mg_probe_table *table, size_t slot)
{
	return table->now[slot] != table->before[slot];
}

static bool is_on_way(const char *chain, enum mg_probe_way_part part)
{
	if (part == MG_PROBE_COMING)
		return strcmp(chain, "PREROUTING") == 0 || strcmp(chain, "INPUT") == 0 ||
		       strcmp(chain, "FORWARD") == 0;
	return strcmp(chain, "OUTPUT") == 0 || strcmp(chain, "POSTROUTING") == 0;
}

static void set_place(const struct mg_probe_tables *tables, const struct mg_probe_table *table,
		      size_t chain, uint32_t entry, struct mg_probe_place *out)
{
	/* the chains are the image's, in its order */
	*out = (struct mg_probe_place){ (size_t)(table - tables->items), (uint32_t)chain, entry };
}

/* The first rule of a chain that has this effect and has seen a packet. */
static bool find_rule(const struct mg_probe_tables *tables, const struct mg_probe_table *table,
		      size_t index, enum mg_effect effect, struct mg_probe_place *out)
{
	const struct mg_image_chain *chain = &table->reduced->chains[index];
	uint32_t i;

	for (i = chain->first; i < chain->first + chain->count; i++) {
		if (!moved(table, i) || mg_effect_of(&table->reduced->entries[i]) != effect)
			continue;
		set_place(tables, table, index, table->rules[i].from, out);
		return true;
	}
	return false;
}

static bool find_denial(const struct mg_probe_tables *tables, const struct mg_probe_table *table,
			enum mg_probe_way_part part, bool built_in, struct mg_probe_place *out)
{
	size_t i;

	for (i = 0; i < table->reduced->chain_count; i++) {
		const struct mg_image_chain *chain = &table->reduced->chains[i];

		if (chain->built_in != built_in || (built_in && !is_on_way(chain->name, part)))
			continue;
		if (find_rule(tables, table, i, MG_EFFECT_DENY, out))
			return true;
		if (built_in && strcmp(chain->policy, "DROP") == 0 &&
		    moved(table, table->reduced->entry_count + i)) {
			set_place(tables, table, i, MG_NO_RULE, out);
			return true;
		}
	}
	return false;
}

/* A built-in chain says by its name on which part of the way it is, so those come first. */
bool mg_probe_tables_denied(const struct mg_probe_tables *tables, enum mg_family family,
			    enum mg_probe_way_part part, struct mg_probe_place *out)
{
	size_t i;
	int round;

	for (round = 0; round < 2; round++)
		for (i = 0; i < tables->count; i++) {
			const struct mg_probe_table *table = &tables->items[i];

			if (table->reduced && table->reduced->family == family &&
			    find_denial(tables, table, part, round == 0, out))
				return true;
		}
	return false;
}

bool mg_probe_tables_diverted(const struct mg_probe_tables *tables, enum mg_family family,
			      struct mg_probe_place *out)
{
	size_t i, j;

	for (i = 0; i < tables->count; i++) {
		const struct mg_probe_table *table = &tables->items[i];

		if (!table->reduced || table->reduced->family != family)
			continue;
		for (j = 0; j < table->reduced->chain_count; j++)
			if (find_rule(tables, table, j, MG_EFFECT_ELSEWHERE, out))
				return true;
	}
	return false;
}

bool mg_probe_tables_untracked(const struct mg_probe_tables *tables, enum mg_family family)
{
	size_t i, j;

	for (i = 0; i < tables->count; i++) {
		const struct mg_probe_table *table = &tables->items[i];

		if (!table->reduced || table->reduced->family != family)
			continue;
		for (j = 0; j < table->reduced->entry_count; j++)
			if (moved(table, j) && mg_hides_from_conntrack(&table->reduced->entries[j]))
				return true;
	}
	return false;
}

/*
 * Whoever got through depends on what may deny him; whoever did not, on what may
 * let him in. One who was quiet meets no limit, but may have earned an accept.
 */
static bool may_turn(const struct mg_probe_table *table, size_t index, bool denied)
{
	const struct mg_probe_rule *rule = &table->rules[index];
	const enum mg_effect effect = mg_effect_of(&table->image->entries[rule->from]);

	if (!rule->hinges || effect == MG_EFFECT_NONE)
		return false;
	if (denied)
		return effect != MG_EFFECT_DENY;
	return effect != MG_EFFECT_ACCEPT && (!rule->quietly || rule->remembered);
}

bool mg_probe_tables_unsure(const struct mg_probe_tables *tables, enum mg_family family,
			    bool denied, struct mg_probe_place *out)
{
	size_t i, j;
	uint32_t k;

	for (i = 0; i < tables->count; i++) {
		const struct mg_probe_table *table = &tables->items[i];

		if (!table->reduced || table->reduced->family != family)
			continue;
		for (j = 0; j < table->reduced->chain_count; j++) {
			const struct mg_image_chain *chain = &table->reduced->chains[j];

			for (k = chain->first; k < chain->first + chain->count; k++) {
				if (!moved(table, k) || !may_turn(table, k, denied))
					continue;
				set_place(tables, table, j, table->rules[k].from, out);
				return true;
			}
		}
	}
	return false;
}
