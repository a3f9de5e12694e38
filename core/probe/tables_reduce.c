/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From what will be live to what is loaded to judge. See tables.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "judged.h"
#include "tables.h"

struct reducing {
	const struct mg_family_ops *ops;
	const struct mg_reach *reach;
	const bool *protocols;
	const struct mg_probe_memory *memory;
	struct mg_probe_table *table;
};

/* May a packet be of this rule's protocol and addresses? */
static bool concerns(const struct reducing *reducing, const struct mg_entry_view *view)
{
	if (*view->protocol && !(*view->inverse & MG_NOT_PROTOCOL) &&
	    !reducing->protocols[*view->protocol & 0xff])
		return false;
	if (!(*view->inverse & MG_NOT_SOURCE) &&
	    !mg_reach_meets(reducing->reach, view->source, view->source_mask))
		return false;
	return (*view->inverse & MG_NOT_DESTINATION) ||
	       mg_reach_meets(reducing->reach, view->destination, view->destination_mask);
}

/* What the live namespace remembers of whoever comes. */
static bool is_remembered(const struct reducing *reducing, const struct mg_memory *memory)
{
	char path[320];

	if (!memory->folder || !reducing->memory)
		return false;
	snprintf(path, sizeof(path), "/proc/net/%s/%s", memory->folder, memory->name);
	return reducing->memory->met(reducing->memory->context, reducing->ops->family, path);
}

/* Which of a rule's matches are not the kernel's to judge, and what follows. */
struct finding {
	bool strips;
	struct mg_probe_rule rule;
};

static void look_at_matches(const struct reducing *reducing, const struct mg_entry_view *view,
			    const struct xt_entry_target *target, struct finding *out)
{
	const unsigned char *at;
	struct mg_memory memory;

	out->rule.quietly = true;
	for (at = view->elements; at < (const unsigned char *)target;
	     at += ((const struct xt_entry_match *)at)->u.match_size) {
		const enum mg_judged judged = mg_judge_match((const void *)at,
							     reducing->ops->family, &memory);

		if (judged == MG_JUDGED_BY_KERNEL)
			continue;
		out->strips = true;
		if (is_remembered(reducing, &memory))
			out->rule.remembered = true;
		out->rule.hinges |= judged != MG_JUDGED_TRUE;
		out->rule.quietly &= judged != MG_JUDGED_NOT;
	}
	/* a limit that is not reached by the quiet, and he has not been */
	out->rule.hinges |= out->rule.remembered;
}

/* The rule without the matches that are not judged; with @target, or nothing, at its end. */
static void *copy_judged(const struct reducing *reducing, const struct mg_entry_view *view,
			 const struct xt_entry_target *target, bool without_target)
{
	const struct mg_family_ops *ops = reducing->ops;
	const size_t verdict = XT_ALIGN(sizeof(struct xt_standard_target));
	unsigned char *bytes = mg_arena_take(&reducing->table->reduced->arena,
					     *view->next_offset + verdict);
	const unsigned char *head = view->elements - ops->entry_size, *at;
	struct mg_entry_view copy;
	size_t size = ops->entry_size;

	if (!bytes)
		return NULL;
	memset(bytes, 0, *view->next_offset + verdict);
	memcpy(bytes, head, size);
	for (at = view->elements; at < (const unsigned char *)target;) {
		const struct xt_entry_match *match = (const void *)at;

		if (mg_judge_match(match, ops->family, NULL) == MG_JUDGED_BY_KERNEL) {
			memcpy(bytes + size, match, match->u.match_size);
			size += match->u.match_size;
		}
		at += match->u.match_size;
	}
	ops->view(bytes, &copy);
	*copy.target_offset = (uint16_t)size;
	if (without_target) {
		((struct xt_entry_target *)(bytes + size))->u.target_size = (uint16_t)verdict;
		size += verdict;
	} else {
		memcpy(bytes + size, target, target->u.target_size);
		size += target->u.target_size;
	}
	*copy.next_offset = (uint16_t)size;
	return bytes;
}

static int reduce_entry(struct reducing *reducing, uint32_t index, struct mg_image_chain *chain)
{
	const struct mg_entry *entry = &reducing->table->image->entries[index];
	struct finding found = { .rule = { .from = index } };
	const struct xt_entry_target *target;
	struct mg_entry copy = *entry;
	struct mg_entry_view view;
	bool silent;

	reducing->ops->view((void *)entry->bytes, &view);
	if (!concerns(reducing, &view))
		return 0;
	target = mg_entry_target(&view, reducing->ops);
	look_at_matches(reducing, &view, target, &found);
	/* "-j QUEUE", and targets that only a program can answer for */
	if (mg_effect_of(entry) == MG_EFFECT_UNKNOWN &&
	    (!entry->standard || strcmp(entry->target, "QUEUE") == 0)) {
		found.rule.hinges = true;
		found.rule.quietly = false;
	}
	silent = found.rule.hinges || mg_is_only_telling(entry);
	if (found.strips || silent) {
		copy.bytes = copy_judged(reducing, &view, target, silent);
		if (!copy.bytes)
			return -ENOMEM;
	}
	if (silent) {
		copy.standard = true;
		copy.target = "";
	}
	reducing->table->rules[reducing->table->reduced->entry_count] = found.rule;
	return mg_image_add_entry(reducing->table->reduced, chain, &copy, NULL);
}

