/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the kernel's copy of a table to an image, whose entries point into the
 * copy. In it (struct ipt_get_entries):
 *  - a built-in chain begins at hook_entry and ends with the entry at
 *    underflow, whose verdict is the policy and which has its counters;
 *  - a user chain begins with an entry whose target is "ERROR" with the chain's
 *    name, and ends with a RETURN;
 *  - the last entry is another "ERROR".
 *
 * Nothing about the copy is believed before it was looked at: every length and
 * name that others use later is checked here.
 */
#include "table.h"

#include <errno.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ruleset/failure.h"
#include "ruleset/growable.h"
#include "session.h"
#include "set_rules.h"
#include "verdicts.h"
#include "xt_socket.h"

/* A chain while it is read: where it lies, and what becomes of it. */
struct found_chain {
	struct mg_image_chain chain;
	uint32_t start; /* offset of its first rule: what a jump to it says */
	unsigned int hook;
	bool open; /* its end was not seen yet */
};

struct reading {
	const struct mg_family_ops *ops;
	struct mg_image *image;
	struct ipt_getinfo info;
	const unsigned char *bytes;
	uint32_t offset, number; /* of the entry that is looked at */
	struct found_chain *chains;
	size_t chain_count, chain_capacity;
	bool has_jumps;
	bool has_sets; /* perhaps */
};

int mg_table_exists(enum mg_family family, const char *table)
{
	const struct mg_family_ops *ops = mg_family_ops(family);
	char line[XT_TABLE_MAXNAMELEN + 2];
	FILE *names = fopen(ops->tables_path, "re");
	int found = 0;

	if (!names && errno == ENOENT) /* the kernel module is not even loaded */
		return 0;
	if (!names)
		return -errno;
	while (!found && fgets(line, sizeof(line), names)) {
		line[strcspn(line, "\n")] = '\0';
		found = strcmp(line, table) == 0;
	}
	fclose(names);
	return found;
}

static int malformed(const struct reading *reading, const char *what, struct mg_error *error)
{
	return mg_fail(error, -EBADMSG, MG_KERNEL,
		       "cannot understand the %s table %s: %s at byte %u, entry %u",
		       reading->ops->name, reading->image->table, what, reading->offset,
		       reading->number);
}

static int no_memory(struct mg_error *error)
{
	return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for a table");
}

static bool is_name(const char *text, size_t size)
{
	return memchr(text, '\0', size);
}

static bool is_aligned(size_t size)
{
	return size % XT_ALIGN(1) == 0;
}

/* Do the parts of the entry lie within it, and it within the table? */
static const char *wrong_with(struct reading *reading, const struct mg_entry_view *view)
{
	const size_t head = reading->ops->entry_size;
	const size_t left = reading->info.size - reading->offset;
	const struct xt_entry_target *target;
	size_t at, end, next;

	if (left < head)
		return "the end";
	end = *view->target_offset;
	next = *view->next_offset;
	if (end < head || next > left || next < end + sizeof(*target) || !is_aligned(end) ||
	    !is_aligned(next))
		return "an entry of no sensible size";
	for (at = head; at < end;) {
		const struct xt_entry_match *match = (const void *)(view->elements + at - head);

		if (end - at < sizeof(*match) || match->u.match_size < sizeof(*match) ||
		    match->u.match_size > end - at || !is_aligned(match->u.match_size) ||
		    !is_name(match->u.user.name, sizeof(match->u.user.name)))
			return "a match of no sensible size or name";
		reading->has_sets |= mg_names_set(match->u.user.name);
		at += match->u.match_size;
	}
	target = mg_entry_target(view, reading->ops);
	if (target->u.target_size < sizeof(*target) || target->u.target_size > next - end ||
	    !is_name(target->u.user.name, sizeof(target->u.user.name)))
		return "a target of no sensible size or name";
	reading->has_sets |= mg_names_set(target->u.user.name);
	if (!target->u.user.name[0] && target->u.target_size < sizeof(struct xt_standard_target))
		return "a verdict of no sensible size";
	return NULL;
}

