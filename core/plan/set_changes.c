/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See set_changes.h. Must not touch the kernel, print or exit.
 */
#include "set_changes.h"

#include <errno.h>
#include <stdlib.h>

#include "ruleset/arena.h"
#include "ruleset/failure.h"
#include "ruleset/set_text.h"

enum { MOST_LISTED = 10 };

struct mg_set_changes {
	struct mg_set_change *items;
	size_t count;
	struct mg_arena arena;
};

/* The members of one set, as they are found. */
struct listing {
	struct mg_arena *arena;
	enum mg_family family;
	const char **added, **removed;
	uint32_t added_count, removed_count, most_added, most_removed;
};

static int no_memory(struct mg_error *error)
{
	return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for what a plan changes");
}

static int list_member(void *context, const struct mg_set_member *member, bool added)
{
	struct listing *listing = context;
	uint32_t *count = added ? &listing->added_count : &listing->removed_count;
	char text[MG_SET_MEMBER_TEXT];
	const char *copy;

	if (*count == (added ? listing->most_added : listing->most_removed))
		return 0;
	mg_set_member_text(listing->family, member, text);
	copy = mg_arena_string(listing->arena, text);
	if (!copy)
		return -ENOMEM;
	(added ? listing->added : listing->removed)[(*count)++] = copy;
	return 0;
}

static uint32_t at_most(uint32_t count, bool all)
{
	return all || count < MOST_LISTED ? count : MOST_LISTED;
}

static const char **take_texts(struct mg_arena *arena, uint32_t count)
{
	return mg_arena_take(arena, (count + 1) * sizeof(char *));
}

static int describe(const struct mg_set_plan *set, bool all, struct mg_arena *arena,
		    struct mg_set_change *out)
{
	struct listing listing = { .arena = arena,
				   .family = set->family,
				   .most_added = at_most(set->added, all),
				   .most_removed = at_most(set->removed, all) };

	listing.added = take_texts(arena, listing.most_added);
	listing.removed = take_texts(arena, listing.most_removed);
	if (!listing.added || !listing.removed)
		return -ENOMEM;
	if ((set->added || set->removed) && mg_set_plan_members(set, list_member, &listing))
		return -ENOMEM;
	*out = (struct mg_set_change){
		.family = set->family,
		.name = set->name,
		.type = set->type,
		.live = *set->live ? set->live : NULL,
		.live_type = *set->live ? set->live_type : NULL,
		.origin = set->origin,
		.created = !*set->live,
		.removed = !set->is_wanted,
		.changed = set->is_changed,
		.count = set->is_wanted ? set->count : 0,
		.added_count = set->added,
		.removed_count = set->removed,
		.added = listing.added,
		.removed_members = listing.removed,
		.added_listed = listing.added_count,
		.removed_listed = listing.removed_count,
	};
	return 0;
}

int mg_set_changes_make(const struct mg_plan *plan, bool all, struct mg_set_changes **out,
			struct mg_error *error)
{
	const size_t count = plan->sets ? plan->sets->count : 0;
	struct mg_set_changes *changes = calloc(1, sizeof(*changes));
	size_t i;
	int err = 0;

	if (!changes)
		return no_memory(error);
	changes->items = calloc(count + 1, sizeof(*changes->items));
	if (!changes->items)
		err = -ENOMEM;
	for (i = 0; i < count && !err; i++)
		if (all || plan->sets->items[i].is_changed)
			err = describe(&plan->sets->items[i], all, &changes->arena,
				       &changes->items[changes->count++]);
	if (err) {
		mg_set_changes_free(changes);
		return no_memory(error);
	}
	*out = changes;
	return 0;
}

size_t mg_set_changes_count(const struct mg_set_changes *changes)
{
	return changes->count;
}

const struct mg_set_change *mg_set_changes_at(const struct mg_set_changes *changes, size_t index)
{
	return &changes->items[index];
}

void mg_set_changes_free(struct mg_set_changes *changes)
{
	if (!changes)
		return;
	free(changes->items);
	mg_arena_clear(&changes->arena);
	free(changes);
}
