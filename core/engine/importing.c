/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dumps of rules, or the live ones, as a policy. Each rule is compiled and
 * printed, so that what differs in spelling only is the same from here on;
 * what comes out is evaluated and compared before it is handed out.
 */
#include "importing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "netfilter/session.h"
#include "policy/evaluate.h"
#include "policy/importing.h"
#include "ruleset/failure.h"

/* Not a file's: what the policy is called while it is tried. */
static const char trial_name[] = "imported.lua";

static int print_rule(void *context, enum mg_family family, const char *table, const char *chain,
		      uint32_t argc, const char *const *argv, const char **text)
{
	return mg_rules_print(context, family, table, chain, argc, argv, text, NULL);
}

static int evaluate(struct mg_engine *engine, const char *text, struct mg_ruleset **out,
		    struct mg_error *error)
{
	const struct mg_evaluation evaluation = {
		.path = trial_name,
		.text = text,
		.length = strlen(text),
		.language = engine->request.language,
		.host = engine->host,
	};
	struct mg_notes notes = { 0 };
	int err = mg_policy_evaluate(&evaluation, out, &notes, error);

	mg_notes_clear(&notes);
	return err;
}

/* The proof: planning the policy where the source's rules are live has nothing to do. */
static int prove(struct mg_engine *engine, struct mg_rules_read *read, const char *text, bool *same,
		 struct mg_error *error)
{
	struct mg_ruleset *made = NULL;
	int err = evaluate(engine, text, &made, error);

	if (!err)
		err = mg_rules_prove(read, made, same, error);
	mg_ruleset_free(made);
	return err;
}

/* Helpers where they say the same, with ever more care; if that is not enough, primitives. */
static int write_policy(struct mg_engine *engine, struct mg_rules_read *read, char **out,
			struct mg_error *error)
{
	struct mg_importing importing = {
		.rules = read->rules,
		.remarks = read->remarks,
		.remark_count = read->remark_count,
		.families = read->families,
		.source = read->source,
		.language = engine->request.language,
		.host = engine->host,
		.print = print_rule,
		.context = read,
	};
	bool same = false;
	char *text = NULL;
	int attempt, err = 0;

	for (attempt = 0; attempt < 4 && !same; attempt++) {
		free(text);
		text = NULL;
		importing.careful = attempt > 0;
		importing.apart = attempt > 1;
		importing.plain = attempt > 2;
		err = mg_policy_write(&importing, &text, error);
		if (!err)
			err = prove(engine, read, text, &same, error);
		if (err == -ENOMEM)
			break;
	}
	if (!err && !same)
		err = mg_fail(error, -EINVAL, MG_INVALID,
			      "%s: what the policy would load is not the same, so there is none",
			      read->source);
	if (err)
		free(text);
	else
		*out = text;
	return err;
}

int mg_engine_import(struct mg_engine *engine, const struct mg_import *import, char **out,
		     struct mg_error *error)
{
	struct mg_rules_read read = { .lenient = import->lenient };
	int err = mg_session_open(error);

	if (!err)
		err = import->count ? mg_rules_read_texts(&read, import, error)
				    : mg_rules_read_live(engine, &read, error);
	if (!err)
		err = mg_rules_judge(&read, &engine->notes, error);
	if (!err)
		err = write_policy(engine, &read, out, error);
	mg_rules_clear(&read);
	return err;
}
