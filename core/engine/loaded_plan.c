/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A plan taken up again: the same ruleset, without its policy, for the same
 * host and the same live tables, or not at all.
 */
#include <errno.h>
#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine.h"
#include "preflight.h"
#include "ruleset/failure.h"

bool mg_is_saved_plan(const char *path)
{
	return mg_saved_is(path);
}

static const char *families_text(unsigned int families)
{
	const unsigned int both = 1U << MG_IPV4 | 1U << MG_IPV6;

	return families == both ? "IPv4 and IPv6" : families == 1U << MG_IPV4 ? "IPv4" : "IPv6";
}

/* A request that says something else than the plan has no meaning. */
static int check_request(const struct mg_engine *engine, const char *path, struct mg_error *error)
{
	const struct mg_saved_plan *saved = engine->saved;
	const struct mg_request *request = &engine->request;

	if (request->facts)
		return mg_fail(error, -EINVAL, MG_USAGE,
			       "%s is a saved plan, whose facts are those of its host: leave "
			       "--facts out, or plan the policy again",
			       path);
	if (request->families && request->families != saved->asked)
		return mg_fail(error, -EINVAL, MG_USAGE,
			       "%s is a plan for %s, not for %s: leave -4 and -6 out, or plan the "
			       "policy again",
			       path, families_text(saved->asked), families_text(request->families));
	return 0;
}

/* IPv6 may have come or gone since; then this is a plan for half a host. */
static int choose_families(struct mg_engine *engine, const char *path, struct mg_error *error)
{
	const struct mg_saved_plan *saved = engine->saved;
	unsigned int now = saved->asked;

	if (!engine->host->has_ipv6)
		now &= ~(1U << MG_IPV6);
	if (now != saved->families)
		return mg_fail(error, -EPERM, MG_UNSAFE,
			       "%s is a plan for a host %s IPv6, and this one has %s: plan the "
			       "policy again",
			       path, saved->families & 1U << MG_IPV6 ? "with" : "without",
			       engine->host->has_ipv6 ? "it" : "none");
	engine->families = saved->families;
	return 0;
}

static int judge_host(struct mg_engine *engine, const char *path, struct mg_error *error)
{
	const struct mg_saved_plan *saved = engine->saved;
	struct mg_saved_plan here = { 0 };
	const size_t first = engine->notes.count;
	int err = mg_engine_identify(&here, error);

	if (err)
		return err;
	if (strcmp(here.host, saved->host) != 0)
		err = mg_note(&engine->notes, MG_REFUSAL, NULL, "plan the policy on this host",
			      "%s is a plan for the host %s, and this is %s", path, saved->host,
			      here.host);
	else if (here.has_machine != saved->has_machine || here.machine != saved->machine)
		err = mg_note(&engine->notes, MG_REFUSAL, NULL, "plan the policy on this host",
			      "%s is a plan for another machine that is called %s", path,
			      saved->host);
	free(here.host);
	if (err)
		return mg_engine_no_memory(error);
	/* nor is it to be recorded as this host's where there is nothing to do */
	engine->is_elsewhere = engine->notes.count > first && !engine->request.force;
	mg_engine_allow(engine, first, engine->request.force);
	return 0;
}

/* -v tells whose work this is. */
static int tell_origin(struct mg_engine *engine, const char *path, struct mg_error *error)
{
	const struct mg_saved_plan *saved = engine->saved;
	const time_t when = saved->time;
	char date[64] = "?";
	struct tm parts;

	if (localtime_r(&when, &parts))
		strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S %z", &parts);
	return mg_note(&engine->notes, MG_INFO, NULL, NULL, "%s is a plan that %s made on %s of %s",
		       path, saved->user, date, saved->policy)
		       ? mg_engine_no_memory(error)
		       : 0;
}

/* Do its rules say something of each built-in chain, as those that we write do? */
static bool says_all(const struct mg_ruleset *ruleset, const struct mg_saved_table *table)
{
	const char *const *chain = mg_builtin_chains(table->table);

	for (; *chain; chain++)
		if (mg_ruleset_find_chain(ruleset, table->family, table->table, *chain) ==
		    UINT32_MAX)
			return false;
	return true;
}

/* Its description of the live tables is of those, and no others, that it plans. */
static int check_tables(const struct mg_engine *engine, const char *path, struct mg_error *error)
{
	const struct mg_saved_plan *saved = engine->saved;
	const struct mg_plan *plan = engine->plan;
	bool same = plan->table_count == saved->table_count;
	size_t i;

	for (i = 0; same && i < plan->table_count; i++)
		same = plan->tables[i].family == saved->tables[i].family &&
		       strcmp(plan->tables[i].table, saved->tables[i].table) == 0 &&
		       says_all(engine->ruleset, &saved->tables[i]);
	return same ? 0
		    : mg_fail(error, -EBADMSG, MG_INVALID,
			      "%s: not a plan that can be applied: its live tables are not those "
			      "of its rules",
			      path);
}

/* The history tells which file it was, and from which ones it was made; none is looked at. */
static int note_plan(struct mg_engine *engine, const char *path, struct mg_error *error)
{
	const struct mg_saved_plan *saved = engine->saved;
	char sha256[MG_SHA256_SIZE];
	size_t i;
	int err = 0;

	for (i = 0; i < saved->file_count && !err; i++)
		err = mg_sources_recall(&engine->sources, saved->files[i].kind,
					saved->files[i].name, saved->files[i].path,
					saved->files[i].sha256, error);
	if (!err && SHA256File(path, sha256))
		err = mg_sources_note(&engine->sources, MG_SOURCE_PLAN, path, sha256, error);
	return err;
}

