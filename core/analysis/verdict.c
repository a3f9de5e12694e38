/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The walk behind mg_judge_ask(). See verdict.h.
 *
 * A packet does not change on its way through filter in anything that a
 * clause looks at (marks are opaque), so what becomes of it in a user chain
 * does not depend on how it came there: each chain is walked once a question,
 * and branches cost nothing.
 *
 * Must not touch the kernel, libxtables or Lua.
 */
#include "analysis/verdict.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ruleset/failure.h"

#include "analysis/like.h"
#include "analysis/meaning.h"

#define FATES (MG_FATE_UNKNOWN + 1)

/* How deep chains may call each other before the answer is "unknown": the
 * walk recurses, and nobody writes such a policy by hand. */
#define DEPTH_LIMIT 256

/* What can become of a packet that enters a chain. */
struct outcome {
	bool possible[FATES];
	uint32_t first[FATES]; /* the first rule that leads there */
	enum mg_fate last;     /* the fate that was found last, and its rule */
	uint32_t last_rule;
	bool falls; /* it can come out at the chain's end, or by RETURN */
};

struct chain_state {
	unsigned int question; /* to which the outcome belongs */
	bool open;	       /* being walked: coming here again is a loop */
	struct outcome outcome;
};

struct mg_judge {
	const struct mg_ruleset *ruleset;
	struct mg_clauses clauses;
	struct mg_meaning *meanings; /* a rule each */
	struct chain_state *chains;
	uint32_t chain_count;
	unsigned int question;
};

static int read_rule(struct mg_judge *judge, uint32_t rule, bool is_first)
{
	struct mg_meaning *meaning = &judge->meanings[rule];
	int done = is_first ? 0
			    : mg_meaning_like(judge->ruleset, rule, meaning - 1, &judge->clauses,
					      meaning);

	if (done)
		return done < 0 ? done : 0;
	return mg_meaning_read(judge->ruleset, rule, &judge->clauses, meaning);
}

static int read_chain(struct mg_judge *judge, uint32_t index)
{
	struct mg_chain_view chain;
	int err = 0;

	mg_ruleset_chain_at(judge->ruleset, index, &chain);
	if (strcmp(chain.table, "filter") != 0)
		return 0;
	for (uint32_t i = 0; i < chain.count && err == 0; i++)
		err = read_rule(judge, chain.first + i, i == 0);
	return err;
}

int mg_judge_new(const struct mg_ruleset *ruleset, struct mg_judge **out, struct mg_error *error)
{
	struct mg_judge *judge = calloc(1, sizeof(*judge));
	int err = -ENOMEM;

	if (!judge)
		goto out;
	judge->ruleset = ruleset;
	judge->chain_count = mg_ruleset_chain_count(ruleset);
	judge->chains = calloc(judge->chain_count + 1, sizeof(*judge->chains));
	judge->meanings = calloc(mg_ruleset_rule_count(ruleset) + 1, sizeof(*judge->meanings));
	if (!judge->chains || !judge->meanings)
		goto out;
	err = 0;
	for (uint32_t i = 0; i < judge->chain_count && err == 0; i++)
		err = read_chain(judge, i);
out:
	if (err) {
		mg_judge_free(judge);
		return mg_fail(error, err, MG_ENVIRONMENT, "out of memory");
	}
	*out = judge;
	return 0;
}

void mg_judge_free(struct mg_judge *judge)
{
	if (!judge)
		return;
	mg_clauses_clear(&judge->clauses);
	free(judge->meanings);
	free(judge->chains);
	free(judge);
}

static void add_fate(struct outcome *outcome, enum mg_fate fate, uint32_t rule)
{
	if (!outcome->possible[fate]) {
		outcome->possible[fate] = true;
		outcome->first[fate] = rule;
	}
	outcome->last = fate;
	outcome->last_rule = rule;
}

/* @blame: the rule that led into the other chain, if it only may match. */
static void add_outcome(struct outcome *outcome, const struct outcome *other, uint32_t blame)
{
	for (int fate = 0; fate < FATES; fate++) {
		if (!other->possible[fate] || fate == (int)other->last)
			continue;
		add_fate(outcome, (enum mg_fate)fate,
			 blame == MG_NO_RULE ? other->first[fate] : blame);
	}
	if (!other->possible[other->last])
		return;
	if (blame == MG_NO_RULE && !outcome->possible[other->last]) {
		outcome->possible[other->last] = true;
		outcome->first[other->last] = other->first[other->last];
	}
	add_fate(outcome, other->last, blame == MG_NO_RULE ? other->last_rule : blame);
}

static const struct outcome *walk(struct mg_judge *judge, uint32_t chain,
				  const struct mg_packet *packet, unsigned int depth);

/*
 * One rule that matches, or may. Returns whether a packet that matches it
 * can go on to the next rule.
 */
