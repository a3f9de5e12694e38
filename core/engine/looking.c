/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Looking: what is in force, what waits for a confirmation, and how far the
 * live tables are from the generation that should be.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "engine.h"
#include "netfilter/beside.h"
#include "ruleset/failure.h"
#include "ruleset/save_text.h"
#include "ruleset/set_text.h"

int mg_engine_read_generation(const struct mg_generation *generation, struct mg_ruleset *ruleset,
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
		if (err || !generation->sets[family])
			continue;
		snprintf(name, sizeof(name), "generation %u, sets.%s", generation->number,
			 mg_family_ops((enum mg_family)family)->short_name);
		err = mg_set_text_read(mg_ruleset_sets(ruleset), (enum mg_family)family, name,
				       generation->sets[family], strlen(generation->sets[family]),
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
	err = mg_engine_read_generation(generation, ruleset, &families, error);
	if (!err)
		err = mg_plan_compile(ruleset, families & engine->families, &plan, NULL, error);
	if (!err)
		err = mg_plan_compare(plan, error);
	for (i = 0; !err && i < plan->table_count; i++) {
		const struct mg_table_plan *table = &plan->tables[i];

		/* where kept rules stand is their owners' business */
		out->missing += table->own->added + table->own->moved;
		out->foreign += table->own->removed - (table->kept ? table->kept->rule_count : 0);
		out->policies += table->diff->policies_changed;
	}
	for (i = 0; !err && plan->sets && i < plan->sets->count; i++)
		out->sets += plan->sets->items[i].is_wanted && plan->sets->items[i].is_changed;
	out->has_drift = !err;
	if (!err)
		err = mg_engine_count_others(engine, plan, error);
	mg_plan_free(plan);
	mg_ruleset_free(ruleset);
	return err;
}

/* All who look after what waits share the lock; where they are gone, opening the state tried. */
static bool is_guarded(const struct mg_engine *engine)
{
	if (engine->begun) /* ours */
		return true;
	if (mg_state_lock(engine->state, 0, NULL))
		return true;
	mg_state_unlock(engine->state);
	return false;
}

static int find_pending(struct mg_engine *engine, struct mg_report *out, struct mg_error *error)
{
	static const int64_t SECOND = 1000000000;
	struct mg_pending pending;
	struct timespec now;
	int64_t left;
	int err = mg_state_read_pending(engine->state, &pending, error);

	if (err)
		return err == -ENOENT ? 0 : err;
	clock_gettime(CLOCK_BOOTTIME, &now);
	out->pending_number = pending.number;
	/* rounded up: the last second is one, too */
	left = pending.deadline - ((int64_t)now.tv_sec * SECOND + now.tv_nsec);
	out->seconds_left = left > 0 ? (left + SECOND - 1) / SECOND : left / SECOND - 1;
	if (!is_guarded(engine))
		out->pending = MG_PENDING_LEFT;
	else if (!pending.committed)
		out->pending = MG_PENDING_APPLYING;
	else if (out->seconds_left >= 0 && (kill(pending.guard, 0) == 0 || errno != ESRCH))
		out->pending = MG_PENDING_WAITING;
	else
		out->pending = MG_PENDING_ENDING;
	if (out->pending == MG_PENDING_WAITING) {
		memcpy(engine->pending_token, pending.token, sizeof(engine->pending_token));
		out->pending_token = engine->pending_token;
	}
	return 0;
}

/* Who filters beside: there is nothing here that could be refused for it. */
static int tell_beside(struct mg_engine *engine, struct mg_error *error)
{
	const size_t first = engine->notes.count;
	int err = mg_beside_read(&engine->notes, error);

	mg_engine_allow(engine, first, true);
	return err ? err
		   : mg_beside_loaders("/", mg_engine_own_loaders(engine), &engine->notes, error);
}

int mg_engine_report(struct mg_engine *engine, struct mg_report *out, struct mg_error *error)
{
	struct mg_generation *pending = NULL;
	int err = mg_engine_open_state(engine, false, error);

	if (!err)
		err = mg_engine_read_confirmed(engine, error);
	if (err)
		return err;
	*out = (struct mg_report){ .confirmed = mg_engine_describe(engine->confirmed) };
	out->confirmed.in_force = out->confirmed.number;
	err = find_pending(engine, out, error);
	if (!err)
		err = mg_engine_read_pending(engine, &pending, error);
	if (!err && (pending || engine->confirmed))
		err = find_drift(engine, pending ? pending : engine->confirmed, out, error);
	else if (!err)
		err = mg_engine_count_others(engine, NULL, error);
	mg_generation_free(pending);
	out->owner_count = engine->owners.count;
	out->owners = engine->owners.items;
	out->owners_hidden = engine->owners.hidden;
	if (!err)
		err = mg_engine_tell_published(engine, MG_WARNING, error);
	if (!err)
		err = mg_engine_tell_boot_files(engine, error);
	if (!err)
		err = tell_beside(engine, error);
	return err;
}