static int reduce_chain(struct reducing *reducing, const struct mg_image_chain *from)
{
	struct mg_image *reduced = reducing->table->reduced;
	struct mg_image_chain *chain;
	uint32_t first, i;
	int err = mg_image_add_chain(reduced, from->name, &chain, NULL);

	if (err)
		return err;
	first = (uint32_t)reduced->entry_count;
	*chain = *from;
	chain->first = first;
	chain->count = 0;
	chain->recount = false;
	for (i = 0; i < from->count && !err; i++)
		err = reduce_entry(reducing, from->first + i, chain);
	return err;
}

static int reduce_table(struct mg_probe_tables *tables, struct mg_probe_table *table,
			const struct mg_probe_memory *memory)
{
	const struct mg_image *image = table->image;
	struct reducing reducing = {
		.ops = mg_family_ops(image->family),
		.reach = &tables->reach[image->family],
		.protocols = tables->protocols,
		.memory = memory,
		.table = table,
	};
	size_t i, slots;
	int err = mg_image_new(image->family, image->table, &table->reduced, NULL);

	table->rules = calloc(image->entry_count + 1, sizeof(*table->rules));
	if (err || !table->rules)
		return -ENOMEM;
	for (i = 0; i < image->chain_count && !err; i++)
		err = reduce_chain(&reducing, &image->chains[i]);
	slots = table->reduced->entry_count + table->reduced->chain_count;
	table->before = calloc(slots + 1, sizeof(*table->before));
	table->now = calloc(slots + 1, sizeof(*table->now));
	for (i = 0; i < table->reduced->entry_count; i++) {
		tables->hinges[image->family] |= table->rules[i].hinges;
		tables->untracks[image->family] |=
			mg_hides_from_conntrack(&table->reduced->entries[i]);
		tables->tracks[image->family] |= mg_asks_conntrack(reducing.ops,
								   &table->reduced->entries[i]);
	}
	return err ? err : table->before && table->now ? 0 : -ENOMEM;
}

/* Who gets another address can meet any rule; another source matters before INPUT only. */
static bool is_translated(const struct mg_image *image)
{
	const struct mg_image_chain *input = mg_image_find(image, "INPUT");
	const bool late = strcmp(image->table, "nat") == 0 && input && input->count;
	size_t i;

	for (i = 0; i < image->entry_count; i++) {
		const struct mg_entry *entry = &image->entries[i];

		if (mg_effect_of(entry) == MG_EFFECT_ELSEWHERE ||
		    (!entry->standard &&
		     (strcmp(entry->target, "SNPT") == 0 || (late && mg_changes_source(entry)))))
			return true;
	}
	return false;
}

static bool asks_conntrack(const struct mg_image *image)
{
	size_t i;

	for (i = 0; i < image->entry_count; i++)
		if (mg_asks_conntrack(mg_family_ops(image->family), &image->entries[i]))
			return true;
	return false;
}

int mg_probe_tables_reduce(struct mg_probe_tables *tables, const struct mg_image *const *images,
			   size_t count, const struct mg_probe_memory *memory)
{
	size_t i;
	int err = 0;

	tables->items = calloc(count + 1, sizeof(*tables->items));
	if (!tables->items)
		return -ENOMEM;
	tables->count = count;
	for (i = 0; i < count; i++) {
		const enum mg_family family = images[i]->family;

		tables->items[i].image = images[i];
		tables->reach[family].all |= is_translated(images[i]);
		tables->asks_conntrack[family] |= asks_conntrack(images[i]);
	}
	for (i = 0; i < count && !err; i++)
		if (tables->reach[images[i]->family].count)
			err = reduce_table(tables, &tables->items[i], memory);
	return err;
}

void mg_probe_tables_clear(struct mg_probe_tables *tables)
{
	size_t i;
	int family;

	for (i = 0; i < tables->count; i++) {
		mg_image_free(tables->items[i].reduced);
		free(tables->items[i].rules);
		free(tables->items[i].before);
		free(tables->items[i].now);
	}
	free(tables->items);
	for (family = 0; family < MG_FAMILIES; family++)
		mg_reach_clear(&tables->reach[family]);
	*tables = (struct mg_probe_tables){ 0 };
}
