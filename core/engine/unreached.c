/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * User chains with rules to which no rule leads. See unreached.h. Mostly such a
 * chain was meant to be a built-in one: its name has a slip in it ("INPTU"), or
 * is another table's.
 *
 * Owns nothing that outlives the call. Must not touch the live tables.
 */
#include "unreached.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/finding.h"
#include "netfilter/image.h"
#include "ruleset/failure.h"
#include "ruleset/keep.h"

struct search {
	const struct mg_ruleset *ruleset;
	bool *wanted; /* by chain: no rule was found that leads there */
	uint32_t left;
};

static void find_chains(struct search *search)
{
	const uint32_t count = mg_ruleset_chain_count(search->ruleset);
	struct mg_chain_view chain;

	for (uint32_t i = 0; i < count; i++) {
		mg_ruleset_chain_at(search->ruleset, i, &chain);
		/* into a chain that is kept, its owner leads */
		search->wanted[i] = chain.count && !mg_is_builtin_chain(chain.table, chain.name) &&
				    mg_ruleset_kept_by(search->ruleset, MG_KEEP_CHAINS,
						       chain.name) == UINT32_MAX;
		search->left += search->wanted[i];
	}
}

/* One family is enough: the rules that jump may be for IPv4 addresses only. */
static void reach(struct search *search, const struct mg_chain_view *from, const char *name)
{
	for (int family = 0; family < MG_FAMILIES; family++) {
		const uint32_t index = mg_ruleset_find_chain(search->ruleset,
							     (enum mg_family)family, from->table,
							     name);

		if (index == UINT32_MAX || !search->wanted[index])
			continue;
		search->wanted[index] = false;
		search->left--;
	}
}

/* Where the jump stands in all rules but a few that somebody wrote by hand. */
static const char *last_word(const struct mg_rule_view *rule)
{
	const char *word = rule->args + rule->args_size - 1;

	while (word > rule->args && word[-1])
		word--;
	return word;
}

/* A name may stand for itself, or be attached: "-jNAME", "--jump=NAME". */
static void reach_all(struct search *search, const struct mg_chain_view *from,
		      const struct mg_rule_view *rule)
{
	const char *word = rule->args;

	for (uint32_t i = 0; i < rule->argc; i++, word = mg_arg_next(word)) {
		const char *equals = strchr(word, '=');

		reach(search, from, word);
		if (word[0] == '-' && (word[1] == 'j' || word[1] == 'g'))
			reach(search, from, word + 2);
		if (equals)
			reach(search, from, equals + 1);
	}
}

static void follow(struct search *search, bool all_words)
{
	const uint32_t count = mg_ruleset_chain_count(search->ruleset);
	struct mg_chain_view chain;
	struct mg_rule_view rule;

	for (uint32_t i = 0; i < count; i++) {
		mg_ruleset_chain_at(search->ruleset, i, &chain);
		for (uint32_t k = 0; k < chain.count && search->left; k++) {
			mg_ruleset_rule_at(search->ruleset, chain.first + k, &rule);
			if (all_words)
				reach_all(search, &chain, &rule);
			else if (rule.argc)
				reach(search, &chain, last_word(&rule));
		}
	}
}

/* What to do about a chain; @builtin: those of its table. */
static void find_remedy(const struct mg_chain_view *chain, const char *const *builtin, char *out,
			size_t size)
{
	const char *meant = mg_nearest(chain->name, builtin);
	size_t length;

	if (meant) {
		snprintf(out, size, "chain(\"%s\", \"%s\"), if that was meant", chain->table,
			 meant);
	} else if (mg_is_builtin_chain("mangle", chain->name)) { /* which has all there are */
		length = (size_t)snprintf(out, size, "the built-in chains of %s are %s",
					  chain->table, *builtin);
		while (*++builtin && length < size)
			length += (size_t)snprintf(out + length, size - length, ", %s", *builtin);
	} else {
		snprintf(out, size, "a rule with jump = \"%s\"", chain->name);
	}
}

static int note(const struct mg_chain_view *chain, struct mg_notes *notes)
{
	char *place = mg_finding_place(chain->origin);
	char remedy[128];
	int err;

	find_remedy(chain, mg_builtin_chains(chain->table), remedy, sizeof(remedy));
	err = mg_note(notes, MG_WARNING, place, remedy,
		      "%s is no built-in chain of %s, and no rule there jumps to it: nothing "
		      "reaches its rules",
		      chain->name, chain->table);
	free(place);
	return err;
}

/* Is it wanted in IPv4 too, so that it was told? */
static bool is_told(const struct search *search, const struct mg_chain_view *chain)
{
	const uint32_t other = mg_ruleset_find_chain(search->ruleset, MG_IPV4, chain->table,
						     chain->name);

	return chain->family != MG_IPV4 && other != UINT32_MAX && search->wanted[other];
}

int mg_note_unreached(const struct mg_ruleset *ruleset, struct mg_notes *notes,
		      struct mg_error *error)
{
	const uint32_t count = mg_ruleset_chain_count(ruleset);
	struct search search = { .ruleset = ruleset };
	struct mg_chain_view chain;
	int err = -ENOMEM;

	search.wanted = calloc(count + 1, sizeof(*search.wanted));
	if (!search.wanted)
		goto out;
	find_chains(&search);
	if (search.left)
		follow(&search, false);
	if (search.left)
		follow(&search, true);
	err = 0;
	for (uint32_t i = 0; i < count && search.left && !err; i++) {
		mg_ruleset_chain_at(ruleset, i, &chain);
		if (search.wanted[i] && !is_told(&search, &chain))
			err = note(&chain, notes);
	}
out:
	free(search.wanted);
	return err ? mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory") : 0;
}