static bool take(struct mg_judge *judge, uint32_t rule, enum mg_match match,
		 const struct mg_packet *packet, unsigned int depth, struct outcome *outcome)
{
	const struct mg_meaning *meaning = &judge->meanings[rule];
	const struct outcome *other;

	switch (meaning->target) {
	case MG_TARGET_NEXT: return true;
	case MG_TARGET_ACCEPT: add_fate(outcome, MG_FATE_ACCEPT, rule); return false;
	case MG_TARGET_DROP: add_fate(outcome, MG_FATE_DROP, rule); return false;
	case MG_TARGET_REJECT: add_fate(outcome, MG_FATE_REJECT, rule); return false;
	case MG_TARGET_RETURN: outcome->falls = true; return false;
	case MG_TARGET_JUMP:
	case MG_TARGET_GOTO:
		other = depth < DEPTH_LIMIT ? walk(judge, meaning->chain, packet, depth + 1) : NULL;
		if (!other)
			break;
		add_outcome(outcome, other, match == MG_MATCH_YES ? MG_NO_RULE : rule);
		/* A chain entered by -g returns to where this one was called. */
		if (meaning->target == MG_TARGET_GOTO)
			outcome->falls |= other->falls;
		return meaning->target == MG_TARGET_JUMP && other->falls;
	case MG_TARGET_OPAQUE: break;
	}
	add_fate(outcome, MG_FATE_UNKNOWN, rule);
	return true;
}

/* NULL: a loop, which the kernel would refuse. */
static const struct outcome *walk(struct mg_judge *judge, uint32_t index,
				  const struct mg_packet *packet, unsigned int depth)
{
	struct chain_state *state = &judge->chains[index];
	struct outcome outcome = { 0 };
	struct mg_chain_view chain;
	uint32_t i;

	if (state->open)
		return NULL;
	if (state->question == judge->question)
		return &state->outcome;
	state->open = true;

	mg_ruleset_chain_at(judge->ruleset, index, &chain);
	for (i = 0; i < chain.count; i++) {
		const uint32_t rule = chain.first + i;
		const enum mg_match match = mg_meaning_match(&judge->clauses,
							     &judge->meanings[rule], packet);

		if (match != MG_MATCH_NO && !take(judge, rule, match, packet, depth, &outcome) &&
		    match == MG_MATCH_YES)
			break;
	}
	if (i == chain.count)
		outcome.falls = true;

	state->open = false;
	state->question = judge->question;
	state->outcome = outcome;
	return &state->outcome;
}

/* All that can become of the packet is known: make one answer of it. */
static void conclude(const struct outcome *outcome, struct mg_answer *answer)
{
	const bool accepted = outcome->possible[MG_FATE_ACCEPT];
	const bool dropped = outcome->possible[MG_FATE_DROP];
	const bool rejected = outcome->possible[MG_FATE_REJECT];

	if (!outcome->possible[MG_FATE_UNKNOWN] && accepted != (dropped || rejected)) {
		answer->fate = outcome->last;
		answer->rule = outcome->last_rule;
		return;
	}
	/* The rule in doubt is the one that leads elsewhere than the end does. */
	answer->fate = MG_FATE_UNKNOWN;
	if (outcome->possible[MG_FATE_UNKNOWN])
		answer->rule = outcome->first[MG_FATE_UNKNOWN];
	else if (outcome->last != MG_FATE_ACCEPT)
		answer->rule = outcome->first[MG_FATE_ACCEPT];
	else if (dropped &&
		 (!rejected || outcome->first[MG_FATE_DROP] < outcome->first[MG_FATE_REJECT]))
		answer->rule = outcome->first[MG_FATE_DROP];
	else
		answer->rule = outcome->first[MG_FATE_REJECT];
}

static uint32_t built_in(const struct mg_judge *judge, enum mg_family family, enum mg_hook hook)
{
	static const char *const names[] = {
		[MG_HOOK_INPUT] = "INPUT",
		[MG_HOOK_FORWARD] = "FORWARD",
		[MG_HOOK_OUTPUT] = "OUTPUT",
	};

	return mg_ruleset_find_chain(judge->ruleset, family, "filter", names[hook]);
}

struct mg_answer mg_judge_ask(struct mg_judge *judge, const struct mg_packet *packet)
{
	struct mg_answer answer = { .fate = MG_FATE_ACCEPT, .rule = MG_NO_RULE };
	struct mg_chain_view chain;
	struct outcome outcome;

	answer.chain = built_in(judge, packet->family, packet->hook);
	if (answer.chain == UINT32_MAX)
		return answer;

	judge->question++;
	outcome = *walk(judge, answer.chain, packet, 0);
	mg_ruleset_chain_at(judge->ruleset, answer.chain, &chain);
	if (outcome.falls)
		add_fate(&outcome,
			 chain.policy && strcmp(chain.policy, "DROP") == 0 ? MG_FATE_DROP
									   : MG_FATE_ACCEPT,
			 MG_NO_RULE);
	conclude(&outcome, &answer);
	return answer;
}

static bool rejects(struct mg_judge *judge, uint32_t index, unsigned int depth)
{
	struct mg_chain_view chain;

	if (depth > DEPTH_LIMIT || judge->chains[index].question == judge->question)
		return false;
	judge->chains[index].question = judge->question; /* been here */
	mg_ruleset_chain_at(judge->ruleset, index, &chain);
	for (uint32_t i = 0; i < chain.count; i++) {
		const struct mg_meaning *meaning = &judge->meanings[chain.first + i];

		if (meaning->target == MG_TARGET_REJECT)
			return true;
		if ((meaning->target == MG_TARGET_JUMP || meaning->target == MG_TARGET_GOTO) &&
		    rejects(judge, meaning->chain, depth + 1))
			return true;
	}
	return false;
}

bool mg_judge_rejects(struct mg_judge *judge, enum mg_family family, enum mg_hook hook)
{
	const uint32_t chain = built_in(judge, family, hook);

	judge->question++;
	return chain != UINT32_MAX && rejects(judge, chain, 0);
}
