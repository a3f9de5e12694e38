/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Visiting a generation: its chains, rules and sets as they were kept. They are
 * not compiled: what the host has no extension for any more can still be read.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "ruleset/failure.h"
#include "ruleset/keep.h"
#include "ruleset/save_text.h"
#include "ruleset/set_text.h"

/* @text: a stream's, over and over */
static int visit_rule(const struct mg_rule_view *view, uint32_t number,
		      const struct mg_live_visitor *visitor, struct mg_error *error)
{
	struct mg_live_rule rule = { .origin = view->origin };
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int err;

	if (!out)
		return mg_engine_no_memory(error);
	mg_args_print(out, view->args, view->argc);
	if (fclose(out)) {
		err = mg_engine_no_memory(error);
	} else {
		rule.text = text;
		err = visitor->rule(visitor->context, number, &rule);
	}
	free(text);
	return err;
}

static int visit_chain(const struct mg_ruleset *ruleset, const struct mg_chain_view *chain,
		       const struct mg_live_visitor *visitor, struct mg_error *error)
{
	const struct mg_live_chain shown = {
		.family = chain->family,
		.table = chain->table,
		.name = chain->name,
		.exists = true,
		.policy = chain->policy,
		.count = chain->count,
	};
	struct mg_rule_view rule;
	uint32_t i;
	int err = visitor->chain(visitor->context, &shown);

	for (i = 0; i < chain->count && !err; i++) {
		mg_ruleset_rule_at(ruleset, chain->first + i, &rule);
		err = visit_rule(&rule, i + 1, visitor, error);
	}
	return err;
}

static int visit_table(const struct mg_ruleset *ruleset, enum mg_family family, const char *table,
		       const struct mg_live_visitor *visitor, struct mg_error *error)
{
	struct mg_chain_view chain;
	uint32_t i;
	int err = 0;

	for (i = 0; i < mg_ruleset_chain_count(ruleset) && !err; i++) {
		mg_ruleset_chain_at(ruleset, i, &chain);
		if (chain.family == family && strcmp(chain.table, table) == 0)
			err = visit_chain(ruleset, &chain, visitor, error);
	}
	return err;
}

static int visit_set(const struct mg_set_view *set, const struct mg_live_visitor *visitor)
{
	const struct mg_live_set shown = {
		.family = set->family,
		.name = set->name,
		.type = set->type,
		.origin = set->origin,
		.count = set->count,
	};
	char text[MG_SET_MEMBER_TEXT];
	uint32_t i;
	int err = visitor->set(visitor->context, &shown);

	for (i = 0; i < set->count && !err; i++) {
		mg_set_member_text(set->family, &set->members[i], text);
		err = visitor->member(visitor->context, text);
	}
	return err;
}

static int visit_keeps(const struct mg_ruleset *ruleset, const struct mg_live_visitor *visitor)
{
	struct mg_keep keep;
	uint32_t i;
	int err = 0;

	for (i = 0; i < mg_ruleset_keep_count(ruleset) && !err; i++) {
		struct mg_live_kept shown;

		mg_ruleset_keep_at(ruleset, i, &keep);
		shown = (struct mg_live_kept){ mg_keep_kinds[keep.kind], keep.pattern, keep.owner,
					       keep.origin };
		err = visitor->kept(visitor->context, &shown);
	}
	return err;
}

static int visit(const struct mg_engine *engine, struct mg_ruleset *ruleset,
		 const struct mg_live_visitor *visitor, struct mg_error *error)
{
	const struct mg_sets *sets = mg_ruleset_sets_const(ruleset);
	const char *const *table;
	struct mg_set_view set;
	uint32_t i;
	int family, err = 0;

	for (table = mg_commit_order; *table; table++)
		for (family = 0; family < MG_FAMILIES && !err; family++)
			if (engine->families & 1U << family)
				err = visit_table(ruleset, (enum mg_family)family, *table, visitor,
						  error);
	for (i = 0; visitor->set && i < mg_sets_count(sets) && !err; i++) {
		mg_sets_at(sets, i, &set);
		if (engine->families & 1U << set.family)
			err = visit_set(&set, visitor);
	}
	if (visitor->kept && !err)
		err = visit_keeps(ruleset, visitor);
	return err;
}

int mg_engine_visit_generation(struct mg_engine *engine, uint32_t number,
			       const struct mg_live_visitor *visitor, struct mg_error *error)
{
	struct mg_generation *generation = NULL;
	struct mg_ruleset *ruleset = NULL;
	unsigned int families;
	int err = mg_engine_open_generation(engine, number, &generation, error);

	if (!err)
		err = mg_ruleset_new(&ruleset, error);
	if (!err)
		err = mg_engine_read_generation(generation, ruleset, &families, error);
	if (!err)
		err = visit(engine, ruleset, visitor, error);
	mg_ruleset_free(ruleset);
	mg_generation_free(generation);
	return err;
}