static struct found_chain *current(const struct reading *reading)
{
	struct found_chain *last = reading->chain_count ? &reading->chains[reading->chain_count - 1]
							: NULL;

	return last && last->open ? last : NULL;
}

/* A user chain ends where another begins: its last entry is not a rule. */
static int end_chain(struct reading *reading, struct mg_error *error)
{
	struct found_chain *found = current(reading);
	const struct mg_entry *last;

	if (!found)
		return 0;
	if (found->chain.built_in || !found->chain.count)
		return malformed(reading, "a chain without an end", error);
	last = &reading->image->entries[reading->image->entry_count - 1];
	if (!last->standard || !last->target || strcmp(last->target, "RETURN") != 0)
		return malformed(reading, "a chain without an end", error);
	reading->image->entry_count--;
	found->chain.count--;
	found->open = false;
	return 0;
}

static int begin_chain(struct reading *reading, const struct found_chain *found,
		       struct mg_error *error)
{
	int err = end_chain(reading, error);

	if (err)
		return err;
	if (mg_make_room((void **)&reading->chains, &reading->chain_capacity,
			 reading->chain_count + 1, sizeof(*found)))
		return no_memory(error);
	reading->chains[reading->chain_count] = *found;
	reading->chains[reading->chain_count++].chain.first = (uint32_t)reading->image->entry_count;
	return 0;
}

static int begin_builtin(struct reading *reading, unsigned int hook, struct mg_error *error)
{
	const struct found_chain found = {
		.chain = { .name = mg_hook_name(hook),
			   .built_in = true,
			   .number = reading->number },
		.start = reading->offset,
		.hook = hook,
		.open = true,
	};

	return begin_chain(reading, &found, error);
}

static int begin_user(struct reading *reading, const struct mg_entry_view *view,
		      struct mg_error *error)
{
	const struct xt_error_target *head = (const void *)mg_entry_target(view, reading->ops);
	const struct found_chain found = {
		.chain = { .name = head->errorname, .number = reading->number + 1 },
		.start = reading->offset + *view->next_offset,
		.open = true,
	};

	/* the kernel takes names longer than a jump to the chain could say */
	if (head->target.u.target_size < sizeof(*head) || !head->errorname[0] ||
	    !is_name(head->errorname, XT_EXTENSION_MAXNAMELEN))
		return malformed(reading, "a chain with no name that can be used", error);
	return begin_chain(reading, &found, error);
}

static int end_builtin(struct reading *reading, struct found_chain *found,
		       const struct mg_entry_view *view, struct mg_error *error)
{
	const struct xt_entry_target *target = mg_entry_target(view, reading->ops);

	if (target->u.user.name[0])
		return malformed(reading, "a policy that is no verdict", error);
	found->chain.policy = mg_verdict_name(((const struct xt_standard_target *)target)->verdict);
	if (!found->chain.policy)
		return malformed(reading, "a policy that is no verdict", error);
	found->chain.counters = *view->counters;
	found->open = false;
	return 0;
}

static int add_rule(struct reading *reading, struct found_chain *found,
		    const struct mg_entry_view *view, struct mg_error *error)
{
	const struct xt_entry_target *target = mg_entry_target(view, reading->ops);
	struct mg_image *image = reading->image;
	struct mg_entry *entry = &image->entries[image->entry_count];
	int verdict;

	if (image->entry_count == image->entry_capacity)
		return malformed(reading, "more entries than there are", error);
	*entry = (struct mg_entry){
		.bytes = reading->bytes + reading->offset,
		.target = target->u.user.name,
		.standard = !target->u.user.name[0],
		.rule = MG_NO_RULE,
	};
	if (entry->standard) {
		verdict = ((const struct xt_standard_target *)target)->verdict;
		if (verdict < 0)
			entry->target = mg_verdict_name(verdict);
		else if ((uint32_t)verdict != reading->offset + *view->next_offset)
			entry->target = NULL; /* a jump: chains further on are not known yet */
		if (verdict < 0 && !entry->target)
			return malformed(reading, "an unknown verdict", error);
		reading->has_jumps |= !entry->target;
	}
	image->entry_count++;
	found->chain.count++;
	return 0;
}