int mg_engine_load_plan(struct mg_engine *engine, const char *path, struct mg_error *error)
{
	size_t first;
	int err;

	if (engine->ruleset || engine->saved)
		return mg_fail(error, -EINVAL, MG_INVALID,
			       "an engine loads one plan, once: open another one");
	err = mg_saved_read(path, &engine->saved, error);
	if (!err)
		err = check_request(engine, path, error);
	if (!err)
		err = choose_families(engine, path, error);
	if (!err)
		err = tell_origin(engine, path, error);
	if (!err)
		err = mg_engine_read_rules(engine->saved, path, &engine->ruleset, error);
	if (err)
		return err;
	engine->request.policy = engine->saved->policy; /* for the record */
	err = note_plan(engine, path, error);
	if (err)
		return err;
	first = engine->notes.count;
	err = mg_engine_diagnose_own(engine, error);
	if (err)
		return err;
	mg_engine_allow(engine, first, engine->request.force);
	err = judge_host(engine, path, error);
	if (err)
		return err;
	err = mg_plan_compile(engine->ruleset, engine->families, &engine->plan, &engine->notes,
			      error);
	if (err) {
		mg_error_prefix(error, path);
		return err;
	}
	err = check_tables(engine, path, error);
	if (err) { /* nor can it be planned then */
		mg_plan_free(engine->plan);
		engine->plan = NULL;
	}
	return err;
}

bool mg_engine_was_overridden(const struct mg_engine *engine, const char *text)
{
	size_t i;

	for (i = 0; engine->saved && i < engine->saved->overridden_count; i++)
		if (strcmp(engine->saved->overridden[i], text) == 0)
			return true;
	return false;
}

int mg_engine_judge_foreign(const struct mg_engine *engine, bool *allowed, struct mg_error *error)
{
	const struct mg_saved_plan *saved = engine->saved;
	struct mg_fingerprint now;
	size_t i, more = 0;
	int err = 0;

	*allowed = false;
	if (!saved || !saved->remove_foreign)
		return 0;
	for (i = 0; i < engine->plan->table_count && !err; i++) {
		err = mg_fingerprint_make(&engine->plan->tables[i], &now, error);
		if (err)
			break;
		more += mg_fingerprint_new_foreign(&saved->tables[i].live, &now);
		mg_fingerprint_clear(&now);
	}
	*allowed = !more;
	return err;
}

static int judge_table(struct mg_engine *engine, size_t index, struct mg_error *error)
{
	const struct mg_saved_table *saved = &engine->saved->tables[index];
	struct mg_fingerprint now;
	const char *name, *how;
	char others[64] = "";
	size_t count;
	int err = mg_fingerprint_make(&engine->plan->tables[index], &now, error);

	if (err)
		return err;
	count = mg_fingerprint_compare(&saved->live, &now, &name, &how);
	if (count > 1)
		snprintf(others, sizeof(others), ", and so %s %zu other chain%s",
			 count == 2 ? "is" : "are", count - 1, count == 2 ? "" : "s");
	if (count &&
	    mg_note(&engine->notes, MG_REFUSAL, NULL,
		    "plan the policy again, look at it, and apply that",
		    "the live tables are not those that the plan was made for: chain %s of "
		    "the %s table %s %s%s",
		    name, mg_family_ops(saved->family)->name, saved->table, how, others))
		err = mg_engine_no_memory(error);
	mg_fingerprint_clear(&now);
	return err;
}

/* What the plan knew of a set, or NULL. */
static const struct mg_saved_set *find_set(const struct mg_saved_plan *saved,
					   const struct mg_set_plan *set)
{
	size_t i;

	for (i = 0; i < saved->live_set_count; i++)
		if (saved->live_sets[i].family == set->family &&
		    strcmp(saved->live_sets[i].name, set->name) == 0)
			return &saved->live_sets[i];
	return NULL;
}

/* How a set is another one than when the plan was made; NULL: it is the same. */
static const char *set_has_changed(const struct mg_saved_set *saved, const struct mg_set_plan *set)
{
	if (!saved || !saved->is_there)
		return *set->live ? "was made" : NULL;
	if (!*set->live)
		return "is gone";
	return mg_set_plan_live_sum(set) == saved->sum ? NULL : "has other members";
}

static int judge_sets(struct mg_engine *engine, struct mg_error *error)
{
	const struct mg_set_plans *sets = engine->plan->sets;
	size_t i;

	for (i = 0; sets && i < sets->count; i++) {
		const struct mg_set_plan *set = &sets->items[i];
		const char *how = set_has_changed(find_set(engine->saved, set), set);

		if (how && mg_note(&engine->notes, MG_REFUSAL, NULL,
				   "plan the policy again, look at it, and apply that",
				   "the sets are not those that the plan was made for: %s %s",
				   set->name, how))
			return mg_engine_no_memory(error);
	}
	return 0;
}

int mg_engine_judge_live(struct mg_engine *engine, struct mg_error *error)
{
	const size_t first = engine->notes.count;
	size_t i;
	int err = 0;

	for (i = 0; engine->saved && i < engine->plan->table_count && !err; i++)
		err = judge_table(engine, i, error);
	if (!err && engine->saved)
		err = judge_sets(engine, error);
	if (!err)
		mg_engine_allow(engine, first, engine->request.force);
	return err;
}
