/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The new table: compiled rules by rank, kept ones among them.
 */
#include "merge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ruleset/failure.h"

struct merging {
	const struct mg_ruleset *ruleset;
	const struct mg_image *compiled, *live;
	const struct mg_kept *kept;
	struct mg_image *out;
	bool makes_chains;
};

/* A kept rule of a chain, and where it wants to be. */
struct place {
	uint32_t entry; /* of the live image */
	unsigned int rank;
};

static int no_memory(struct mg_error *error)
{
	return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for a table");
}

static int by_rank(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return (x->entry > y->entry) - (x->entry < y->entry);
}

static unsigned int rank_of(const struct merging *merging, const struct mg_image_chain *chain,
			    const struct mg_entry *entry)
{
	struct mg_rule_view rule;

	if (!chain->built_in || entry->rule == MG_NO_RULE ||
	    strcmp(merging->compiled->table, "filter") != 0)
		return MG_RANK_SCRIPT;
	mg_ruleset_rule_at(merging->ruleset, entry->rule, &rule);
	return rule.rank;
}

/*
 * Where the rules of a chain that is kept itself are parted by ours: at the
 * first one that is not kept, or before all if there is none yet.
 */
static uint32_t find_border(const struct merging *merging, const struct mg_image_chain *old)
{
	uint32_t i;

	for (i = old->first; i < old->first + old->count; i++)
		if (!mg_is_kept(merging->kept, i))
			return i;
	return old->first;
}

static unsigned int kept_rank(const struct merging *merging, uint32_t entry)
{
	struct mg_keep keep;

	mg_ruleset_keep_at(merging->ruleset, merging->kept->rules[entry], &keep);
	return keep.rank;
}

/* The kept rules of a live chain, in the order in which they will stand. */
static int find_places(const struct merging *merging, const struct mg_image_chain *old,
		       struct place **out, size_t *count, struct mg_error *error)
{
	const uint32_t most = old && merging->kept ? old->count : 0;
	struct place *places = calloc((size_t)most + 1, sizeof(*places));
	bool is_kept = false;
	uint32_t i, border = 0;

	*count = 0;
	*out = places;
	if (!places)
		return no_memory(error);
	if (most) {
		is_kept = mg_is_kept_chain(merging->kept, (size_t)(old - merging->live->chains));
		border = find_border(merging, old);
	}
	for (i = 0; i < most; i++) {
		struct place *place = &places[*count];

		place->entry = old->first + i;
		if (!mg_is_kept(merging->kept, place->entry))
			continue;
		if (is_kept)
			place->rank = place->entry < border ? 0 : UINT32_MAX;
		else
			place->rank = kept_rank(merging, place->entry);
		++*count;
	}
	if (*count)
		qsort(places, *count, sizeof(*places), by_rank);
	return 0;
}

static int add_kept(const struct merging *merging, struct mg_image_chain *chain,
		    const struct place *place, struct mg_error *error)
{
	struct mg_entry entry = merging->live->entries[place->entry];

	entry.rule = MG_NO_RULE;
	return mg_image_add_entry(merging->out, chain, &entry, error);
}

/* Fill a chain. @ours, @old: what it is compiled as, and live; one of them may be NULL. */
static int fill(const struct merging *merging, struct mg_image_chain *chain,
		const struct mg_image_chain *ours, const struct mg_image_chain *old,
		struct mg_error *error)
{
	struct place *places = NULL;
	size_t count = 0, next = 0;
	uint32_t i;
	int err = find_places(merging, old, &places, &count, error);

	chain->first = (uint32_t)merging->out->entry_count;
	for (i = 0; ours && i < ours->count && !err; i++) {
		const struct mg_entry *entry = &merging->compiled->entries[ours->first + i];
		const unsigned int rank = rank_of(merging, chain, entry);

		while (next < count && places[next].rank <= rank && !err)
			err = add_kept(merging, chain, &places[next++], error);
		if (!err)
			err = mg_image_add_entry(merging->out, chain, entry, error);
	}
	while (next < count && !err)
		err = add_kept(merging, chain, &places[next++], error);
	free(places);
	return err;
}

/* Which rule leads to a chain? "" if that is not known. */
static const char *origin_of_jump(const struct merging *merging, const char *name)
{
	struct mg_rule_view rule;
	size_t i;

	for (i = 0; i < merging->compiled->entry_count; i++) {
		const struct mg_entry *entry = &merging->compiled->entries[i];

		if (entry->standard && strcmp(entry->target, name) == 0 &&
		    entry->rule != MG_NO_RULE) {
			mg_ruleset_rule_at(merging->ruleset, entry->rule, &rule);
			return rule.origin;
		}
	}
	return "";
}

