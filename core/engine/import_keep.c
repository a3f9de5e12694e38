/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an import leaves to other software: its rules are not written into the
 * policy, which keeps them instead, at a place where they stand already.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "importing.h"
#include "ruleset/failure.h"
#include "ruleset/growable.h"
#include "ruleset/presets.h"

/* A firewall of its own is what a policy takes the place of: its rules are imported. */
static bool is_guest(const struct mg_preset *preset)
{
	return preset->rank == MG_KEEP_RANK;
}

static uint32_t preset_index(const char *name)
{
	return (uint32_t)(mg_preset_find(name) - mg_presets);
}

void mg_rules_see(struct mg_rules_read *read, const char *chain, const char *text)
{
	const char *owner = mg_owner_of(chain, text);

	if (owner && is_guest(mg_preset_find(owner)))
		read->found |= 1U << preset_index(owner);
}

int mg_rules_keep(struct mg_rules_read *read, struct mg_error *error)
{
	const struct mg_preset_part *part;
	uint32_t i;
	int err = 0;

	for (i = 0; mg_presets[i].name; i++) {
		if (!(read->presets & 1U << i))
			continue;
		for (part = mg_presets[i].parts; part->pattern && !err; part++) {
			const struct mg_keep keep = {
				.kind = part->kind,
				.pattern = part->pattern,
				.owner = mg_presets[i].name,
				.rank = mg_presets[i].rank,
				.origin = "",
			};

			err = mg_ruleset_keep(read->rules, &keep, error);
		}
	}
	return err;
}

/*
 * Whose is the rule? In DOCKER-USER, all but what Docker itself puts there is
 * the administrator's.
 */
static uint32_t find_record(const struct mg_rules_read *read, const char *chain,
			    const struct mg_compiled_rule *rule, const char *text)
{
	const uint32_t by_chain = mg_ruleset_kept_by(read->rules, MG_KEEP_CHAINS, chain);
	uint32_t record = UINT32_MAX;

	if (by_chain != UINT32_MAX &&
	    (strcmp(chain, "DOCKER-USER") != 0 || strcmp(text, "-j RETURN") == 0))
		return by_chain;
	if (rule->standard && *rule->target)
		record = mg_ruleset_kept_by(read->rules, MG_KEEP_CHAINS, rule->target);
	return record == UINT32_MAX ? mg_ruleset_kept_by_text(read->rules, text) : record;
}

int mg_rules_leave(struct mg_rules_read *read, uint32_t chain, const char *name,
		   const struct mg_compiled_rule *rule, const char *text, uint32_t before,
		   bool *left, struct mg_error *error)
{
	const uint32_t record = find_record(read, name, rule, text);
	struct mg_keep keep;

	*left = record != UINT32_MAX;
	if (!*left)
		return 0;
	if (mg_make_room((void **)&read->left, &read->left_capacity, read->left_count + 1,
			 sizeof(*read->left)))
		return mg_engine_no_memory(error);
	mg_ruleset_keep_at(read->rules, record, &keep);
	read->left[read->left_count++] = (struct mg_left_rule){
		.chain = chain,
		.before = before,
		.preset = preset_index(keep.owner),
	};
	return 0;
}

/* From which rank to which a rule of others stands where it stands. */
struct span {
	unsigned int first, last;
};

static const struct span nowhere = { 1, 0 };

/* @made: the chain as the policy makes it */
static struct span span_of(const struct mg_left_rule *left, const struct mg_ruleset *made_rules,
			   const struct mg_chain_view *read, const struct mg_chain_view *made)
{
	struct span span = { 0, MG_RANK_HIGHEST };
	struct mg_rule_view rule;

	/* a rule of the policy's may have become several: then only the ends are known */
	if (left->before && left->before < read->count && made->count != read->count)
		return nowhere;
	if (left->before) {
		const uint32_t last = left->before < read->count ? left->before : made->count;

		mg_ruleset_rule_at(made_rules, made->first + last - 1, &rule);
		span.first = rule.rank + 1;
	}
	if (left->before < read->count) {
		mg_ruleset_rule_at(made_rules, made->first + left->before, &rule);
		span.last = rule.rank;
	}
	return span;
}

/* In a chain that is kept, the policy's rules come first. */
static struct span span_in(const struct mg_rules_read *read, const struct mg_left_rule *left,
			   const struct mg_ruleset *made_rules)
{
	static const struct span anywhere = { 0, MG_RANK_HIGHEST };
	struct mg_chain_view chain, made;
	uint32_t index;

	mg_ruleset_chain_at(read->rules, left->chain, &chain);
	if (!chain.count)
		return anywhere;
	if (mg_ruleset_kept_by(read->rules, MG_KEEP_CHAINS, chain.name) != UINT32_MAX)
		return left->before == chain.count ? anywhere : nowhere;
	index = mg_ruleset_find_chain(made_rules, chain.family, chain.table, chain.name);
	if (index == UINT32_MAX)
		return nowhere;
	mg_ruleset_chain_at(made_rules, index, &made);
	return span_of(left, made_rules, &chain, &made);
}

/* Places that keep() knows, the likeliest first, and what the policy says for each. */
static const struct {
	unsigned int rank;
	const char *words;
} places[] = {
	{ MG_KEEP_RANK, "" },
	{ MG_RANK_LOOPBACK, "before = \"loopback\"" },
	{ MG_RANK_BEFORE_GUARD, "before = \"guard\"" },
	{ MG_RANK_ALLOW, "before = \"allow\"" },
	{ MG_RANK_LAST, "before = \"last\"" },
	{ MG_RANK_FIRST, "before = \"first\"" },
	{ MG_RANK_LAST_REJECT + 1, "after = \"last\"" },
};

