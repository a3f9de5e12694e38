/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The flat ruleset: records and an area of strings, tied by offsets.
 *
 * Owns its three arrays. Must not touch the kernel, libxtables or Lua.
 */
#include "ruleset.h"

#include <string.h>

#include "failure.h"
#include "growable.h"
#include "ruleset_inner.h"

static int no_memory(struct mg_error *error)
{
	return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for the ruleset");
}

static int put_bytes(struct mg_ruleset *rs, const char *bytes, size_t size, uint32_t *out,
		     struct mg_error *error)
{
	if (size > MG_RULESET_MOST_BYTES - rs->used)
		return mg_fail(error, -E2BIG, MG_INVALID,
			       "the text of all rules takes more than %d MiB",
			       MG_RULESET_MOST_BYTES >> 20);
	if (mg_make_room((void **)&rs->strings, &rs->strings_capacity, rs->used + size, 1))
		return no_memory(error);
	memcpy(rs->strings + rs->used, bytes, size);
	*out = (uint32_t)rs->used;
	rs->used += size;
	return 0;
}

static int put_string(struct mg_ruleset *rs, const char *text, uint32_t *out,
		      struct mg_error *error)
{
	if (!text || !*text) {
		*out = 0;
		return 0;
	}
	return put_bytes(rs, text, strlen(text) + 1, out, error);
}

static int put_origin(struct mg_ruleset *rs, const char *origin, uint32_t *out,
		      struct mg_error *error)
{
	int err;

	if (origin && strcmp(rs->strings + rs->last_origin, origin) == 0) {
		*out = rs->last_origin;
		return 0;
	}
	err = put_string(rs, origin, out, error);
	if (!err)
		rs->last_origin = *out;
	return err;
}

int mg_ruleset_new(struct mg_ruleset **out, struct mg_error *error)
{
	struct mg_ruleset *rs = calloc(1, sizeof(*rs));
	uint32_t empty;

	/* offset 0 is the empty string, so that 0 can mean "none" */
	if (!rs || put_bytes(rs, "", 1, &empty, NULL)) {
		free(rs);
		return no_memory(error);
	}
	*out = rs;
	return 0;
}

void mg_ruleset_free(struct mg_ruleset *rs)
{
	if (!rs)
		return;
	free(rs->strings);
	mg_lookup_clear(&rs->names);
	mg_sets_clear(&rs->sets);
	free(rs->chains);
	free(rs->rules);
	mg_keeps_clear(&rs->keeps);
	free(rs);
}

struct mg_keeps *mg_ruleset_keeps(struct mg_ruleset *rs)
{
	return &rs->keeps;
}

const struct mg_keeps *mg_ruleset_keeps_const(const struct mg_ruleset *rs)
{
	return &rs->keeps;
}

/* What a chain is looked for by. */
struct wanted {
	const struct mg_ruleset *rs;
	enum mg_family family;
	const char *table, *name;
};

static bool is_chain(const void *context, uint32_t index)
{
	const struct wanted *wanted = context;
	const struct mg_chain_record *chain = &wanted->rs->chains[index];
	const char *strings = wanted->rs->strings;

	return chain->family == wanted->family &&
	       strcmp(strings + chain->name, wanted->name) == 0 &&
	       strcmp(strings + chain->table, wanted->table) == 0;
}

uint32_t mg_ruleset_hash_chain(enum mg_family family, const char *table, const char *name)
{
	return mg_lookup_hash(mg_lookup_hash((uint32_t)family, table), name);
}

uint32_t mg_ruleset_find_chain(const struct mg_ruleset *rs, enum mg_family family,
			       const char *table, const char *name)
{
	const struct wanted wanted = { rs, family, table, name };

	if (rs->last_chain[family] < rs->chain_count && is_chain(&wanted, rs->last_chain[family]))
		return rs->last_chain[family];
	return mg_lookup_find(&rs->names, mg_ruleset_hash_chain(family, table, name), is_chain,
			      &wanted);
}

