/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finding what is kept. Only rules that would go are looked at, so a table
 * that is as its policy says costs nothing, however many patterns there are.
 */
#include "kept.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "netfilter/equal.h"
#include "netfilter/print.h"
#include "ruleset/failure.h"

struct finding {
	const struct mg_ruleset *ruleset;
	const struct mg_image *live, *compiled;
	const struct mg_diff *own;
	struct mg_owned *owned;
	bool *ours;	/* by live entry: goes, and is the generation's */
	bool by_rule;	/* are there records of rules or of sets? */
	uint32_t table; /* the record that keeps all of it, or MG_NOT_KEPT */
	struct mg_kept *kept;
};

static int no_memory(struct mg_error *error)
{
	return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for what is kept");
}

void mg_kept_free(struct mg_kept *kept)
{
	if (!kept)
		return;
	free(kept->rules);
	free(kept->chains);
	free(kept);
}

static int allocate(struct finding *finding, struct mg_error *error)
{
	const size_t rules = finding->live->entry_count + 1;
	const size_t chains = finding->live->chain_count + 1;
	struct mg_kept *kept = calloc(1, sizeof(*kept));

	finding->kept = kept;
	finding->ours = calloc(rules, sizeof(*finding->ours));
	if (!kept || !finding->ours)
		return no_memory(error);
	kept->rules = malloc(rules * sizeof(*kept->rules));
	kept->chains = malloc(chains * sizeof(*kept->chains));
	if (!kept->rules || !kept->chains)
		return no_memory(error);
	memset(kept->rules, 0xFF, rules * sizeof(*kept->rules));
	memset(kept->chains, 0xFF, chains * sizeof(*kept->chains));
	kept->table = finding->table != MG_NOT_KEPT;
	return 0;
}

static void find_chains(struct finding *finding)
{
	const struct mg_image *live = finding->live;
	size_t i;

	for (i = 0; i < live->chain_count; i++) {
		const struct mg_image_chain *chain = &live->chains[i];
		uint32_t *by = &finding->kept->chains[i];

		if (chain->built_in)
			continue;
		*by = mg_ruleset_kept_by(finding->ruleset, MG_KEEP_CHAINS, chain->name);
		if (*by == MG_NOT_KEPT && !mg_image_find(finding->compiled, chain->name) &&
		    !(finding->owned &&
		      mg_owned_has_chain(finding->owned, live->family, live->table, chain->name)))
			*by = finding->table;
	}
}

/* The user chain that a rule jumps or goes to, as an index; SIZE_MAX: none. */
static size_t target_chain(const struct mg_image *live, const struct mg_entry *entry)
{
	const struct mg_image_chain *chain;

	if (!entry->standard || !*entry->target)
		return SIZE_MAX;
	chain = mg_image_find(live, entry->target);
	return chain && !chain->built_in ? (size_t)(chain - live->chains) : SIZE_MAX;
}

/* By what the text of a rule says. */
static int judge_text(struct finding *finding, const struct mg_entry *entry, uint32_t *by,
		      struct mg_error *error)
{
	const char *text;
	int err = mg_entry_text(mg_family_ops(finding->live->family), entry, &text, error);

	if (!err)
		*by = mg_ruleset_kept_by_text(finding->ruleset, text);
	return err;
}

static int judge_rule(struct finding *finding, size_t chain, uint32_t i, struct mg_error *error)
{
	const struct mg_entry *entry = &finding->live->entries[i];
	const size_t target = target_chain(finding->live, entry);
	uint32_t *by = &finding->kept->rules[i];
	int err = 0;

	*by = finding->kept->chains[chain];
	if (*by == MG_NOT_KEPT && target != SIZE_MAX)
		*by = finding->kept->chains[target];
	if (*by == MG_NOT_KEPT && finding->by_rule)
		err = judge_text(finding, entry, by, error);
	if (!err && *by == MG_NOT_KEPT)
		*by = finding->table;
	return err;
}

static bool may_be_kept(const struct finding *finding, uint32_t i)
{
	return finding->own->fates[i] == MG_REMOVED && !finding->ours[i];
}

/* A chain that goes takes along what others have put into it. */
static bool stays(const struct finding *finding, size_t index)
{
	const struct mg_image_chain *chain = &finding->live->chains[index];

	return chain->built_in || finding->kept->chains[index] != MG_NOT_KEPT ||
	       mg_image_find(finding->compiled, chain->name);
}

static int judge_chain(struct finding *finding, size_t index, struct mg_error *error)
{
	const struct mg_image_chain *chain = &finding->live->chains[index];
	const bool may_keep = stays(finding, index);
	uint32_t i;
	int err = mg_owned_claim(finding->owned, finding->live, chain, finding->own->fates,
				 finding->ours, error);

	for (i = chain->first; i < chain->first + chain->count && !err; i++)
		if (may_keep && may_be_kept(finding, i))
			err = judge_rule(finding, index, i, error);
	return err;
}

