/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Looking: what is live, the policy line behind each rule, and how far it is
 * from the generation that should be.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "engine.h"
#include "netfilter/beside.h"
#include "netfilter/print.h"
#include "ruleset/failure.h"
#include "ruleset/save_text.h"

/* A visit under way. */
struct visit {
	struct mg_owned *owned;
	const char *chain; /* only this one, or NULL */
	const struct mg_live_visitor *visitor;
	size_t seen; /* chains so far */
};

static int visit_chain(const struct mg_image *image, const struct mg_image_chain *chain,
		       struct visit *visit, struct mg_error *error)
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
	int err = visit->visitor->chain(visit->visitor->context, &view);

	for (i = 0; i < chain->count && !err; i++) {
		struct mg_live_rule rule;

		err = mg_entry_text(ops, &image->entries[chain->first + i], &rule.text, error);
		if (err)
			break;
		ops->view((void *)image->entries[chain->first + i].bytes, &entry);
		rule.packets = entry.counters->pcnt;
		rule.bytes = entry.counters->bcnt;
		rule.origin = mg_owned_take(visit->owned, image->family, image->table, chain->name,
					    rule.text);
		err = visit->visitor->rule(visit->visitor->context, i + 1, &rule);
	}
	return err;
}

/* @asked: show it also if the kernel does not have it yet, as what it is: empty */
static int visit_table(enum mg_family family, const char *table, bool asked, struct visit *visit,
		       struct mg_error *error)
{
	struct mg_image *image;
	size_t i;
	int err = mg_table_read(family, table, &image, error);

	if (err)
		return err;
	for (i = 0; i < image->chain_count && !err && (asked || !image->absent); i++) {
		if (visit->chain && strcmp(visit->chain, image->chains[i].name) != 0)
			continue;
		visit->seen++;
		err = visit_chain(image, &image->chains[i], visit, error);
	}
	mg_image_free(image);
	return err;
}

static int visit_tables(const struct mg_engine *engine, const char *table, struct visit *visit,
			struct mg_error *error)
{
	int family, err = 0;
	size_t i;

	for (i = 0; mg_commit_order[i]; i++) {
		const char *name = mg_commit_order[i];

		if (table && strcmp(table, name) != 0)
			continue;
		for (family = 0; family < MG_FAMILIES && !err; family++)
			if (engine->families & 1U << family)
				err = visit_table((enum mg_family)family, name,
						  table || strcmp(name, "filter") == 0, visit,
						  error);
	}
	return err;
}

int mg_engine_visit(struct mg_engine *engine, const char *table, const char *chain,
		    const struct mg_live_visitor *visitor, struct mg_error *error)
{
	struct visit visit = { .chain = chain, .visitor = visitor };
	struct mg_generation *pending = NULL;
	int err;

	if (table && !mg_builtin_chains(table))
		return mg_fail(error, -ENOENT, MG_INVALID,
			       "there is no table `%s' (raw, mangle, security, nat or filter)",
			       table);
	err = mg_engine_open_state(engine, false, error);
	if (!err)
		err = mg_engine_read_confirmed(engine, error);
	if (!err)
		err = mg_engine_read_pending(engine, &pending, error);
	if (!err)
		err = mg_owned_new(pending ? pending : engine->confirmed, &visit.owned, error);
	if (!err)
		err = visit_tables(engine, table, &visit, error);
	if (!err && chain && !visit.seen)
		err = mg_fail(error, -ENOENT, MG_INVALID, "there is no chain `%s' in table %s",
			      chain, table ? table : "filter or any other");
	mg_owned_free(visit.owned);
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

static int find_drift(struct mg_engine *engine, const struct mg_generation *generation,
		      struct mg_report *out, struct mg_error *error)
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
	for (i = 0; !err && i < plan->table_count; i++) {
		const struct mg_diff *diff = plan->tables[i].diff;

		out->missing += diff->added + diff->moved;
		out->foreign += diff->removed;
		out->policies += diff->policies_changed;
	}
	out->has_drift = !err;
	mg_plan_free(plan);
	mg_ruleset_free(ruleset);
	return err;
}

static int find_pending(struct mg_engine *engine, struct mg_report *out, struct mg_error *error)
{
	struct mg_pending pending;
	struct timespec now;
	int err = mg_state_read_pending(engine->state, &pending, error);

	if (err)
		return err == -ENOENT ? 0 : err;
	clock_gettime(CLOCK_BOOTTIME, &now);
	out->pending_number = pending.number;
	out->seconds_left = pending.deadline - now.tv_sec;
	if (kill(pending.guard, 0) && errno == ESRCH)
		out->pending = MG_PENDING_LEFT;
	else if (!pending.committed)
		out->pending = MG_PENDING_APPLYING;
	else
		out->pending = out->seconds_left >= 0 ? MG_PENDING_WAITING : MG_PENDING_ENDING;
	return 0;
}

static struct mg_generation_info describe(const struct mg_generation *generation)
{
	if (!generation)
		return (struct mg_generation_info){ 0 };
	return (struct mg_generation_info){
		.number = generation->number,
		.time = generation->time,
		.user = generation->user,
		.policy = generation->policy,
		.confirmed_by = generation->confirmed_by,
	};
}

int mg_engine_report(struct mg_engine *engine, struct mg_report *out, struct mg_error *error)
{
	struct mg_generation *pending = NULL;
	int err = mg_engine_open_state(engine, false, error);

	if (!err)
		err = mg_engine_read_confirmed(engine, error);
	if (err)
		return err;
	*out = (struct mg_report){ .confirmed = describe(engine->confirmed) };
	err = find_pending(engine, out, error);
	if (!err)
		err = mg_engine_read_pending(engine, &pending, error);
	if (!err && (pending || engine->confirmed))
		err = find_drift(engine, pending ? pending : engine->confirmed, out, error);
	mg_generation_free(pending);
	if (!err)
		err = mg_beside_read(&engine->notes, error);
	if (!err)
		err = mg_beside_loaders("/", &engine->notes, error);
	return err;
}