/* The hook whose chain begins here, or -1. */
static int hook_at(const struct reading *reading)
{
	unsigned int hook;

	for (hook = 0; hook < NF_INET_NUMHOOKS; hook++)
		if (reading->info.valid_hooks & 1U << hook &&
		    reading->info.hook_entry[hook] == reading->offset)
			return (int)hook;
	return -1;
}

static int read_entry(struct reading *reading, const struct mg_entry_view *view,
		      struct mg_error *error)
{
	const bool is_head = strcmp(mg_entry_target(view, reading->ops)->u.user.name,
				    XT_ERROR_TARGET) == 0;
	const int hook = is_head ? -1 : hook_at(reading);
	struct found_chain *found;
	int err;

	if (reading->offset + *view->next_offset == reading->info.size)
		return is_head ? end_chain(reading, error)
			       : malformed(reading, "a table without an end", error);
	if (is_head)
		return begin_user(reading, view, error);
	if (hook >= 0) {
		err = begin_builtin(reading, (unsigned int)hook, error);
		if (err)
			return err;
	}
	found = current(reading);
	if (!found)
		return malformed(reading, "a rule outside of any chain", error);
	if (found->chain.built_in && reading->info.underflow[found->hook] == reading->offset)
		return end_builtin(reading, found, view, error);
	return add_rule(reading, found, view, error);
}

static int read_entries(struct reading *reading, struct mg_error *error)
{
	struct mg_entry_view view;
	const char *wrong;
	int err = 0;

	while (reading->offset < reading->info.size && !err) {
		reading->ops->view((void *)(reading->bytes + reading->offset), &view);
		wrong = wrong_with(reading, &view);
		if (wrong)
			return malformed(reading, wrong, error);
		err = read_entry(reading, &view, error);
		reading->offset += *view.next_offset;
		reading->number++;
	}
	if (!err &&
	    (reading->number != reading->info.num_entries || !reading->chains || current(reading)))
		err = malformed(reading, "the end", error);
	return err;
}

static int compare_start(const void *offset, const void *element)
{
	const uint32_t wanted = *(const uint32_t *)offset;
	const uint32_t start = ((const struct found_chain *)element)->start;

	return wanted < start ? -1 : wanted > start;
}

/* Jumps say an offset; the chains were found in its order. */
static int name_jumps(struct reading *reading, struct mg_error *error)
{
	struct mg_entry_view view;
	const struct found_chain *found;
	uint32_t verdict;
	size_t i;

	for (i = 0; reading->has_jumps && i < reading->image->entry_count; i++) {
		struct mg_entry *entry = &reading->image->entries[i];

		if (entry->target)
			continue;
		reading->ops->view((void *)entry->bytes, &view);
		verdict = (uint32_t)((struct xt_standard_target *)mg_entry_target(&view,
										  reading->ops))
				  ->verdict;
		found = bsearch(&verdict, reading->chains, reading->chain_count, sizeof(*found),
				compare_start);
		if (!found || found->chain.built_in) {
			reading->offset =
				(uint32_t)((const unsigned char *)entry->bytes - reading->bytes);
			return malformed(reading, "a jump that leads to no chain", error);
		}
		entry->target = found->chain.name;
	}
	return 0;
}

/* Built-in chains as the hooks are numbered, then the others by name, whoever wrote them. */
static int compare_chains(const void *one, const void *other)
{
	const struct found_chain *a = one, *b = other;

	if (a->chain.built_in != b->chain.built_in)
		return a->chain.built_in ? -1 : 1;
	if (a->chain.built_in)
		return a->hook < b->hook ? -1 : a->hook > b->hook;
	return strcmp(a->chain.name, b->chain.name);
}

