/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Showing what is live, and comparing it with a generation.
 */
#include "live.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "netfilter/print.h"
#include "ruleset/failure.h"
#include "ruleset/save_text.h"

static int visit_chain(const struct mg_image *image, const struct mg_image_chain *chain,
		       struct mg_owned *owned, const struct mg_live_visitor *visitor,
		       struct mg_error *error)
{
	const struct mg_family_ops *ops = mg_family_ops(image->family);
	const struct mg_live_chain view = {
		.family = image->family,
		.table = image->table,
		.name = chain->name,
		.policy = chain->policy,
		.packets = chain->counters.pcnt,
		.bytes = chain->counters.bcnt,
		.count = chain->count,
	};
	struct mg_entry_view entry;
	uint32_t i;
	int err = visitor->chain(visitor->context, &view);

	for (i = 0; i < chain->count && !err; i++) {
		struct mg_live_rule rule;

		err = mg_entry_text(ops, &image->entries[chain->first + i], &rule.text, error);
		if (err)
			break;
		ops->view((void *)image->entries[chain->first + i].bytes, &entry);
		rule.packets = entry.counters->pcnt;
		rule.bytes = entry.counters->bcnt;
		rule.origin = mg_owned_take(owned, image->family, image->table, chain->name,
					    rule.text);
		err = visitor->rule(visitor->context, i + 1, &rule);
	}
	return err;
}

static int visit_table(enum mg_family family, struct mg_owned *owned,
		       const struct mg_live_visitor *visitor, struct mg_error *error)
{
	struct mg_image *image;
	size_t i;
	int err = mg_table_read(family, "filter", &image, error);

	if (err)
		return err;
	for (i = 0; i < image->chain_count && !err; i++)
		err = visit_chain(image, &image->chains[i], owned, visitor, error);
	mg_image_free(image);
	return err;
}

int mg_live_visit(struct mg_engine *engine, const struct mg_live_visitor *visitor,
		  struct mg_error *error)
{
	struct mg_generation *pending = NULL;
	struct mg_owned *owned = NULL;
	int family, err = mg_engine_open_state(engine, error);

	if (!err)
		err = mg_engine_pending(engine, &pending, error);
	if (!err)
		err = mg_owned_new(pending ? pending : engine->confirmed, &owned, error);
	for (family = 0; family < MG_FAMILIES && !err; family++)
		if (engine->families & 1U << family)
			err = visit_table((enum mg_family)family, owned, visitor, error);
	mg_owned_free(owned);
	mg_generation_free(pending);
	return err;
}

/* A generation's text as a ruleset again. @families: those that it manages. */
static int read_generation(const struct mg_generation *generation, struct mg_ruleset *ruleset,
			   unsigned int *families, struct mg_error *error)
{
	char name[64];
	int family, err = 0;

	*families = 0;
	for (family = 0; family < MG_FAMILIES && !err; family++) {
		const char *rules = generation->rules[family];

		if (!rules)
			continue;
		*families |= 1U << family;
		snprintf(name, sizeof(name), "generation %u, rules.%s", generation->number,
			 mg_family_ops((enum mg_family)family)->short_name);
		err = mg_save_read(ruleset, (enum mg_family)family, name, rules, strlen(rules),
				   error);
	}
	return err ? err : mg_ruleset_seal(ruleset, error);
}

int mg_live_drift(struct mg_engine *engine, const struct mg_generation *generation,
		  struct mg_drift *out, struct mg_error *error)
{
	struct mg_ruleset *ruleset;
	struct mg_plan *plan = NULL;
	unsigned int families;
	size_t i;
	int err = mg_ruleset_new(&ruleset, error);

	if (err)
		return err;
	err = read_generation(generation, ruleset, &families, error);
	if (!err)
		err = mg_plan_compile(ruleset, families & engine->families, &plan, NULL, error);
	if (!err)
		err = mg_plan_compare(plan, error);
	*out = (struct mg_drift){ 0 };
	for (i = 0; !err && i < plan->table_count; i++) {
		const struct mg_diff *diff = plan->tables[i].diff;

		out->missing += diff->added + diff->moved;
		out->foreign += diff->removed;
		out->policies += diff->policies_changed;
	}
	mg_plan_free(plan);
	mg_ruleset_free(ruleset);
	return err;
}
