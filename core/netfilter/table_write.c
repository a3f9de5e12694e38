/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From an image to a table in one piece, which takes the place of the old one
 * in one step: there is no moment between. The layout is told in table_read.c.
 *
 * The kernel sets all counters of a new table to zero and hands over the old
 * table's as they were when it was taken out; what belongs to rules that stay
 * is added then. Nothing that was counted meanwhile is lost.
 */
#include "table.h"

#include <errno.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipset.h"
#include "ruleset/failure.h"
#include "set_rules.h"
#include "verdicts.h"
#include "xt_socket.h"

/* Where a chain lies in the new table. */
struct place {
	uint32_t start;	 /* offset of its first rule */
	uint32_t number; /* of that rule, counted over the table */
	uint32_t count;	 /* rules that are written */
	uint32_t end;	 /* offset of what follows them: the policy, or the RETURN */
};

struct writing {
	const struct mg_family_ops *ops;
	const struct mg_image *live; /* NULL: nothing is there but policies */
	const struct mg_image *wanted;
	const struct mg_source *sources; /* where @live is given */
	struct ipt_getinfo info;
	struct place *places; /* by chain of @wanted */
	uint32_t size, entries;
	struct ipt_replace *replace;
	struct xt_counters *old;
	struct mg_set_binding sets;
};

static size_t verdict_entry_size(const struct writing *writing)
{
	return writing->ops->entry_size + XT_ALIGN(sizeof(struct xt_standard_target));
}

static size_t error_entry_size(const struct writing *writing)
{
	return writing->ops->entry_size + XT_ALIGN(sizeof(struct xt_error_target));
}

static uint32_t entry_size(const struct writing *writing, const struct mg_entry *entry)
{
	struct mg_entry_view view;

	writing->ops->view((void *)entry->bytes, &view);
	return *view.next_offset;
}

/* Decide what lies where. */
static int lay_out(struct writing *writing, size_t limit)
{
	const struct mg_image *wanted = writing->wanted;
	uint64_t offset = 0;
	uint32_t number = 0, j;
	size_t i;

	writing->places = calloc(wanted->chain_count + 1, sizeof(*writing->places));
	if (!writing->places)
		return -ENOMEM;
	for (i = 0; i < wanted->chain_count; i++) {
		const struct mg_image_chain *chain = &wanted->chains[i];
		struct place *place = &writing->places[i];

		if (!chain->built_in) {
			offset += error_entry_size(writing);
			number++;
		}
		place->start = (uint32_t)offset;
		place->number = number;
		place->count = (uint32_t)(chain->count < limit ? chain->count : limit);
		for (j = 0; j < place->count; j++)
			offset += entry_size(writing, &wanted->entries[chain->first + j]);
		limit -= place->count;
		number += place->count + 1;
		place->end = (uint32_t)offset;
		offset += verdict_entry_size(writing);
		if (offset > INT32_MAX) /* jumps are offsets, and verdicts are negative */
			return -E2BIG;
	}
	writing->size = (uint32_t)(offset + error_entry_size(writing));
	writing->entries = number + 1;
	return 0;
}

static void *at_offset(const struct writing *writing, uint32_t offset)
{
	return (unsigned char *)writing->replace->entries + offset;
}

/* An entry without matches, whose target has @size bytes, which are zero. */
static struct xt_entry_target *put_head(const struct writing *writing, uint32_t offset, size_t size)
{
	const size_t head = writing->ops->entry_size;
	struct mg_entry_view view;
	struct xt_entry_target *target;

	memset(at_offset(writing, offset), 0, head + XT_ALIGN(size));
	writing->ops->view(at_offset(writing, offset), &view);
	*view.target_offset = (uint16_t)head;
	*view.next_offset = (uint16_t)(head + XT_ALIGN(size));
	target = mg_entry_target(&view, writing->ops);
	target->u.target_size = (uint16_t)XT_ALIGN(size);
	return target;
}

static void put_verdict(const struct writing *writing, uint32_t offset, int verdict)
{
	struct xt_entry_target *target = put_head(writing, offset,
						  sizeof(struct xt_standard_target));

	((struct xt_standard_target *)target)->verdict = verdict;
}

