/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a diff to a flat list of changes.
 */
#include "changes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "diff.h"
#include "netfilter/print.h"
#include "ruleset/failure.h"
#include "ruleset/growable.h"

struct listing_changes {
	const struct mg_image *live, *wanted;
	const struct mg_diff *diff;
	struct mg_changes *changes;
};

static int no_memory(struct mg_error *error)
{
	return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for a list of changes");
}

void mg_changes_clear(struct mg_changes *changes)
{
	free(changes->items);
	mg_arena_clear(&changes->arena);
	*changes = (struct mg_changes){ 0 };
}

static const char *keep(struct mg_changes *changes, const char *text)
{
	return text ? mg_arena_string(&changes->arena, text) : NULL;
}

/* Add a change; its texts are copied. */
static int add(struct mg_changes *changes, struct mg_change change, struct mg_error *error)
{
	struct mg_change copy = change;

	copy.chain = keep(changes, change.chain);
	copy.text = keep(changes, change.text);
	copy.before = keep(changes, change.before);
	if (!copy.chain || !copy.text != !change.text || !copy.before != !change.before ||
	    mg_make_room((void **)&changes->items, &changes->capacity, changes->count + 1,
			 sizeof(copy)))
		return no_memory(error);
	changes->items[changes->count++] = copy;
	return 0;
}

static int add_rule(const struct listing_changes *listing, const struct mg_entry *entry,
		    struct mg_change change, struct mg_error *error)
{
	int err = mg_entry_text(mg_family_ops(listing->live->family), entry, &change.text, error);

	return err ? err : add(listing->changes, change, error);
}

/* The last rule first, so that the numbers hold while one goes through the list. */
static int list_removed(const struct listing_changes *listing, const struct mg_image_chain *old,
			struct mg_error *error)
{
	uint32_t i = old->count;
	int err = 0;

	while (i-- > 0 && !err) {
		const struct mg_change change = {
			.kind = MG_CHANGE_REMOVE,
			.chain = old->name,
			.from = i + 1,
		};

		if (listing->diff->fates[old->first + i] == MG_REMOVED)
			err = add_rule(listing, &listing->live->entries[old->first + i], change,
				       error);
	}
	return err;
}

static int list_added(const struct listing_changes *listing, const struct mg_image_chain *old,
		      const struct mg_image_chain *new, struct mg_error *error)
{
	uint32_t i;
	int err = 0;

	for (i = 0; i < new->count && !err; i++) {
		const struct mg_source *source = &listing->diff->sources[new->first + i];
		struct mg_change change = {
			.kind = MG_CHANGE_ADD,
			.chain = new->name,
			.number = i + 1,
		};

		if (source->kept)
			continue;
		if (old && source->live != MG_NO_RULE) {
			change.kind = MG_CHANGE_MOVE;
			change.from = source->live - old->first + 1;
		}
		err = add_rule(listing, &listing->wanted->entries[new->first + i], change, error);
	}
	return err;
}

static int list_chain(const struct listing_changes *listing, const struct mg_image_chain *new,
		      struct mg_error *error)
{
	const struct mg_image_chain *old = mg_image_find(listing->live, new->name);
	int err = 0;

	if (old && new->built_in && strcmp(old->policy, new->policy) != 0) {
		const struct mg_change change = {
			.kind = MG_CHANGE_POLICY,
			.chain = new->name,
			.text = new->policy,
			.before = old->policy,
		};

		err = add(listing->changes, change, error);
	}
	if (!err && old)
		err = list_removed(listing, old, error);
	if (!err)
		err = list_added(listing, old, new, error);
	return err;
}

/* Chains that @image has and @other has not. One that goes is emptied first. */
static int list_lone_chains(const struct listing_changes *listing, const struct mg_image *image,
			    const struct mg_image *other, enum mg_change_kind kind,
			    struct mg_error *error)
{
	size_t i;
	int err = 0;

	for (i = 0; i < image->chain_count && !err; i++) {
		const struct mg_change change = { .kind = kind, .chain = image->chains[i].name };

		if (mg_image_find(other, image->chains[i].name))
			continue;
		if (kind == MG_CHANGE_DELETE_CHAIN)
			err = list_removed(listing, &image->chains[i], error);
		if (!err)
			err = add(listing->changes, change, error);
	}
	return err;
}

int mg_changes_make(const struct mg_image *live, const struct mg_image *wanted,
		    struct mg_changes *changes, struct mg_error *error)
{
	struct listing_changes listing = { .live = live, .wanted = wanted, .changes = changes };
	struct mg_diff *diff;
	size_t i;
	int err = mg_diff_make(live, wanted, &diff, error);

	if (err)
		return err;
	listing.diff = diff;
	err = list_lone_chains(&listing, wanted, live, MG_CHANGE_NEW_CHAIN, error);
	for (i = 0; i < wanted->chain_count && !err; i++)
		err = list_chain(&listing, &wanted->chains[i], error);
	if (!err)
		err = list_lone_chains(&listing, live, wanted, MG_CHANGE_DELETE_CHAIN, error);
	mg_diff_free(diff);
	return err;
}
