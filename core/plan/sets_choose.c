/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How each set that changes is brought in: made anew under which name, or
 * exchanged; and which tables are written because of it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "netfilter/ipset.h"
#include "ruleset/failure.h"
#include "sets_commit.h"

/* Which sets of the plan the rules of an image look up. */
struct looking {
	const struct mg_set_plans *plans;
	enum mg_family family;
	bool *used;
};

static int note_use(void *context, struct xt_set_info *info)
{
	struct looking *looking = context;
	const char *name = mg_set_name(info->index);
	char base[MG_SET_NAME_SIZE];
	size_t i;

	if (!name)
		return 0;
	mg_set_base(name, base);
	for (i = 0; i < looking->plans->count; i++)
		if (looking->plans->items[i].family == looking->family &&
		    strcmp(looking->plans->items[i].name, base) == 0)
			looking->used[i] = true;
	return 0;
}

static void note_uses(const struct mg_image *image, const struct mg_set_plans *plans, bool *used)
{
	struct looking looking = { plans, image->family, used };
	size_t i;

	for (i = 0; i < image->entry_count; i++)
		mg_set_rules_each(mg_family_ops(image->family), image->entries[i].bytes, note_use,
				  &looking);
}

/* The base name, if it is free and may be taken, or else the first free generation of it. */
static void find_name(const struct mg_ipset_header *headers, size_t count, struct mg_set_plan *set,
		      uint32_t number)
{
	strcpy(set->made, set->name);
	while (set->is_exchanged || mg_ipset_find(headers, count, set->made)) {
		snprintf(set->made, sizeof(set->made), "%.20s.%u", set->name, number++);
		if (!mg_ipset_find(headers, count, set->made))
			break;
	}
}

/*
 * @written: sets that are looked up in a table that changes. Such a set is made
 * anew, as is one whose type has to be another.
 */
static void choose_way(struct mg_set_plan *set, bool written, const struct mg_ipset_header *headers,
		       size_t count, uint32_t number)
{
	set->is_exchanged = *set->live && !written && !set->is_split &&
			    strcmp(set->type, set->live_type) == 0;
	set->made[0] = '\0';
	if (set->is_wanted && set->is_changed)
		find_name(headers, count, set, number);
}

/* A table that does not change is written all the same if a set of its rules is another one. */
static void choose_tables(struct mg_plan *plan, bool *const *used)
{
	const struct mg_set_plans *plans = plan->sets;
	size_t i, j;

	for (i = 0; i < plan->table_count; i++) {
		plan->tables[i].rebinds = false;
		for (j = 0; j < plans->count; j++)
			plan->tables[i].rebinds |= used[i][j] && *plans->items[j].made &&
						   !plans->items[j].is_exchanged;
	}
}

static void choose_aliases(struct mg_set_plans *plans)
{
	size_t i;

	plans->aliases.items = plans->alias_items;
	plans->aliases.count = 0;
	for (i = 0; i < plans->count; i++) {
		const struct mg_set_plan *set = &plans->items[i];

		if (set->is_wanted)
			plans->alias_items[plans->aliases.count++] = (struct mg_set_alias){
				.name = set->name,
				.kernel = *set->made && !set->is_exchanged ? set->made : set->live,
			};
	}
}

static int choose(struct mg_plan *plan, bool *const *used, uint32_t number, struct mg_error *error)
{
	struct mg_set_plans *plans = plan->sets;
	struct mg_ipset_header *headers = NULL;
	struct mg_ipset *ipset;
	size_t count = 0, i, j;
	int err = mg_ipset_open(&ipset, error);

	if (err)
		return err;
	err = mg_ipset_headers(ipset, &headers, &count, error);
	for (j = 0; j < plans->count && !err; j++) {
		bool written = false;

		for (i = 0; i < plan->table_count; i++)
			written |= used[i][j] && !mg_diff_is_empty(plan->tables[i].diff);
		choose_way(&plans->items[j], written, headers, count, number);
	}
	free(headers);
	mg_ipset_close(ipset);
	return err;
}

int mg_sets_choose(struct mg_plan *plan, uint32_t number, struct mg_error *error)
{
	struct mg_set_plans *plans = plan->sets;
	bool *used[MG_MOST_TABLES] = { NULL };
	size_t i;
	int err = 0;

	if (!plans)
		return 0;
	free(plans->alias_items);
	plans->alias_items = calloc(plans->count + 1, sizeof(*plans->alias_items));
	for (i = 0; i < plan->table_count; i++) {
		used[i] = calloc(plans->count + 1, sizeof(bool));
		if (!used[i])
			break;
		note_uses(plan->tables[i].live, plans, used[i]);
		note_uses(plan->tables[i].wanted, plans, used[i]);
	}
	if (i < plan->table_count || !plans->alias_items)
		err = mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for address sets");
	if (!err)
		err = choose(plan, used, number, error);
	if (!err) {
		choose_aliases(plans);
		choose_tables(plan, used);
	}
	for (i = 0; i < MG_MOST_TABLES; i++)
		free(used[i]);
	return err;
}