int mg_ruleset_chain(struct mg_ruleset *rs, enum mg_family family, const char *table,
		     const char *name, const char *origin, uint32_t *out, struct mg_error *error)
{
	uint32_t index = mg_ruleset_find_chain(rs, family, table, name);
	struct mg_chain_record chain = { .family = family };
	int err;

	if (index == UINT32_MAX) {
		if (rs->chain_count == MG_RULESET_MOST_CHAINS)
			return mg_fail(error, -E2BIG, MG_INVALID, "there are more than %d chains",
				       MG_RULESET_MOST_CHAINS);
		err = put_string(rs, table, &chain.table, error);
		if (!err)
			err = put_string(rs, name, &chain.name, error);
		if (!err)
			err = put_origin(rs, origin, &chain.origin, error);
		if (err)
			return err;
		if (mg_make_room((void **)&rs->chains, &rs->chain_capacity, rs->chain_count + 1,
				 sizeof(chain)) ||
		    mg_lookup_add(&rs->names, mg_ruleset_hash_chain(family, table, name),
				  (uint32_t)rs->chain_count))
			return no_memory(error);
		index = (uint32_t)rs->chain_count++;
		rs->chains[index] = chain;
	}
	rs->last_chain[family] = index;
	*out = index;
	return 0;
}

int mg_ruleset_policy(struct mg_ruleset *rs, uint32_t chain, const char *policy, const char *origin,
		      struct mg_error *error)
{
	int err = put_string(rs, policy, &rs->chains[chain].policy, error);

	return err ? err : put_origin(rs, origin, &rs->chains[chain].origin, error);
}

/*
 * A rule for both families is appended twice in a row with the same
 * arguments: then the second shares the first one's strings. Those of @rule
 * are the newest in the area.
 */
static void share_args(struct mg_ruleset *rs, struct mg_rule_record *rule)
{
	const struct mg_rule_record *last = rs->rule_count ? &rs->rules[rs->rule_count - 1] : NULL;

	if (!last || last->argc != rule->argc || last->args_size != rule->args_size ||
	    memcmp(rs->strings + last->args, rs->strings + rule->args, rule->args_size) != 0)
		return;
	rs->used = rule->args;
	rule->args = last->args;
}

static int add_rule(struct mg_ruleset *rs, struct mg_rule_record *rule, const char *origin,
		    struct mg_error *error)
{
	int err;

	share_args(rs, rule);
	err = put_origin(rs, origin, &rule->origin, error);
	if (err)
		return err;
	if (rs->rule_count == MG_RULESET_MOST_RULES)
		return mg_fail(error, -E2BIG, MG_INVALID, "there are more than %d rules",
			       MG_RULESET_MOST_RULES);
	if (mg_make_room((void **)&rs->rules, &rs->rule_capacity, rs->rule_count + 1,
			 sizeof(*rule)))
		return no_memory(error);
	rs->rules[rs->rule_count++] = *rule;
	rs->chains[rule->chain].count++;
	return 0;
}

int mg_ruleset_append(struct mg_ruleset *rs, uint32_t chain, unsigned int rank, uint32_t argc,
		      const char *const *argv, const char *origin, struct mg_error *error)
{
	struct mg_rule_record rule = { .chain = chain, .rank = rank, .argc = argc };
	size_t before = rs->used;
	uint32_t i, ignored;
	int err = 0;

	for (i = 0; i < argc && !err; i++)
		err = put_bytes(rs, argv[i], strlen(argv[i]) + 1, &ignored, error);
	if (err) {
		rs->used = before;
		return err;
	}
	rule.args = (uint32_t)before;
	rule.args_size = (uint32_t)(rs->used - before);
	return add_rule(rs, &rule, origin, error);
}

int mg_ruleset_append_args(struct mg_ruleset *rs, uint32_t chain, unsigned int rank, uint32_t argc,
			   const char *args, size_t size, const char *origin,
			   struct mg_error *error)
{
	struct mg_rule_record rule = { .chain = chain, .rank = rank, .argc = argc };
	int err = put_bytes(rs, args, size, &rule.args, error);