enum { PLACES = sizeof(places) / sizeof(places[0]) };

/* Where all that is left to one preset fits: an index of places, or PLACES. */
static size_t find_place(const struct mg_rules_read *read, uint32_t preset,
			 const struct mg_ruleset *made)
{
	struct span span = { 0, MG_RANK_HIGHEST };
	size_t i;

	for (i = 0; i < read->left_count; i++) {
		struct span one;

		if (read->left[i].preset != preset)
			continue;
		one = span_in(read, &read->left[i], made);
		span.first = one.first > span.first ? one.first : span.first;
		span.last = one.last < span.last ? one.last : span.last;
	}
	for (i = 0; i < PLACES; i++)
		if (places[i].rank >= span.first && places[i].rank <= span.last)
			return i;
	return PLACES;
}

/*
 * In one chain what has a lower rank comes first. Returns the presets, as
 * bits, of which something does not.
 */
static unsigned int out_of_order(const struct mg_rules_read *read, const size_t *place,
				 struct mg_error *error, int *err)
{
	unsigned int *last = calloc(mg_ruleset_chain_count(read->rules) + 1, sizeof(*last));
	unsigned int wrong = 0;
	size_t i;

	if (!last)
		*err = mg_engine_no_memory(error);
	for (i = 0; last && i < read->left_count; i++) {
		const struct mg_left_rule *left = &read->left[i];
		const unsigned int rank = places[place[left->preset]].rank;

		if (rank < last[left->chain])
			wrong |= 1U << left->preset;
		last[left->chain] = rank;
	}
	free(last);
	return wrong;
}

int mg_rules_place(const struct mg_rules_read *read, const struct mg_ruleset *made, size_t *place,
		   unsigned int *misfits, struct mg_error *error)
{
	uint32_t i;
	int err = 0;

	*misfits = 0;
	for (i = 0; mg_presets[i].name; i++) {
		place[i] = 0;
		if (!(read->presets & 1U << i))
			continue;
		place[i] = find_place(read, i, made);
		if (place[i] == PLACES)
			*misfits |= 1U << i;
	}
	if (!*misfits)
		*misfits = out_of_order(read, place, error, &err);
	return err;
}

/* The presets, as bits, to which something is left: a rule, or an empty chain. */
static unsigned int with_something(const struct mg_rules_read *read)
{
	const uint32_t count = mg_ruleset_chain_count(read->rules);
	unsigned int presets = 0;
	struct mg_chain_view chain;
	struct mg_keep keep;
	uint32_t i, record;
	size_t n;

	for (n = 0; n < read->left_count; n++)
		presets |= 1U << read->left[n].preset;
	for (i = 0; i < count; i++) {
		mg_ruleset_chain_at(read->rules, i, &chain);
		record = mg_ruleset_kept_by(read->rules, MG_KEEP_CHAINS, chain.name);
		if (record == UINT32_MAX)
			continue;
		mg_ruleset_keep_at(read->rules, record, &keep);
		presets |= 1U << preset_index(keep.owner);
	}
	return presets;
}

/* One call of keep(). */
static void print_call(FILE *out, unsigned int presets, const char *where)
{
	const bool several = presets & (presets - 1);
	const char *before = several ? "keep { " : *where ? "keep(" : "keep ";
	uint32_t i;

	for (i = 0; mg_presets[i].name; i++) {
		if (!(presets & 1U << i))
			continue;
		fprintf(out, "%s\"%s\"", before, mg_presets[i].name);
		before = ", ";
	}
	if (several)
		fprintf(out, "%s%s }\n", *where ? ", " : "", where);
	else if (*where)
		fprintf(out, ", { %s })\n", where);
	else
		fputc('\n', out);
}

int mg_rules_keep_lines(const struct mg_rules_read *read, const size_t *place, char **out,
			struct mg_error *error)
{
	const unsigned int presets = with_something(read);
	size_t length, p;
	FILE *stream = open_memstream(out, &length);
	uint32_t i;

	if (!stream)
		return mg_engine_no_memory(error);
	for (p = 0; p < PLACES; p++) {
		unsigned int here = 0;

		for (i = 0; mg_presets[i].name; i++)
			if (presets & 1U << i && place[i] == p)
				here |= 1U << i;
		if (here)
			print_call(stream, here, places[p].words);
	}
	return fclose(stream) ? mg_engine_no_memory(error) : 0;
}

int mg_rules_tell_left(const struct mg_rules_read *read, struct mg_notes *notes,
		       struct mg_error *error)
{
	size_t count[MG_MOST_PRESETS] = { 0 }, i;
	int err = 0;

	for (i = 0; i < read->left_count; i++)
		count[read->left[i].preset]++;
	for (i = 0; mg_presets[i].name && !err; i++) {
		if (count[i])
			err = mg_note(notes, MG_INFO, NULL, "--no-keep imports them",
				      "%zu rule%s of %s's %s not imported: the policy keeps what "
				      "is theirs",
				      count[i], count[i] == 1 ? "" : "s", mg_presets[i].name,
				      count[i] == 1 ? "is" : "are");
		else if (read->found & ~read->presets & 1U << i)
			err = mg_note(notes, MG_WARNING, NULL,
				      "with --keep the policy leaves them to it",
				      "rules that are likely %s's become the policy's own: what it "
				      "changes in them is foreign",
				      mg_presets[i].name);
	}
	return err ? mg_engine_no_memory(error) : 0;
}
