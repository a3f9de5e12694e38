/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The proof of an import: the rules that a policy makes are those that were
 * read, one after the other. A rule in the very words that were read is the
 * same; any other is compiled, and compared as a plan would compare it.
 */
#include <string.h>

#include "importing.h"
#include "netfilter/equal.h"
#include "ruleset/failure.h"
#include "ruleset/keep.h"

static bool drops(const struct mg_chain_view *chain)
{
	return chain->policy && strcmp(chain->policy, "DROP") == 0;
}

/*
 * Is every chain of @one that says something in @other, too, with the same
 * policy and as many rules? @one and @other are what was read and what was
 * made, in either order.
 */
static bool same_chains(const struct mg_ruleset *one, const struct mg_ruleset *other)
{
	const uint32_t count = mg_ruleset_chain_count(one);
	uint32_t i, index;

	for (i = 0; i < count; i++) {
		struct mg_chain_view here, there = { .policy = NULL };

		mg_ruleset_chain_at(one, i, &here);
		index = mg_ruleset_find_chain(other, here.family, here.table, here.name);
		if (index != UINT32_MAX)
			mg_ruleset_chain_at(other, index, &there);
		else if (!mg_is_builtin_chain(here.table, here.name) &&
			 (here.count ||
			  mg_ruleset_kept_by(one, MG_KEEP_CHAINS, here.name) == UINT32_MAX))
			return false;
		if (drops(&here) != drops(&there) || here.count > there.count)
			return false;
	}
	return true;
}

/* Are the words of a rule those that were read? The first of these is the text. */
static bool same_words(const struct mg_rule_view *made, const struct mg_rule_view *read)
{
	const char *words = mg_arg_next(read->args);

	return made->argc + 1 == read->argc &&
	       made->args_size == read->args_size - (size_t)(words - read->args) &&
	       memcmp(made->args, words, made->args_size) == 0;
}

/* One chain on both sides. */
struct pair {
	struct mg_rules_read *read;
	struct mg_chain_view chain; /* as it was read */
	struct mg_compile_context context;
	struct mg_compile_context asked;
	struct mg_patterns patterns;
	struct mg_arena arena;
	uint32_t at; /* the next rule that was read */
	bool same;
};

static void compare_entry(struct pair *pair, const void *bytes, const char *target, bool standard)
{
	const struct mg_read_entry *entry = &pair->read->entries[pair->chain.first + pair->at];
	const struct mg_entry made = { .bytes = bytes, .target = target, .standard = standard };
	const struct mg_entry read = {
		.bytes = entry->bytes,
		.target = entry->target,
		.standard = entry->standard,
	};

	pair->same = pair->same && pair->at < pair->chain.count &&
		     mg_entry_equal(mg_family_ops(pair->chain.family), &made, &read);
	pair->at++;
}

static int compile_and_compare(struct pair *pair, const struct mg_rule_view *rule,
			       struct mg_error *error)
{
	const struct mg_family_ops *ops = mg_family_ops(pair->chain.family);
	struct mg_compiled_rule compiled;
	const char *target;
	bool standard;
	uint32_t i;
	void *entry;
	int err;

	mg_arena_reset(&pair->arena);
	entry = mg_patterns_apply(&pair->patterns, ops, rule->args, rule->argc, rule->args_size,
				  &pair->arena, &target, &standard);
	if (entry) {
		compare_entry(pair, entry, target, standard);
		return 0;
	}
	err = mg_compile_rule(pair->chain.family, &pair->context, rule->args, rule->argc,
			      rule->args_size, &pair->arena, &compiled, error);
	if (err) {
		mg_error_origin(error, rule->origin);
		return err;
	}
	for (i = 0; i < compiled.count; i++)
		compare_entry(pair, compiled.entries[i], compiled.target, compiled.standard);
	mg_patterns_learn(&pair->patterns, ops, rule->args, rule->args_size, &compiled);
	return 0;
}

static int compare_chain(struct pair *pair, const struct mg_ruleset *made,
			 const struct mg_chain_view *chain, struct mg_error *error)
{
	struct mg_rule_view rule, read;
	uint32_t i;
	int err = 0;

	for (i = 0; i < chain->count && !err && pair->same; i++) {
		mg_ruleset_rule_at(made, chain->first + i, &rule);
		if (pair->at >= pair->chain.count) {
			pair->same = false;
			break;
		}
		mg_ruleset_rule_at(pair->read->rules, pair->chain.first + pair->at, &read);
		if (same_words(&rule, &read))
			pair->at++;
		else
			err = compile_and_compare(pair, &rule, error);
	}
	pair->same = pair->same && pair->at == pair->chain.count;
	return err;
}

int mg_rules_prove(struct mg_rules_read *read, const struct mg_ruleset *made, bool *same,
		   struct mg_error *error)
{
	const uint32_t count = mg_ruleset_chain_count(read->rules);
	uint32_t i;
	int err = 0;

	*same = same_chains(read->rules, made) && same_chains(made, read->rules);
	for (i = 0; i < count && !err && *same; i++) {
		struct pair pair = { .read = read, .same = true };
		struct mg_chain_view chain;
		uint32_t index;

		mg_ruleset_chain_at(read->rules, i, &pair.chain);
		index = mg_ruleset_find_chain(made, pair.chain.family, pair.chain.table,
					      pair.chain.name);
		if (index == UINT32_MAX) /* and it has no rules */
			continue;
		mg_ruleset_chain_at(made, index, &chain);
		read->family = pair.chain.family;
		mg_rules_context(read, pair.chain.table, pair.chain.name, &pair.context,
				 &pair.asked);
		err = compare_chain(&pair, made, &chain, error);
		*same = pair.same;
		mg_patterns_clear(&pair.patterns);
		mg_arena_clear(&pair.arena);
	}
	return err;
}
