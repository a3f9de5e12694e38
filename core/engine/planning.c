/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Planning: what was compiled against what is live, and what speaks against it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "engine.h"
#include "netfilter/beside.h"
#include "plan/lines.h"
#include "plan/set_changes.h"
#include "preflight.h"
#include "ruleset/failure.h"
#include "ruleset/keep.h"
#include "ruleset/presets.h"

int mg_engine_open_state(struct mg_engine *engine, bool create, struct mg_error *error)
{
	int err;

	if (engine->state)
		return 0;
	err = mg_state_open(engine->request.state_dir, engine->request.run_dir, create,
			    &engine->state, error);
	return err ? err : mg_engine_tend_state(engine, error);
}

int mg_engine_read_confirmed(struct mg_engine *engine, struct mg_error *error)
{
	struct mg_error words = { 0 };
	int err;

	mg_generation_free(engine->confirmed);
	engine->confirmed = NULL;
	err = mg_state_read_confirmed(engine->state, &engine->confirmed, &words);
	if (err == -ENOENT)
		err = mg_state_find_lost(engine->state, &words);
	if (err == -EBADMSG) /* whose rules are live is unknown then: all are foreign */
		return mg_note(&engine->notes, MG_WARNING, NULL,
			       "an apply with --remove-foreign replaces it", "%s", words.text)
			       ? mg_engine_no_memory(error)
			       : 0;
	if (err && error)
		*error = words;
	return err;
}

int mg_engine_begin(struct mg_engine *engine, struct mg_error *error)
{
	int err = mg_engine_open_state(engine, true, error);

	if (!err)
		err = mg_state_lock(engine->state, engine->request.wait, error);
	if (!err)
		err = mg_engine_recover(engine, error);
	engine->begun = !err;
	return err;
}

int mg_engine_read_pending(struct mg_engine *engine, struct mg_generation **out,
			   struct mg_error *error)
{
	struct mg_pending record;
	int err = mg_state_read_pending(engine->state, &record, error);

	*out = NULL;
	if (err == -ENOENT)
		return 0;
	if (err || !record.committed)
		return err;
	err = mg_state_read_generation(engine->state, record.number, out, error);
	return err == -ENOENT ? 0 : err; /* taken back since */
}

int mg_engine_read_owned(struct mg_engine *engine, struct mg_owned **out, struct mg_error *error)
{
	struct mg_generation *pending = NULL;
	int err = mg_engine_read_confirmed(engine, error);

	if (!err)
		err = mg_engine_read_pending(engine, &pending, error);
	if (!err)
		err = mg_owned_new(pending ? pending : engine->confirmed, out, error);
	mg_generation_free(pending);
	return err;
}

/* Whose rules are live? What is ours is not kept, and what goes is foreign if it is not ours. */
static int learn_owned(struct mg_engine *engine, struct mg_error *error)
{
	struct mg_owned *owned = NULL;
	int err = mg_engine_read_owned(engine, &owned, error);

	if (!err)
		mg_plan_set_owned(engine->plan, owned);
	return err;
}

static int compare(struct mg_engine *engine, struct mg_error *error)
{
	const bool keeps = mg_ruleset_keep_count(engine->ruleset);
	int err = keeps ? learn_owned(engine, error) : 0;

	if (!err)
		err = mg_plan_compare(engine->plan, error);
	if (!err)
		err = mg_sets_check_names(engine->plan, error);
	if (!err)
		err = mg_sets_tell_parts(engine->plan, &engine->notes, error);
	if (err || !mg_plan_removes(engine->plan))
		return err;
	if (!keeps)
		err = learn_owned(engine, error);
	return err ? err : mg_plan_find_foreign(engine->plan, error);
}

/* How foreign rules can stay, or go. */
static void foreign_remedy(const struct mg_plan *plan, char *out, size_t size)
{
	const bool several = plan->foreign_owners & (plan->foreign_owners - 1);
	const char *before = several ? "keep { " : "keep ";
	size_t used = 0, i;

	if (!plan->foreign_owners) {
		snprintf(out, size,
			 "put them into the policy, keep them with keep(), or let them go with "
			 "--remove-foreign");
		return;
	}
	for (i = 0; mg_presets[i].name; i++) {
		if (!(plan->foreign_owners & 1U << i) || used >= size)
			continue;
		used += (size_t)snprintf(out + used, size - used, "%s\"%s\"", before,
					 mg_presets[i].name);
		before = ", ";
	}
	if (used < size)
		snprintf(out + used, size - used,
			 "%s keeps what is likely theirs; %s--remove-foreign", several ? " }" : "",
			 plan->foreign_unknown ? "put the rest into the policy, or let it go with "
					       : "it goes with ");
}

static int refuse_foreign(struct mg_engine *engine, struct mg_error *error)
{
	const struct mg_plan *plan = engine->plan;
	bool allowed = engine->request.remove_foreign;
	char chains[64], remedy[512];
	int err = 0;

	if (!plan->foreign_rules && !plan->foreign_chains)
		return 0;
	if (!allowed)
		err = mg_engine_judge_foreign(engine, &allowed, error);
	if (err)
		return err;
	snprintf(chains, sizeof(chains), " and %zu chain%s", plan->foreign_chains,
		 plan->foreign_chains == 1 ? "" : "s");
	foreign_remedy(plan, remedy, sizeof(remedy));
	if (mg_note(&engine->notes, allowed ? MG_INFO : MG_REFUSAL, NULL, allowed ? NULL : remedy,
		    "%zu rule%s%s that Moongate did not put there would be removed",
		    plan->foreign_rules, plan->foreign_rules == 1 ? "" : "s",
		    plan->foreign_chains ? chains : ""))
		return mg_engine_no_memory(error);
	return 0;
}

