/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The diff of two images, chain by chain: common head and tail first, then
 * the longest common subsequence of what is between, then moves.
 */
#include "diff.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "netfilter/equal.h"
#include "netfilter/print.h"
#include "ruleset/failure.h"
#include "sequence.h"

/* The two stretches that differ, and a number for each distinct rule in them. */
struct stretch {
	const struct mg_family_ops *ops;
	const struct mg_image *live, *wanted;
	uint32_t live_first, live_count;
	uint32_t wanted_first, wanted_count;
	uint32_t *live_symbols, *wanted_symbols;
	uint32_t symbols;
};

/* A table of distinct rules, open addressing by hash. */
struct known {
	struct slot {
		const struct mg_entry *entry;
		uint64_t hash;
		uint32_t number;
	} * slots;
	size_t mask;
};

static uint32_t number_of(struct stretch *stretch, struct known *known,
			  const struct mg_entry *entry)
{
	const uint64_t hash = mg_entry_hash(stretch->ops, entry);
	struct slot *slot;
	size_t at;

	for (at = hash & known->mask;; at = (at + 1) & known->mask) {
		slot = &known->slots[at];
		if (!slot->entry)
			break;
		if (slot->hash == hash && mg_entry_same(stretch->ops, slot->entry, entry))
			return slot->number;
	}
	*slot = (struct slot){ entry, hash, stretch->symbols++ };
	return slot->number;
}

static int number_rules(struct stretch *stretch)
{
	size_t total = (size_t)stretch->live_count + stretch->wanted_count, slots = 16;
	struct known known;
	uint32_t i;

	while (slots < total * 2)
		slots *= 2;
	known.mask = slots - 1;
	known.slots = calloc(slots, sizeof(*known.slots));
	stretch->live_symbols = calloc(total + 1, sizeof(uint32_t));
	if (!known.slots || !stretch->live_symbols) {
		free(known.slots);
		return -ENOMEM;
	}
	stretch->wanted_symbols = stretch->live_symbols + stretch->live_count;
	for (i = 0; i < stretch->live_count; i++)
		stretch->live_symbols[i] =
			number_of(stretch, &known,
				  &stretch->live->entries[stretch->live_first + i]);
	for (i = 0; i < stretch->wanted_count; i++)
		stretch->wanted_symbols[i] =
			number_of(stretch, &known,
				  &stretch->wanted->entries[stretch->wanted_first + i]);
	free(known.slots);
	return 0;
}

/* A distinct rule, which may be another one in other bytes. */
struct like {
	const struct mg_entry *entry; /* the first of them */
	uint64_t frame;		      /* equal for those that may be the same */
	char *text;		      /* NULL: it has nothing but its bytes */
	uint32_t symbol;
};

static int by_frame(const void *a, const void *b)
{
	const struct like *x = a, *y = b;

	return (x->frame > y->frame) - (x->frame < y->frame);
}

static int by_text(const void *a, const void *b)
{
	const struct like *x = a, *y = b;
	int order = x->text && y->text ? strcmp(x->text, y->text) : !x->text - !y->text;

	return order ? order : (x->symbol > y->symbol) - (x->symbol < y->symbol);
}

static void list_likes(const struct stretch *stretch, const struct mg_entry *entries,
		       const uint32_t *symbols, uint32_t count, struct like *likes)
{
	uint32_t i;

	for (i = 0; i < count; i++) {
		struct like *like = &likes[symbols[i]];

		if (!like->entry)
			*like = (struct like){ .entry = &entries[i],
					       .frame = mg_entry_frame_hash(stretch->ops,
									    &entries[i]),
					       .symbol = symbols[i] };
	}
}

static int read_texts(const struct stretch *stretch, struct like *likes, size_t count)
{
	const char *text;
	size_t i;

	for (i = 0; i < count; i++) {
		if (mg_entry_text(stretch->ops, likes[i].entry, &text, NULL) ||
		    !mg_text_tells_all(text))
			continue;
		likes[i].text = strdup(text);
		if (!likes[i].text)
			return -ENOMEM;
	}
	return 0;
}