	if (err)
		return err;
	rule.args_size = (uint32_t)size;
	return add_rule(rs, &rule, origin, error);
}

/* Stable, by counting; a chain whose rules already come in rank order is left alone. */
static int sort_chain(struct mg_rule_record *rules, uint32_t count, struct mg_rule_record *scratch)
{
	uint32_t starts[MG_RANK_HIGHEST + 1] = { 0 };
	uint32_t i, total = 0;
	bool sorted = true;

	for (i = 0; i < count; i++) {
		if (rules[i].rank > MG_RANK_HIGHEST)
			return -EINVAL;
		starts[rules[i].rank]++;
		if (i && rules[i].rank < rules[i - 1].rank)
			sorted = false;
	}
	if (sorted)
		return 0;
	for (i = 0; i <= MG_RANK_HIGHEST; i++) {
		uint32_t here = starts[i];

		starts[i] = total;
		total += here;
	}
	for (i = 0; i < count; i++)
		scratch[starts[rules[i].rank]++] = rules[i];
	memcpy(rules, scratch, count * sizeof(*rules));
	return 0;
}

int mg_ruleset_seal(struct mg_ruleset *rs, struct mg_error *error)
{
	struct mg_rule_record *sorted = calloc(rs->rule_count + 1, sizeof(*sorted));
	uint32_t total = 0, i;
	int err = 0;

	if (!sorted)
		return no_memory(error);
	for (i = 0; i < rs->chain_count; i++) {
		rs->chains[i].first = total;
		total += rs->chains[i].count;
		rs->chains[i].count = 0;
	}
	for (i = 0; i < rs->rule_count; i++) {
		struct mg_chain_record *chain = &rs->chains[rs->rules[i].chain];

		sorted[chain->first + chain->count++] = rs->rules[i];
	}
	/* the unsorted array has become scratch space */
	for (i = 0; i < rs->chain_count && !err; i++)
		err = sort_chain(sorted + rs->chains[i].first, rs->chains[i].count, rs->rules);
	if (err) {
		free(sorted);
		return mg_fail(error, err, MG_INVALID, "a rule has a rank above %d",
			       MG_RANK_HIGHEST);
	}
	free(rs->rules);
	rs->rules = sorted;
	rs->rule_capacity = rs->rule_count + 1;
	return 0;
}

uint32_t mg_ruleset_chain_count(const struct mg_ruleset *rs)
{
	return (uint32_t)rs->chain_count;
}

uint32_t mg_ruleset_rule_count(const struct mg_ruleset *rs)
{
	return (uint32_t)rs->rule_count;
}

void mg_ruleset_chain_at(const struct mg_ruleset *rs, uint32_t index, struct mg_chain_view *out)
{
	const struct mg_chain_record *chain = &rs->chains[index];

	*out = (struct mg_chain_view){
		.family = (enum mg_family)chain->family,
		.table = rs->strings + chain->table,
		.name = rs->strings + chain->name,
		.policy = chain->policy ? rs->strings + chain->policy : NULL,
		.origin = rs->strings + chain->origin,
		.first = chain->first,
		.count = chain->count,
	};
}

void mg_ruleset_rule_at(const struct mg_ruleset *rs, uint32_t index, struct mg_rule_view *out)
{
	const struct mg_rule_record *rule = &rs->rules[index];

	*out = (struct mg_rule_view){
		.chain = rule->chain,
		.args = rs->strings + rule->args,
		.argc = rule->argc,
		.args_size = rule->args_size,
		.origin = rs->strings + rule->origin,
		.rank = rule->rank,
	};
}

struct mg_sets *mg_ruleset_sets(struct mg_ruleset *rs)
{
	return &rs->sets;
}

const struct mg_sets *mg_ruleset_sets_const(const struct mg_ruleset *rs)
{
	return &rs->sets;
}

const char *mg_arg_next(const char *arg)
{
	return arg + strlen(arg) + 1;
}
