/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From an edited table to an image, and to the kernel.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edit.h"
#include "equal.h"
#include "lock.h"
#include "print.h"
#include "ruleset/failure.h"
#include "set_rules.h"
#include "trial.h"

static int no_memory(struct mg_error *error)
{
	return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for a table");
}

static int add_chain(const struct mg_edit *edit, const struct mg_edit_chain *from,
		     struct mg_image *image, struct mg_error *error)
{
	struct mg_image_chain *chain;
	size_t i;
	int err = mg_image_add_chain(image, from->name, &chain, error);

	if (err)
		return err;
	chain->policy = from->policy;
	chain->counters = from->counters;
	chain->recount = from->recount;
	for (i = 0; i < from->count && !err; i++)
		err = mg_image_add_entry(image, chain, &edit->rules[from->rules[i]].entry, error);
	return err;
}

/* By entry of what was read: where it is in @live, whose chains may lie in another order. */
static uint32_t *live_indices(const struct mg_edit *edit, const struct mg_image *live)
{
	uint32_t *indices = calloc(edit->live->entry_count + 1, sizeof(*indices)), j;
	size_t i;

	for (i = 0; indices && i < edit->live->chain_count; i++) {
		const struct mg_image_chain *chain = &edit->live->chains[i];

		for (j = 0; j < chain->count; j++)
			indices[chain->first + j] = live->chains[i].first + j;
	}
	return indices;
}

/* Where each entry of @image comes from in @live, which is equal to what was read. */
static int make_sources(const struct mg_edit *edit, const struct mg_image *live,
			const struct mg_image *image, struct mg_source **out,
			struct mg_error *error)
{
	struct mg_source *sources = calloc(image->entry_count + 1, sizeof(*sources));
	uint32_t *indices = live_indices(edit, live);
	size_t i, j, at = 0;

	if (!sources || !indices) {
		free(sources);
		free(indices);
		return no_memory(error);
	}
	for (i = 0; i < edit->chain_count; i++)
		for (j = 0; j < edit->chains[i]->count; j++) {
			const struct mg_edit_rule *rule = &edit->rules[edit->chains[i]->rules[j]];

			sources[at++].live = rule->live == MG_NO_RULE ? MG_NO_RULE
								      : indices[rule->live];
		}
	free(indices);
	*out = sources;
	return 0;
}

int mg_edit_image(const struct mg_edit *edit, struct mg_image **out, struct mg_error *error)
{
	struct mg_image *image;
	size_t i;
	int err = mg_image_new(edit->live->family, edit->live->table, &image, error);

	if (err)
		return err;
	for (i = 0; i < edit->chain_count && !err; i++)
		err = add_chain(edit, edit->chains[i], image, error);
	if (err) {
		mg_image_free(image);
		return err;
	}
	*out = image;
	return 0;
}

/* Is every chain and every rule where it was, with its counters? */
static bool is_unchanged(const struct mg_edit *edit)
{
	const struct mg_image *live = edit->live;
	size_t i, j;

	if (edit->chain_count != live->chain_count)
		return false;
	for (i = 0; i < edit->chain_count; i++) {
		const struct mg_edit_chain *chain = edit->chains[i];
		const struct mg_image_chain *was = &live->chains[i];

		if (strcmp(chain->name, was->name) != 0 || chain->count != was->count ||
		    chain->recount || (chain->built_in && strcmp(chain->policy, was->policy) != 0))
			return false;
		for (j = 0; j < chain->count; j++)
			if (edit->rules[chain->rules[j]].live != was->first + j)
				return false;
	}
	return true;
}

static void add_place(const struct mg_image *image, size_t entry, struct mg_error *error)
{
	const struct mg_image_chain *chain;
	const char *text;
	char place[256];
	size_t i;

	if (mg_entry_text(mg_family_ops(image->family), &image->entries[entry], &text, NULL))
		return;
	for (i = 0; i < image->chain_count; i++) {
		chain = &image->chains[i];
		if (entry < chain->first || entry - chain->first >= chain->count)
			continue;
		snprintf(place, sizeof(place), "rule %zu of %s (%.160s)", entry - chain->first + 1,
			 chain->name, text);
		mg_error_prefix(error, place);
	}
}

/* Looking for a set that is not there. */
struct asking {
	const struct mg_family_ops *ops;
	struct mg_set_binding binding; /* asks the kernel once for each name */
};

static int ask_for_set(void *context, struct xt_set_info *info)
{
	struct asking *asking = context;

	return mg_set_bind_number(&asking->binding, asking->ops, info->index);
}

/* The first entry with a set that is not there; SIZE_MAX without one. */
static size_t find_missing_set(const struct mg_image *image)
{
	struct asking asking = {
		.ops = mg_family_ops(image->family),
		.binding = { .aliases = image->sets },
	};
	size_t i, found = SIZE_MAX;

	for (i = 0; i < image->entry_count && found == SIZE_MAX; i++)
		if (mg_set_rules_each(asking.ops, image->entries[i].bytes, ask_for_set, &asking) ==
		    -ENOENT)
			found = i;
	mg_set_binding_end(&asking.binding);
	return found;
}

/* A refused commit names no rule: ask again where nobody is harmed, and name it. */
static void blame(const struct mg_image *image, int err, struct mg_error *error)
{
	struct mg_error found;
	size_t culprit, entry = SIZE_MAX;

	if (!error)
		return;
	if (err == -ENOENT && error->status == MG_INVALID)
		entry = find_missing_set(image);
	else if (error->status == MG_KERNEL &&
		 (mg_trial(&image, 1, &culprit, &entry, &found) == 0 || found.status != MG_KERNEL))
		entry = SIZE_MAX;
	if (entry < image->entry_count)
		add_place(image, entry, error);
}

static int write_over(const struct mg_edit *edit, const struct mg_image *now,
		      struct mg_error *error)
{
	struct mg_source *sources = NULL;
	struct mg_image *image = NULL;
	int err;

	/* same chains in the same order, whatever the order of their bytes */
	if (!mg_image_equal(now, edit->live))
		return mg_fail(error, -EAGAIN, MG_BUSY,
			       "somebody else changed the %s table %s since it was read: "
			       "open it again",
			       mg_family_ops(now->family)->name, now->table);
	if (is_unchanged(edit))
		return 0;
	err = mg_edit_image(edit, &image, error);
	if (!err)
		err = make_sources(edit, now, image, &sources, error);
	if (!err)
		err = mg_table_write(now, image, sources, NULL, error);
	if (err && image)
		blame(image, err, error);
	free(sources);
	mg_image_free(image);
	return err;
}

int mg_edit_commit(const struct mg_edit *edit, double seconds, struct mg_error *error)
{
	struct mg_image *now = NULL;
	int lock = -1;
	int err = mg_xtables_lock(seconds, &lock, error);

	if (err == -EBUSY)
		return mg_fail(error, err, MG_BUSY,
			       "another program holds the xtables lock; waited %g seconds",
			       seconds);
	if (err)
		return err;
	err = mg_table_read(edit->live->family, edit->live->table, &now, error);
	if (!err)
		err = write_over(edit, now, error);
	mg_image_free(now);
	mg_xtables_unlock(lock);
	return err;
}