/* The chain that was meant, of those that are live; NULL if none is near enough. */
static const char *meant_chain(const struct mg_image *live, const char *name)
{
	const char **names = calloc(live->chain_count + 1, sizeof(*names)), *meant;
	size_t i, count = 0;

	for (i = 0; names && i < live->chain_count; i++)
		if (!live->chains[i].built_in)
			names[count++] = live->chains[i].name;
	meant = names ? mg_nearest(name, names) : NULL;
	free(names);
	return meant;
}

static int no_such_chain(const struct merging *merging, const char *name, struct mg_error *error)
{
	const struct mg_image *live = merging->live;
	const char *meant = meant_chain(live, name);
	int err =
		mg_fail(error, -ENOENT, MG_INVALID,
			"there is no chain `%s' in the %s table %s%s%s%s: the policy keeps it, and "
			"so does not make it (chain(\"%s\", \"%s\") does; { family = \"%s\" } "
			"leaves this family out)",
			name, mg_family_ops(live->family)->name, live->table,
			meant ? "; did you mean `" : "", meant ? meant : "", meant ? "'?" : "",
			live->table, name, live->family == MG_IPV4 ? "ipv6" : "ipv4");

	mg_error_origin(error, origin_of_jump(merging, name));
	return err;
}

/* The policy of a built-in chain: the ruleset's, if it asks for one or the table is not kept. */
static const char *policy_of(const struct merging *merging, const struct mg_image_chain *ours,
			     const struct mg_image_chain *old)
{
	struct mg_chain_view view = { .policy = NULL };

	if (ours->chain != UINT32_MAX)
		mg_ruleset_chain_at(merging->ruleset, ours->chain, &view);
	return merging->kept && merging->kept->table && old && !view.policy ? old->policy
									    : ours->policy;
}

static int add_compiled(const struct merging *merging, const struct mg_image_chain *ours,
			struct mg_error *error)
{
	const struct mg_image_chain *old = mg_image_find(merging->live, ours->name);
	struct mg_image_chain *chain;
	int err;

	if (!ours->built_in && ours->chain == UINT32_MAX && !old && !merging->makes_chains)
		return no_such_chain(merging, ours->name, error);
	err = mg_image_add_chain(merging->out, ours->name, &chain, error);
	if (err)
		return err;
	chain->chain = ours->chain;
	if (ours->built_in)
		chain->policy = policy_of(merging, ours, old);
	return fill(merging, chain, ours, old, error);
}

/* The user chains of both, by name. */
static int add_user_chains(const struct merging *merging, size_t ours, struct mg_error *error)
{
	const struct mg_image *compiled = merging->compiled, *live = merging->live;
	struct mg_image_chain *chain;
	size_t old;
	int err = 0;

	for (old = 0; old < live->chain_count && !err; old++) {
		const struct mg_image_chain *kept = &live->chains[old];

		if (!mg_is_kept_chain(merging->kept, old) || mg_image_find(compiled, kept->name))
			continue;
		while (ours < compiled->chain_count && !err &&
		       strcmp(compiled->chains[ours].name, kept->name) < 0)
			err = add_compiled(merging, &compiled->chains[ours++], error);
		if (!err)
			err = mg_image_add_chain(merging->out, kept->name, &chain, error);
		if (!err)
			err = fill(merging, chain, NULL, kept, error);
	}
	while (ours < compiled->chain_count && !err)
		err = add_compiled(merging, &compiled->chains[ours++], error);
	return err;
}

int mg_merge_new(const struct mg_ruleset *ruleset, const struct mg_image *compiled,
		 const struct mg_image *live, const struct mg_kept *kept, bool makes_chains,
		 struct mg_image **out, struct mg_error *error)
{
	struct merging merging = {
		.ruleset = ruleset,
		.compiled = compiled,
		.live = live,
		.kept = kept,
		.makes_chains = makes_chains,
	};
	size_t i;
	int err = mg_image_new(compiled->family, compiled->table, &merging.out, error);

	if (err)
		return err;
	for (i = 0; i < compiled->chain_count && compiled->chains[i].built_in && !err; i++)
		err = add_compiled(&merging, &compiled->chains[i], error);
	if (!err)
		err = add_user_chains(&merging, i, error);
	if (err) {
		mg_image_free(merging.out);
		return err;
	}
	*out = merging.out;
	return 0;
}