static int add_chains(struct reading *reading, struct mg_error *error)
{
	struct mg_image_chain *chain;
	size_t i;
	int err;

	qsort(reading->chains, reading->chain_count, sizeof(*reading->chains), compare_chains);
	for (i = 0; i < reading->chain_count; i++) {
		const struct mg_image_chain *found = &reading->chains[i].chain;

		if (mg_image_find(reading->image, found->name))
			return malformed(reading, "two chains of one name", error);
		err = mg_image_add_chain(reading->image, found->name, &chain, error);
		if (err)
			return err;
		chain->built_in = found->built_in;
		chain->policy = found->policy;
		chain->counters = found->counters;
		chain->first = found->first;
		chain->count = found->count;
		chain->number = found->number;
	}
	return 0;
}

int mg_table_parse(struct mg_image *image, const struct ipt_getinfo *info, const void *bytes,
		   struct mg_error *error)
{
	struct reading reading = {
		.ops = mg_family_ops(image->family),
		.image = image,
		.info = *info,
		.bytes = bytes,
	};
	int err;

	image->kernel_entries = info->num_entries;
	/* no entry is smaller than its head: a count that cannot be is not believed */
	if (info->num_entries > info->size / reading.ops->entry_size)
		return malformed(&reading, "more entries than fit", error);
	image->entry_capacity = info->num_entries;
	image->entries = calloc((size_t)info->num_entries + 1, sizeof(*image->entries));
	if (!image->entries)
		return no_memory(error);
	err = read_entries(&reading, error);
	if (!err)
		err = name_jumps(&reading, error);
	if (!err)
		err = add_chains(&reading, error);
	image->has_sets = reading.has_sets;
	free(reading.chains);
	return err;
}

int mg_table_fetch(const struct mg_family_ops *ops, const char *table, struct ipt_getinfo *info,
		   void **out, struct mg_error *error)
{
	int err, fd = mg_xt_open(ops);

	memset(info, 0, sizeof(*info)); /* its padding too: a snapshot writes all of it */
	if (fd < 0)
		return mg_xt_failed(ops, table, "read", fd, error);
	err = mg_xt_info(fd, ops, table, info);
	if (!err)
		err = mg_xt_entries(fd, ops, info, out);
	close(fd);
	return err ? mg_xt_failed(ops, table, "read", err, error) : 0;
}

static int fill_present(struct mg_image *image, struct mg_error *error)
{
	struct ipt_getinfo info;
	const struct ipt_get_entries *entries;
	int err = mg_table_fetch(mg_family_ops(image->family), image->table, &info, &image->copy,
				 error);

	if (err)
		return err;
	entries = image->copy;
	err = mg_table_parse(image, &info, entries->entrytable, error);
	if (!err && image->has_sets && mg_set_rules_learn(image))
		err = no_memory(error);
	return err;
}

int mg_table_is_there(enum mg_family family, const char *table, struct mg_error *error)
{
	const int exists = mg_table_exists(family, table);

	if (exists == -EACCES) /* then ask for the table itself */
		return 1;
	return exists < 0 ? mg_xt_failed(mg_family_ops(family), table, "read", exists, error)
			  : exists;
}

int mg_table_read(enum mg_family family, const char *table, struct mg_image **out,
		  struct mg_error *error)
{
	struct mg_image *image;
	int exists, err = mg_session_open(error);

	if (err)
		return err;
	exists = mg_table_is_there(family, table, error);
	if (exists < 0)
		return exists;
	err = mg_image_new(family, table, &image, error);
	if (err)
		return err;
	err = exists ? fill_present(image, error) : mg_image_fill_absent(image, error);
	if (err) {
		mg_image_free(image);
		return err;
	}
	*out = image;
	return 0;
}
