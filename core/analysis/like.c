/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two argument lists side by side. Most of a long chain comes from a loop, whose
 * rules differ in an address and a comment.
 */
#include "analysis/like.h"

#include <errno.h>
#include <string.h>

#include "analysis/values.h"
#include "ruleset/growable.h"

/* The addresses in which a rule differs from the one before. */
struct difference {
	const char *source, *destination; /* NULL: the same */
};

/* Do the two differ in nothing else? @option: what stands before the value, in both. */
static bool may_differ(const char *option, const char *value, struct difference *difference)
{
	if (strcmp(option, "--comment") == 0)
		return true;
	if (strcmp(option, "-s") == 0 && !difference->source)
		difference->source = value;
	else if (strcmp(option, "-d") == 0 && !difference->destination)
		difference->destination = value;
	else
		return false;
	return true;
}

static bool is_like(const struct mg_rule_view *rule, const struct mg_rule_view *before,
		    struct difference *difference)
{
	const char *one = rule->args, *other = before->args, *option = "";
	uint32_t i;

	if (rule->chain != before->chain || rule->argc != before->argc)
		return false;
	for (i = 0; i < rule->argc; i++) {
		if (strcmp(one, other) != 0 && !may_differ(option, one, difference))
			return false;
		option = one;
		one = mg_arg_next(one);
		other = mg_arg_next(other);
	}
	return true;
}

/* The one clause of a kind that has one alternative; NULL if it is not that simple. */
static struct mg_clause *single(struct mg_clause *clauses, uint32_t count, enum mg_clause_kind kind)
{
	struct mg_clause *found = NULL;

	for (uint32_t i = 0; i < count; i++) {
		if (clauses[i].kind != kind)
			continue;
		if (found || clauses[i].count != 1)
			return NULL;
		found = &clauses[i];
	}
	return found;
}

/* Give a copied clause the address of this rule. 1, or 0 if it is not to be done here. */
static int change_address(struct mg_clauses *all, struct mg_clause *clause, enum mg_family family,
			  const char *value)
{
	union mg_alternative is = { 0 };

	if (!clause || !mg_value_network(family, value, is.network.address, is.network.mask))
		return 0;
	if (mg_make_room((void **)&all->alternatives, &all->alternative_capacity,
			 all->alternative_count + 1ul, sizeof(is)))
		return -ENOMEM;
	clause->first = all->alternative_count;
	all->alternatives[all->alternative_count++] = is;
	return 1;
}

int mg_meaning_like(const struct mg_ruleset *ruleset, uint32_t rule,
		    const struct mg_meaning *before, struct mg_clauses *clauses,
		    struct mg_meaning *out)
{
	struct mg_rule_view one, other;
	struct mg_chain_view chain;
	struct difference difference = { NULL, NULL };
	struct mg_clause *copies;
	int done = 1;

	mg_ruleset_rule_at(ruleset, rule, &one);
	mg_ruleset_rule_at(ruleset, rule - 1, &other);
	if (!is_like(&one, &other, &difference))
		return 0;
	mg_ruleset_chain_at(ruleset, one.chain, &chain);
	if (mg_make_room((void **)&clauses->clauses, &clauses->clause_capacity,
			 (size_t)clauses->clause_count + before->count, sizeof(*copies)))
		return -ENOMEM;
	copies = clauses->clauses + clauses->clause_count;
	memcpy(copies, clauses->clauses + before->first, before->count * sizeof(*copies));
	if (difference.source)
		done = change_address(clauses, single(copies, before->count, MG_CLAUSE_SOURCE),
				      chain.family, difference.source);
	if (done == 1 && difference.destination)
		done = change_address(clauses, single(copies, before->count, MG_CLAUSE_DESTINATION),
				      chain.family, difference.destination);
	if (done != 1)
		return done;
	*out = *before;
	out->first = clauses->clause_count;
	clauses->clause_count += before->count;
	return 1;
}
