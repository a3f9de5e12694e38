/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The old table again: what it had of its own is where it was, and what is
 * kept is as it is now.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "merge.h"
#include "ruleset/failure.h"

enum { NOWHERE = UINT32_MAX };

/* The kept rules of both readings, and which of then is which of now. */
struct merging {
	const struct mg_reading *old, *now;
	struct mg_image *kept_old, *kept_now; /* of those rules only */
	uint32_t *anchors; /* by entry of kept_old: that of kept_now, or NOWHERE */
	bool *is_anchor;   /* by entry of kept_now: was it there before? */
	struct mg_image *out;
};

/* A table of the rules of a reading that are kept. */
static int only_kept(const struct mg_reading *reading, struct mg_image **out,
		     struct mg_error *error)
{
	const struct mg_image *image = reading->image;
	struct mg_image_chain *chain;
	size_t i;
	uint32_t k;
	int err = mg_image_new(image->family, image->table, out, error);

	for (i = 0; i < image->chain_count && !err; i++) {
		const struct mg_image_chain *from = &image->chains[i];

		err = mg_image_add_chain(*out, from->name, &chain, error);
		if (!err)
			chain->policy = from->built_in ? "ACCEPT" : NULL;
		for (k = from->first; k < from->first + from->count && !err; k++)
			if (mg_is_kept(reading->kept, k))
				err = mg_image_add_entry(*out, chain, &image->entries[k], error);
	}
	return err;
}

/* Those that are in both, as far as they are in the same order. */
static int find_anchors(struct merging *merging, struct mg_error *error)
{
	const size_t before = merging->kept_old->entry_count, now = merging->kept_now->entry_count;
	struct mg_diff *diff;
	size_t i;
	int err = mg_diff_make(merging->kept_old, merging->kept_now, &diff, error);

	if (err)
		return err;
	merging->anchors = malloc((before + 1) * sizeof(*merging->anchors));
	merging->is_anchor = calloc(now + 1, sizeof(*merging->is_anchor));
	if (!merging->anchors || !merging->is_anchor) {
		mg_diff_free(diff);
		return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for a table");
	}
	for (i = 0; i < before; i++)
		merging->anchors[i] = NOWHERE;
	for (i = 0; i < now; i++) {
		if (!diff->sources[i].kept)
			continue;
		merging->is_anchor[i] = true;
		merging->anchors[diff->sources[i].live] = (uint32_t)i;
	}
	mg_diff_free(diff);
	return 0;
}

/* Has a chain rules of its own? */
static bool has_others(const struct mg_reading *reading, const struct mg_image_chain *chain)
{
	uint32_t i;

	for (i = chain->first; i < chain->first + chain->count; i++)
		if (!mg_is_kept(reading->kept, i))
			return true;
	return false;
}

static int add_chain(const struct merging *merging, const char *name, struct mg_error *error)
{
	struct mg_image_chain *chain;

	return mg_image_find(merging->out, name)
		       ? 0
		       : mg_image_add_chain(merging->out, name, &chain, error);
}

/* Where do the rules of a chain lead that are (or are not) kept? There must be a chain. */
static int add_targets(const struct merging *merging, const struct mg_reading *reading,
		       const char *name, bool kept, struct mg_error *error)
{
	const struct mg_image_chain *chain = mg_image_find(reading->image, name);
	uint32_t i;
	int err = 0;

	for (i = chain ? chain->first : 0; chain && i < chain->first + chain->count && !err; i++) {
		const struct mg_entry *entry = &reading->image->entries[i];
		const struct mg_image_chain *target;

		if (!entry->standard || mg_is_kept(reading->kept, i) != kept)
			continue;
		target = mg_image_find(reading->image, entry->target); /* no verdict is one */
		if (target && !target->built_in)
			err = add_chain(merging, target->name, error);
	}
	return err;
}

static int add_chains(const struct merging *merging, struct mg_error *error)
{
	const struct mg_reading *old = merging->old, *now = merging->now;
	size_t i;
	int err = 0;

	for (i = 0; i < old->image->chain_count && !err; i++)
		if (!mg_is_kept_chain(old->kept, i) || has_others(old, &old->image->chains[i]))
			err = add_chain(merging, old->image->chains[i].name, error);
	for (i = 0; i < now->image->chain_count && !err; i++)
		if (mg_is_kept_chain(now->kept, i))
			err = add_chain(merging, now->image->chains[i].name, error);
	/* what is added here is looked at in its turn */
	for (i = 0; i < merging->out->chain_count && !err; i++) {
		err = add_targets(merging, old, merging->out->chains[i].name, false, error);
		if (!err)
			err = add_targets(merging, now, merging->out->chains[i].name, true, error);
	}
	return err ? err : mg_image_sort_chains(merging->out, error);
}