static bool names_table(const struct mg_table_names *names, const char *table)
{
	const size_t length = strlen(table);
	const char *at = names->text;

	for (; *at; at += strcspn(at, " ") + 1)
		if (strncmp(at, table, length) == 0 && at[length] == ' ')
			return true;
	return false;
}

/* The families in which @table was ours, is still there, and is planned no more. */
static unsigned int left_behind(const struct mg_engine *engine,
				const struct mg_table_names names[MG_FAMILIES], const char *table)
{
	unsigned int families = 0;
	int family;

	for (family = 0; family < MG_FAMILIES; family++)
		if (engine->families & 1U << family && names_table(&names[family], table) &&
		    !mg_plan_find(engine->plan, (enum mg_family)family, table) &&
		    mg_table_exists((enum mg_family)family, table) == 1)
			families |= 1U << family;
	return families;
}

/*
 * A policy that no longer names a table leaves it as it is; whoever has just
 * taken his masquerade() out may have meant something else.
 */
static int tell_left_behind(struct mg_engine *engine, struct mg_error *error)
{
	static const char *const words[] = { "", "IPv4 ", "IPv6 ", "" };
	struct mg_table_names names[MG_FAMILIES];
	const char *const *table;
	char remedy[128];
	uint32_t number;
	unsigned int families;

	/* that there is no generation, or a damaged one, is told where its rules matter */
	if (mg_state_read_tables(engine->state, &number, names, NULL))
		return 0;
	for (table = mg_commit_order; *table; table++) {
		families = left_behind(engine, names, *table);
		snprintf(remedy, sizeof(remedy),
			 "chain(\"%s\", \"OUTPUT\"), and nothing in it, takes them away", *table);
		if (families &&
		    mg_note(&engine->notes, MG_WARNING, NULL, remedy,
			    "the policy does not name the %stable %s any more: the rules "
			    "that generation %u put there stay",
			    words[families], *table, number))
			return mg_engine_no_memory(error);
	}
	return 0;
}

static int look_beside(struct mg_engine *engine, struct mg_error *error)
{
	size_t first = engine->notes.count;
	int err = mg_beside_read(&engine->notes, error);

	if (err)
		return err;
	mg_engine_allow(engine, first, engine->request.beside_nft || engine->request.force);
	return mg_beside_loaders("/", mg_engine_own_loaders(engine), &engine->notes, error);
}

/* Sets alone may change: then the kernel has all rules already, and need not judge them. */
static bool changes_rules(const struct mg_plan *plan)
{
	size_t i;

	for (i = 0; i < plan->table_count; i++)
		if (!mg_diff_is_empty(plan->tables[i].diff))
			return true;
	return false;
}

int mg_engine_plan(struct mg_engine *engine, struct mg_error *error)
{
	int err;

	if (!engine->plan)
		return mg_engine_too_early("mg_engine_plan", "mg_engine_check", error);
	engine->planned = false;
	err = mg_engine_refuse_other_host(engine, error);
	if (!err)
		err = mg_engine_open_state(engine, false, error);
	if (!err)
		err = compare(engine, error);
	if (!err)
		err = tell_left_behind(engine, error);
	if (!err)
		err = look_beside(engine, error);
	if (!err)
		err = refuse_foreign(engine, error);
	if (!err)
		err = mg_engine_tell_absent(engine, error);
	if (!err)
		err = mg_engine_tell_kept_published(engine, error);
	if (!err && !mg_plan_is_empty(engine->plan)) {
		err = mg_engine_judge_live(engine, error);
		if (!err)
			err = mg_engine_preflight(engine, changes_rules(engine->plan), error);
	} else if (!err && engine->request.drop_flows) {
		err = mg_engine_preflight(engine, false, error);
	}
	engine->planned = !err;
	return err;
}

void mg_engine_plan_summary(const struct mg_engine *engine, struct mg_plan_summary *out)
{
	const struct mg_plan *plan = engine->plan;
	size_t i;

	if (!engine->planned) {
		*out = (struct mg_plan_summary){ 0 };
		return;
	}
	*out = (struct mg_plan_summary){
		.foreign_rules = plan->foreign_rules,
		.foreign_chains = plan->foreign_chains,
		.is_empty = mg_plan_is_empty(plan),
	};
	for (i = 0; i < plan->table_count; i++) {
		const struct mg_diff *diff = plan->tables[i].diff;

		out->added += diff->added;
		out->removed += diff->removed;
		out->moved += diff->moved;
		out->kept += diff->kept;
		out->policies_changed += diff->policies_changed;
		out->chains_added += diff->chains_added;
		out->chains_removed += diff->chains_removed;
	}
	for (i = 0; plan->sets && i < plan->sets->count; i++) {
		const struct mg_set_plan *set = &plan->sets->items[i];

		out->sets_added += !*set->live;
		out->sets_removed += !set->is_wanted;
		out->members_added += set->added;
		out->members_removed += set->removed;
	}
}

int mg_engine_set_changes(const struct mg_engine *engine, bool all, struct mg_set_changes **out,
			  struct mg_error *error)
{
	if (!engine->planned)
		return mg_engine_too_early("mg_engine_set_changes", "mg_engine_plan", error);
	return mg_set_changes_make(engine->plan, all, out, error);
}

int mg_engine_sections(const struct mg_engine *engine, bool all, struct mg_sections **out,
		       struct mg_error *error)
{
	if (!engine->planned)
		return mg_engine_too_early("mg_engine_sections", "mg_engine_plan", error);
	return mg_sections_make(engine->plan, all, out, error);
}