/* Rules of different bytes and equal text get one number: the smallest. */
static void unify(const struct stretch *stretch, const struct like *likes, size_t count,
		  uint32_t *renamed)
{
	size_t i;

	for (i = 1; i < count && likes[i].text; i++)
		if (strcmp(likes[i].text, likes[i - 1].text) == 0 &&
		    mg_entry_equal(stretch->ops, likes[i].entry, likes[i - 1].entry))
			renamed[likes[i].symbol] = renamed[likes[i - 1].symbol];
}

/* Look at the texts only where the frames leave it open. @likes: by frame */
static int unify_frames(const struct stretch *stretch, struct like *likes, uint32_t *renamed)
{
	size_t first, end;
	int err = 0;

	for (first = 0; first < stretch->symbols && !err; first = end) {
		for (end = first + 1;
		     end < stretch->symbols && likes[end].frame == likes[first].frame; end++)
			;
		if (end == first + 1)
			continue;
		err = read_texts(stretch, &likes[first], end - first);
		qsort(&likes[first], end - first, sizeof(*likes), by_text);
		if (!err)
			unify(stretch, &likes[first], end - first, renamed);
	}
	return err;
}

static int unify_by_text(struct stretch *stretch)
{
	struct like *likes = calloc((size_t)stretch->symbols + 1, sizeof(*likes));
	uint32_t *renamed = calloc((size_t)stretch->symbols + 1, sizeof(*renamed));
	const size_t total = (size_t)stretch->live_count + stretch->wanted_count;
	int err = -ENOMEM;
	size_t i;

	if (!likes || !renamed)
		goto out;
	for (i = 0; i < stretch->symbols; i++)
		renamed[i] = (uint32_t)i;
	list_likes(stretch, &stretch->live->entries[stretch->live_first], stretch->live_symbols,
		   stretch->live_count, likes);
	list_likes(stretch, &stretch->wanted->entries[stretch->wanted_first],
		   stretch->wanted_symbols, stretch->wanted_count, likes);
	qsort(likes, stretch->symbols, sizeof(*likes), by_frame);
	err = unify_frames(stretch, likes, renamed);
	for (i = 0; i < total; i++) /* those wanted lie behind those live */
		stretch->live_symbols[i] = renamed[stretch->live_symbols[i]];
out:
	for (i = 0; likes && i < stretch->symbols; i++)
		free(likes[i].text);
	free(likes);
	free(renamed);
	return err;
}

static void keep(struct mg_diff *diff, uint32_t live, uint32_t wanted)
{
	diff->sources[wanted] = (struct mg_source){ .live = live, .kept = true };
	diff->fates[live] = MG_KEPT;
	diff->kept++;
}

/* Rules that are in both stretches but out of order: pair them, first come first served. */
static int find_moves(struct mg_diff *diff, const struct stretch *stretch)
{
	uint32_t *next = malloc(((size_t)stretch->live_count + 1) * sizeof(*next));
	uint32_t *head = malloc(((size_t)stretch->symbols + 1) * sizeof(*head));
	uint32_t i;

	if (!next || !head) {
		free(next);
		free(head);
		return -ENOMEM;
	}
	memset(head, 0xFF, ((size_t)stretch->symbols + 1) * sizeof(*head));
	for (i = stretch->live_count; i-- > 0;) {
		if (diff->fates[stretch->live_first + i] != MG_REMOVED)
			continue;
		next[i] = head[stretch->live_symbols[i]];
		head[stretch->live_symbols[i]] = i;
	}
	for (i = 0; i < stretch->wanted_count; i++) {
		struct mg_source *source = &diff->sources[stretch->wanted_first + i];
		uint32_t from = head[stretch->wanted_symbols[i]];

		if (source->kept || from == UINT32_MAX)
			continue;
		head[stretch->wanted_symbols[i]] = next[from];
		source->live = stretch->live_first + from;
		diff->fates[source->live] = MG_MOVED;
		diff->moved++;
	}
	free(next);
	free(head);
	return 0;
}