/* What a chain begins with, and the table ends with. */
static void put_error(const struct writing *writing, uint32_t offset, const char *name)
{
	struct xt_entry_target *target = put_head(writing, offset, sizeof(struct xt_error_target));

	strcpy(target->u.user.name, XT_ERROR_TARGET);
	strcpy(((struct xt_error_target *)target)->errorname, name);
}

/* What a target of a verdict, a jump or nothing says at @offset. */
static int standard_verdict(const struct writing *writing, const char *target, uint32_t next,
			    int *verdict)
{
	const struct mg_image_chain *chain;

	*verdict = mg_verdict_number(target);
	if (!*target)
		*verdict = (int)next;
	if (*verdict)
		return 0;
	chain = mg_image_find(writing->wanted, target);
	if (!chain || chain->built_in)
		return -ENOENT;
	*verdict = (int)writing->places[chain - writing->wanted->chains].start;
	return 0;
}

static int put_rule(struct writing *writing, uint32_t *offset, const struct mg_entry *entry)
{
	void *bytes = at_offset(writing, *offset);
	struct mg_entry_view view;
	struct xt_standard_target *target;
	const uint32_t size = entry_size(writing, entry);
	int err;

	memcpy(bytes, entry->bytes, size);
	*offset += size;
	err = mg_set_bind(&writing->sets, writing->ops, bytes);
	if (err)
		return err;
	if (!entry->standard)
		return 0;
	writing->ops->view(bytes, &view);
	target = (struct xt_standard_target *)mg_entry_target(&view, writing->ops);
	memset(target->target.u.user.name, 0, sizeof(target->target.u.user.name));
	target->target.u.user.revision = 0;
	return standard_verdict(writing, entry->target, *offset, &target->verdict);
}

static int put_chain(struct writing *writing, size_t index)
{
	const struct mg_image_chain *chain = &writing->wanted->chains[index];
	const struct place *place = &writing->places[index];
	const int hook = chain->built_in ? mg_hook_number(chain->name) : -1;
	uint32_t offset = place->start, i;
	int err = 0;

	if (!chain->built_in) {
		put_error(writing, offset - (uint32_t)error_entry_size(writing), chain->name);
	} else {
		if (hook < 0 || !(writing->info.valid_hooks & 1U << hook))
			return -ENOENT;
		writing->replace->hook_entry[hook] = place->start;
		writing->replace->underflow[hook] = place->end;
	}
	for (i = 0; i < place->count && !err; i++)
		err = put_rule(writing, &offset, &writing->wanted->entries[chain->first + i]);
	put_verdict(writing, place->end,
		    chain->built_in ? mg_verdict_number(chain->policy) : XT_RETURN);
	return err;
}

static int put_all(struct writing *writing)
{
	struct ipt_replace *replace = malloc(sizeof(*replace) + writing->size);
	size_t i;
	int err = 0;

	writing->replace = replace;
	writing->old = calloc((size_t)writing->info.num_entries + 1, sizeof(*writing->old));
	if (!replace || !writing->old)
		return -ENOMEM;
	memset(replace, 0, sizeof(*replace));
	memcpy(replace->name, writing->info.name, sizeof(replace->name));
	replace->valid_hooks = writing->info.valid_hooks;
	replace->num_entries = writing->entries;
	replace->size = writing->size;
	replace->num_counters = writing->info.num_entries;
	replace->counters = writing->old;
	for (i = 0; i < writing->wanted->chain_count && !err; i++)
		err = put_chain(writing, i);
	put_error(writing, writing->size - (uint32_t)error_entry_size(writing), XT_ERROR_TARGET);
	return err;
}

/* By entry of the live image: which the kernel counts it as. NULL without memory. */
static uint32_t *live_numbers(const struct mg_image *live)
{
	uint32_t *numbers = calloc(live->entry_count + 1, sizeof(*numbers)), j;
	size_t i;

	for (i = 0; numbers && i < live->chain_count; i++)
		for (j = 0; j < live->chains[i].count; j++)
			numbers[live->chains[i].first + j] = live->chains[i].number + j;
	return numbers;
}

/* What the rules of a chain had counted goes to where they are now. @numbers: NULL for none. */
static void carry_rules(const struct writing *writing, size_t index, const uint32_t *numbers,
			struct xt_counters *counters)
{
	const struct mg_image_chain *chain = &writing->wanted->chains[index];
	const struct place *place = &writing->places[index];
	struct mg_entry_view view;
	uint32_t i, live;

