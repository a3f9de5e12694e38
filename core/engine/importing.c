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
#include "ruleset/presets.h"

/* Not a file's: what the policy is called while it is tried. */
static const char trial_name[] = "imported.lua";

static int print_rule(void *context, enum mg_family family, const char *table, const char *chain,
		      uint32_t argc, const char *const *argv, const char **text)
{
	return mg_rules_print(context, family, table, chain, argc, argv, text, NULL);
}

/*
 * Not confined: the policy is what import.lua has just written, in which all that
 * was read stands as quoted text, and neither calls nor uses anything else.
 */
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

/*
 * Helpers where they say the same, with ever more care; if that is not enough, primitives.
 * @keep: lines of the policy that leave to others what is theirs, or NULL
 */
static int write_policy(struct mg_engine *engine, struct mg_rules_read *read, const char *keep,
			char **out, struct mg_error *error)
{
	struct mg_importing importing = {
		.rules = read->rules,
		.remarks = read->remarks,
		.remark_count = read->remark_count,
		.source = read->source,
		.keep = keep,
		.language = engine->request.language,
		.host = engine->host,
		.print = print_rule,
		.context = read,
	};
	const unsigned int used = mg_rules_families(read);
	bool same = false;
	char *text = NULL;
	int attempt, err = 0;

	for (attempt = 0; attempt < 4 && !same; attempt++) {
		free(text);
		text = NULL;
		importing.careful = attempt > 0;
		importing.apart = attempt > 1;
		importing.plain = attempt > 2;
		importing.families = attempt > 2 ? read->families : used;
		importing.empty = read->families & ~importing.families;
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

/*
 * Where what is left to others stands in the policy @text, as its lines: they
 * make it say all that was read.
 * @misfits: presets, as bits, whose rules stand at no place that can be said
 */
static int find_keep(struct mg_engine *engine, const struct mg_rules_read *read, const char *text,
		     char **keep, unsigned int *misfits, struct mg_error *error)
{
	size_t place[MG_MOST_PRESETS];
	struct mg_ruleset *made = NULL;
	int err = evaluate(engine, text, &made, error);

	if (!err)
		err = mg_rules_place(read, made, place, misfits, error);
	if (!err && !*misfits)
		err = mg_rules_keep_lines(read, place, keep, error);
	mg_ruleset_free(made);
	return err;
}

/* The same for rules of which some are left to others. @out: not touched where there are misfits */
static int write_with_keep(struct mg_engine *engine, struct mg_rules_read *read, char **out,
			   unsigned int *misfits, struct mg_error *error)
{
	char *text = NULL, *keep = NULL;
	int err = write_policy(engine, read, NULL, &text, error);

	if (!err)
		err = find_keep(engine, read, text, &keep, misfits, error);
	if (!err && !*misfits)
		err = write_policy(engine, read, keep, out, error);
	free(keep);
	free(text);
	return err;
}

static int read_rules(struct mg_engine *engine, const struct mg_import *import,
		      struct mg_rules_read *read, struct mg_error *error)
{
	return import->count ? mg_rules_read_texts(read, import, error)
			     : mg_rules_read_live(engine, read, error);
}

static int finish(struct mg_engine *engine, struct mg_rules_read *read, struct mg_error *error)
{
	int err = read->lenient ? mg_rules_judge(read, &engine->notes, error) : 0;

	return err ? err : mg_rules_tell_left(read, &engine->notes, error);
}

/*
 * Read, leaving to @read->presets what is theirs, and write.
 * @allowed: of whom that may be; those for whom it cannot are taken out. Then,
 * and where more are found, there is no policy yet.
 */
static int import_once(struct mg_engine *engine, const struct mg_import *import,
		       struct mg_rules_read *read, unsigned int *allowed, char **out,
		       struct mg_error *error)
{
	unsigned int misfits = 0;
	int err = read_rules(engine, import, read, error);

	if (!err && !read->lenient)
		err = mg_rules_judge(read, &engine->notes, error);
	if (err || (read->found & *allowed) != read->presets)
		return err;
	if (!read->presets)
		return write_policy(engine, read, NULL, out, error);
	err = write_with_keep(engine, read, out, &misfits, error);
	if (err == -EINVAL) {
		misfits = read->presets;
		err = 0;
	}
	*allowed &= ~misfits;
	return err;
}

int mg_engine_import(struct mg_engine *engine, const struct mg_import *import, char **out,
		     struct mg_error *error)
{
	const bool keeps = import->others == MG_OTHERS_KEPT ||
			   (import->others == MG_OTHERS_AS_USUAL && !import->count);
	unsigned int allowed = keeps ? ~0U : 0, presets = 0;
	char *text = NULL;
	int err = mg_session_open(error);

	while (!err && !text) {
		struct mg_rules_read read = { .lenient = import->lenient, .presets = presets };

		err = import_once(engine, import, &read, &allowed, &text, error);
		presets = read.found & allowed;
		if (!err && text)
			err = finish(engine, &read, error);
		mg_rules_clear(&read);
	}
	if (err)
		free(text);
	else
		*out = text;
	return err;
}