/* Add kept rules as they are now: from *@next to before @end, and the new ones behind them. */
static int add_now(const struct merging *merging, struct mg_image_chain *chain,
		   const struct mg_image_chain *from, uint32_t *next, uint32_t end,
		   struct mg_error *error)
{
	int err = 0;

	while (end < from->first + from->count && !merging->is_anchor[end])
		end++;
	for (; *next < end && !err; (*next)++)
		err = mg_image_add_entry(merging->out, chain, &merging->kept_now->entries[*next],
					 error);
	return err;
}

static bool has_anchor(const struct merging *merging, const struct mg_image_chain *from)
{
	uint32_t i;

	for (i = from->first; i < from->first + from->count; i++)
		if (merging->is_anchor[i])
			return true;
	return false;
}

static int fill(const struct merging *merging, struct mg_image_chain *chain, struct mg_error *error)
{
	static const struct mg_image_chain nothing = { .count = 0 };
	const struct mg_image *old_image = merging->old->image;
	const struct mg_image_chain *old = mg_image_find(old_image, chain->name);
	const struct mg_image_chain *before = mg_image_find(merging->kept_old, chain->name);
	const struct mg_image_chain *from = mg_image_find(merging->kept_now, chain->name);
	uint32_t i, next, kept = before ? before->first : 0;
	int err = 0;

	if (!old)
		old = &nothing;
	if (!from)
		from = &nothing;
	next = from->first;
	chain->first = (uint32_t)merging->out->entry_count;
	if (!has_anchor(merging, from))
		err = add_now(merging, chain, from, &next, from->first + from->count, error);
	for (i = old->first; i < old->first + old->count && !err; i++) {
		uint32_t anchor;

		if (!mg_is_kept(merging->old->kept, i)) {
			err = mg_image_add_entry(merging->out, chain, &old_image->entries[i],
						 error);
			continue;
		}
		anchor = merging->anchors[kept++];
		if (anchor != NOWHERE)
			err = add_now(merging, chain, from, &next, anchor + 1, error);
	}
	return err;
}

static const char *policy_of(const struct merging *merging, const char *name,
			     const struct mg_image *wanted)
{
	const struct mg_image_chain *old = mg_image_find(merging->old->image, name);
	const struct mg_image_chain *now = mg_image_find(merging->now->image, name);
	const struct mg_image_chain *between = mg_image_find(wanted, name);

	if (merging->now->kept && merging->now->kept->table && now && between &&
	    strcmp(between->policy, old->policy) == 0)
		return now->policy;
	return old->policy;
}

static int merge(struct merging *merging, const struct mg_image *wanted, struct mg_error *error)
{
	const struct mg_image *old = merging->old->image;
	size_t i;
	int err = only_kept(merging->old, &merging->kept_old, error);

	if (!err)
		err = only_kept(merging->now, &merging->kept_now, error);
	if (!err)
		err = find_anchors(merging, error);
	if (!err)
		err = mg_image_new(old->family, old->table, &merging->out, error);
	if (!err)
		err = add_chains(merging, error);
	for (i = 0; !err && i < merging->out->chain_count; i++) {
		struct mg_image_chain *chain = &merging->out->chains[i];

		if (chain->built_in)
			chain->policy = policy_of(merging, chain->name, wanted);
		err = fill(merging, chain, error);
	}
	return err;
}

int mg_merge_old(const struct mg_reading *old, const struct mg_reading *now,
		 const struct mg_image *wanted, struct mg_image **out, struct mg_error *error)
{
	struct merging merging = { .old = old, .now = now };
	int err = merge(&merging, wanted, error);

	mg_image_free(merging.kept_old);
	mg_image_free(merging.kept_now);
	free(merging.anchors);
	free(merging.is_anchor);
	if (err)
		mg_image_free(merging.out);
	else
		*out = merging.out;
	return err;
}