/* A chain that a kept rule leads to is needed, and so is what is in it. */
static void keep_chain_too(struct finding *finding, size_t index, uint32_t by)
{
	const struct mg_image_chain *chain = &finding->live->chains[index];
	uint32_t i;

	finding->kept->chains[index] = by;
	for (i = chain->first; i < chain->first + chain->count; i++)
		if (may_be_kept(finding, i) && finding->kept->rules[i] == MG_NOT_KEPT)
			finding->kept->rules[i] = by;
}

static bool follow_jumps(struct finding *finding)
{
	const struct mg_image *live = finding->live;
	bool found = false;
	uint32_t i;

	for (i = 0; i < live->entry_count; i++) {
		const size_t target = finding->kept->rules[i] == MG_NOT_KEPT
					      ? SIZE_MAX
					      : target_chain(live, &live->entries[i]);

		if (target == SIZE_MAX || finding->kept->chains[target] != MG_NOT_KEPT ||
		    mg_image_find(finding->compiled, live->chains[target].name))
			continue;
		keep_chain_too(finding, target, finding->kept->rules[i]);
		found = true;
	}
	return found;
}

static void count(const struct mg_image *live, struct mg_kept *kept)
{
	size_t i;

	for (i = 0; i < live->entry_count; i++)
		kept->rule_count += kept->rules[i] != MG_NOT_KEPT;
	for (i = 0; i < live->chain_count; i++)
		kept->chain_count += kept->chains[i] != MG_NOT_KEPT;
}

int mg_kept_find(const struct mg_ruleset *ruleset, const struct mg_image *live,
		 const struct mg_image *compiled, const struct mg_diff *own, struct mg_owned *owned,
		 struct mg_kept **out, struct mg_error *error)
{
	struct finding finding = {
		.ruleset = ruleset,
		.live = live,
		.compiled = compiled,
		.own = own,
		.owned = owned,
		.table = MG_NOT_KEPT,
	};
	const uint32_t records = mg_ruleset_keep_count(ruleset);
	struct mg_keep keep;
	size_t i;
	int err;

	*out = NULL;
	if (!records)
		return 0;
	for (i = 0; i < records; i++) {
		mg_ruleset_keep_at(ruleset, (uint32_t)i, &keep);
		finding.by_rule |= keep.kind == MG_KEEP_RULES || keep.kind == MG_KEEP_SETS;
	}
	finding.table = mg_ruleset_kept_by(ruleset, MG_KEEP_TABLES, live->table);
	if (owned)
		mg_owned_reset(owned);
	err = allocate(&finding, error);
	if (!err)
		find_chains(&finding);
	for (i = 0; i < live->chain_count && !err; i++)
		err = judge_chain(&finding, i, error);
	while (!err && follow_jumps(&finding))
		;
	if (!err)
		count(live, finding.kept);
	if (!err &&
	    (finding.kept->rule_count || finding.kept->chain_count || finding.kept->table)) {
		*out = finding.kept;
		finding.kept = NULL;
	}
	mg_kept_free(finding.kept);
	free(finding.ours);
	return err;
}

/* The next entry of a chain, from @i on, that is not kept; its end if there is none. */
static uint32_t next_other(const struct mg_image_chain *chain, const struct mg_kept *kept,
			   uint32_t i)
{
	while (i < chain->first + chain->count && mg_is_kept(kept, i))
		i++;
	return i;
}

static bool same_others(const struct mg_image *a, const struct mg_image_chain *x,
			const struct mg_kept *a_kept, const struct mg_image *b,
			const struct mg_image_chain *y, const struct mg_kept *b_kept)
{
	const struct mg_family_ops *ops = mg_family_ops(a->family);
	static const struct mg_image_chain nothing = { .count = 0 };
	uint32_t i, k;

	if (!y)
		y = &nothing;
	i = next_other(x, a_kept, x->first);
	k = next_other(y, b_kept, y->first);
	while (i < x->first + x->count && k < y->first + y->count) {
		if (!mg_entry_equal(ops, &a->entries[i], &b->entries[k]))
			return false;
		i = next_other(x, a_kept, i + 1);
		k = next_other(y, b_kept, k + 1);
	}
	return i == x->first + x->count && k == y->first + y->count;
}

/* Has @b all that @a has? A chain that is kept may be missing. */
static bool has_all(const struct mg_image *a, const struct mg_kept *a_kept,
		    const struct mg_image *b, const struct mg_kept *b_kept)
{
	size_t i;

	for (i = 0; i < a->chain_count; i++) {
		const struct mg_image_chain *x = &a->chains[i];
		const struct mg_image_chain *y = mg_image_find(b, x->name);

		if (!y && !mg_is_kept_chain(a_kept, i))
			return false;
		if (y && x->built_in && !(a_kept && a_kept->table) &&
		    strcmp(x->policy, y->policy) != 0)
			return false;
		if (!same_others(a, x, a_kept, b, y, b_kept))
			return false;
	}
	return true;
}

bool mg_same_otherwise(const struct mg_image *a, const struct mg_kept *a_kept,
		       const struct mg_image *b, const struct mg_kept *b_kept)
{
	return has_all(a, a_kept, b, b_kept) && has_all(b, b_kept, a, a_kept);
}
