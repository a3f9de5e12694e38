/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A generation wanted again: its ruleset as it was kept, without its policy, on
 * the way of any other apply. What it keeps of others is merged into the tables
 * as they are now, as at a boot.
 */
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "engine.h"
#include "preflight.h"
#include "ruleset/failure.h"

static int check_request(const struct mg_engine *engine, struct mg_error *error)
{
	if (engine->ruleset || engine->saved || engine->again)
		return mg_fail(error, -EINVAL, MG_INVALID,
			       "an engine loads one generation, once: open another one");
	if (engine->request.facts)
		return mg_fail(error, -EINVAL, MG_USAGE,
			       "a generation is what was applied, whatever facts are given: leave "
			       "--facts out");
	return 0;
}

int mg_engine_open_generation(struct mg_engine *engine, uint32_t number, struct mg_generation **out,
			      struct mg_error *error)
{
	int err = mg_engine_open_state(engine, false, error);

	if (!err)
		err = mg_state_read_generation(engine->state, number, out, error);
	if (err == -ENOENT)
		err = mg_fail(error, err, MG_INVALID,
			      "there is no generation %u: `moongate history' has those that there "
			      "are",
			      number);
	if (!engine->begun) { /* whoever begins makes folders that may not have been there */
		mg_state_close(engine->state);
		engine->state = NULL;
	}
	return err;
}

static int tell(struct mg_engine *engine, struct mg_error *error)
{
	const struct mg_generation *again = engine->again;
	const time_t when = (time_t)again->time;
	char date[64] = "?";
	struct tm parts;
	int err;

	if (localtime_r(&when, &parts))
		strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S %z", &parts);
	err = mg_note(&engine->notes, MG_INFO, NULL, NULL,
		      "generation %u was applied by %s on %s, from %s", again->number,
		      again->user ? again->user : "somebody", date,
		      again->policy ? again->policy : "a policy that nobody wrote down");
	if (!err && !again->confirmed_by)
		err = mg_note(&engine->notes, MG_WARNING, NULL, NULL,
			      "generation %u was never confirmed", again->number);
	return err ? mg_engine_no_memory(error) : 0;
}

/* The families that it has rules of, and that are asked for, and there. */
static int choose_families(struct mg_engine *engine, unsigned int families, struct mg_error *error)
{
	if (!(engine->families & families))
		return mg_fail(error, -ENOENT, MG_INVALID,
			       "generation %u has no rules of the families that are asked for",
			       engine->again->number);
	engine->families &= families;
	return 0;
}

int mg_engine_load_generation(struct mg_engine *engine, uint32_t number, struct mg_error *error)
{
	unsigned int families = 0;
	size_t first;
	char name[32];
	int err = check_request(engine, error);

	if (!err)
		err = mg_engine_open_generation(engine, number, &engine->again, error);
	if (!err)
		err = tell(engine, error);
	if (!err)
		err = mg_ruleset_new(&engine->ruleset, error);
	if (!err)
		err = mg_engine_read_generation(engine->again, engine->ruleset, &families, error);
	if (!err)
		err = choose_families(engine, families, error);
	if (err)
		return err;
	snprintf(name, sizeof(name), "generation %u", number);
	/* for the record, and for words */
	engine->request.policy = engine->again->policy ? engine->again->policy : "unknown";
	first = engine->notes.count;
	err = mg_engine_diagnose_own(engine, error);
	if (err)
		return err;
	mg_engine_allow(engine, first, engine->request.force);
	err = mg_plan_compile(engine->ruleset, engine->families, &engine->plan, &engine->notes,
			      error);
	if (err)
		mg_error_prefix(error, name);
	return err;
}