static int diff_stretch(struct mg_diff *diff, struct stretch *stretch)
{
	uint32_t *match = NULL;
	uint32_t i;
	int err;

	if (!stretch->live_count || !stretch->wanted_count)
		return 0;
	err = number_rules(stretch);
	if (!err)
		err = unify_by_text(stretch);
	if (!err) {
		match = malloc(stretch->wanted_count * sizeof(*match));
		err = match ? 0 : -ENOMEM;
	}
	if (!err)
		err = mg_longest_common(stretch->live_symbols, stretch->live_count,
					stretch->wanted_symbols, stretch->wanted_count,
					stretch->symbols, match);
	for (i = 0; i < stretch->wanted_count && !err; i++)
		if (match[i] != MG_NOT_MATCHED)
			keep(diff, stretch->live_first + match[i], stretch->wanted_first + i);
	if (!err)
		err = find_moves(diff, stretch);
	free(match);
	free(stretch->live_symbols);
	return err;
}

static bool same(const struct stretch *stretch, uint32_t live, uint32_t wanted)
{
	return mg_entry_equal(stretch->ops, &stretch->live->entries[live],
			      &stretch->wanted->entries[wanted]);
}

static int diff_chain(struct mg_diff *diff, const struct mg_image *live,
		      const struct mg_image_chain *old, const struct mg_image *wanted,
		      const struct mg_image_chain *new)
{
	struct stretch stretch = {
		.ops = mg_family_ops(live->family),
		.live = live,
		.wanted = wanted,
		.live_first = old->first,
		.live_count = old->count,
		.wanted_first = new->first,
		.wanted_count = new->count,
	};

	while (stretch.live_count && stretch.wanted_count &&
	       same(&stretch, stretch.live_first, stretch.wanted_first)) {
		keep(diff, stretch.live_first++, stretch.wanted_first++);
		stretch.live_count--;
		stretch.wanted_count--;
	}
	while (stretch.live_count && stretch.wanted_count &&
	       same(&stretch, stretch.live_first + stretch.live_count - 1,
		    stretch.wanted_first + stretch.wanted_count - 1)) {
		stretch.live_count--;
		stretch.wanted_count--;
		keep(diff, stretch.live_first + stretch.live_count,
		     stretch.wanted_first + stretch.wanted_count);
	}
	return diff_stretch(diff, &stretch);
}

static int compare_chains(struct mg_diff *diff, const struct mg_image *live,
			  const struct mg_image *wanted)
{
	size_t i;
	int err = 0;

	for (i = 0; i < wanted->chain_count && !err; i++) {
		const struct mg_image_chain *new = &wanted->chains[i];
		const struct mg_image_chain *old = mg_image_find(live, new->name);

		if (!old) {
			diff->chains_added++;
			continue;
		}
		if (new->built_in && strcmp(old->policy, new->policy) != 0)
			diff->policies_changed++;
		err = diff_chain(diff, live, old, wanted, new);
	}
	for (i = 0; i < live->chain_count; i++)
		if (!mg_image_find(wanted, live->chains[i].name))
			diff->chains_removed++;
	return err;
}

int mg_diff_make(const struct mg_image *live, const struct mg_image *wanted, struct mg_diff **out,
		 struct mg_error *error)
{
	struct mg_diff *diff = calloc(1, sizeof(*diff));
	size_t i;
	int err = -ENOMEM;

	if (!diff)
		goto out;
	diff->sources = calloc(wanted->entry_count + 1, sizeof(*diff->sources));
	diff->fates = calloc(live->entry_count + 1, sizeof(*diff->fates));
	if (!diff->sources || !diff->fates)
		goto out;
	for (i = 0; i < wanted->entry_count; i++)
		diff->sources[i].live = MG_NO_RULE;
	err = compare_chains(diff, live, wanted);
	diff->added = wanted->entry_count - diff->kept - diff->moved;
	diff->removed = live->entry_count - diff->kept - diff->moved;
out:
	if (err) {
		mg_diff_free(diff);
		return mg_fail(error, err, MG_ENVIRONMENT, "out of memory for a diff");
	}
	*out = diff;
	return 0;
}

void mg_diff_free(struct mg_diff *diff)
{
	if (!diff)
		return;
	free(diff->sources);
	free(diff->fates);
	free(diff);
}

bool mg_diff_is_empty(const struct mg_diff *diff)
{
	return !(diff->added || diff->removed || diff->moved || diff->chains_added ||
		 diff->chains_removed || diff->policies_changed);
}