	for (i = 0; i < place->count; i++) {
		live = numbers ? writing->sources[chain->first + i].live : MG_NO_RULE;
		if (live != MG_NO_RULE) {
			counters[place->number + i] = writing->old[numbers[live]];
			continue;
		}
		writing->ops->view((void *)writing->wanted->entries[chain->first + i].bytes, &view);
		counters[place->number + i] = *view.counters;
	}
}

/* A built-in chain is always there; its policy goes on counting, also as another one. */
static void carry_policy(const struct writing *writing, size_t index, struct xt_counters *counters)
{
	const struct mg_image_chain *chain = &writing->wanted->chains[index], *before = NULL;

	if (chain->built_in && writing->live && !writing->live->absent)
		before = mg_image_find(writing->live, chain->name);
	if (chain->recount)
		counters[writing->places[index].number + chain->count] = chain->counters;
	else if (before)
		counters[writing->places[index].number + chain->count] =
			writing->old[before->number + before->count];
}

static int add_counters(const struct writing *writing, int fd)
{
	struct xt_counters_info *info =
		calloc(1, sizeof(*info) + sizeof(*info->counters) * writing->entries);
	uint32_t *numbers = writing->live ? live_numbers(writing->live) : NULL;
	size_t i;
	int err = -ENOMEM;

	if (!info || (writing->live && !numbers))
		goto out;
	memcpy(info->name, writing->info.name, sizeof(info->name));
	info->num_counters = writing->entries;
	for (i = 0; i < writing->wanted->chain_count; i++) {
		carry_rules(writing, i, numbers, info->counters);
		carry_policy(writing, i, info->counters);
	}
	err = mg_xt_add_counters(fd, writing->ops, info);
	/* all that the kernel has against counters is that there are as many entries no more */
	if (err == -EINVAL)
		err = -EAGAIN;
out:
	free(numbers);
	free(info);
	return err;
}

/* How many entries has a table with nothing in it? A policy for each hook, and the last. */
static uint32_t entries_of_empty(const struct ipt_getinfo *info)
{
	return (uint32_t)__builtin_popcount(info->valid_hooks) + 1;
}

static int commit(struct writing *writing, size_t limit, bool *touched)
{
	const struct mg_image *live = writing->live;
	int err, fd = mg_xt_open(writing->ops);

	if (fd < 0)
		return fd;
	err = mg_xt_info(fd, writing->ops, writing->wanted->table, &writing->info);
	/* the kernel itself looks at the number of entries only, when it takes the new table */
	if (!err && live &&
	    writing->info.num_entries !=
		    (live->absent ? entries_of_empty(&writing->info) : live->kernel_entries))
		err = -EAGAIN;
	if (!err)
		err = lay_out(writing, limit);
	if (!err)
		err = put_all(writing);
	if (!err) {
		if (touched) /* first: whoever is killed in the call cannot say what it did */
			*touched = true;
		err = mg_xt_replace(fd, writing->ops, writing->replace);
		/* a table that the kernel has not taken may be somebody else's new one */
		if (err && touched)
			*touched = false;
		if (!err)
			err = add_counters(writing, fd);
	}
	close(fd);
	free(writing->places);
	free(writing->old);
	free(writing->replace);
	mg_set_binding_end(&writing->sets);
	return err;
}

int mg_table_write(const struct mg_image *live, const struct mg_image *wanted,
		   const struct mg_source *sources, bool *touched, struct mg_error *error)
{
	struct writing writing = {
		.ops = mg_family_ops(live->family),
		.live = live,
		.wanted = wanted,
		.sources = sources,
		.sets = { .aliases = wanted->sets },
	};
	int err = commit(&writing, SIZE_MAX, touched);

	if (err == -EAGAIN)
		return mg_fail(error, err, MG_BUSY,
			       "somebody else changed the %s table %s at the same moment",
			       writing.ops->name, live->table);
	if (*writing.sets.missing)
		return mg_set_missing(&writing.sets, writing.ops, error);
	return err ? mg_xt_failed(writing.ops, live->table, "write", err, error) : 0;
}

int mg_table_fill(const struct mg_image *wanted, size_t limit)
{
	struct writing writing = {
		.ops = mg_family_ops(wanted->family),
		.wanted = wanted,
		.sets = { .make = mg_ipset_make_empty },
	};

	return commit(&writing, limit, NULL);
}
