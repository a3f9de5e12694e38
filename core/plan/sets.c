/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Comparing sets. Where neither the policy nor the kernel has any, only one
 * question is asked of the kernel.
 */
#include "sets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "netfilter/ipset.h"
#include "plan.h"
#include "ruleset/checksum.h"
#include "ruleset/failure.h"
#include "ruleset/growable.h"

static int no_memory(struct mg_error *error)
{
	return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for address sets");
}

/* What the kernel has while it is compared. */
struct comparing {
	const struct mg_plan *plan;
	struct mg_ipset *ipset;
	struct mg_ipset_header *headers;
	size_t header_count;
	struct mg_set_plans *plans;
};

void mg_sets_free(struct mg_set_plans *plans)
{
	size_t i;

	if (!plans)
		return;
	for (i = 0; i < plans->count; i++)
		free(plans->items[i].live_members);
	free(plans->items);
	free(plans->alias_items);
	free(plans);
}

bool mg_sets_is_empty(const struct mg_set_plans *plans)
{
	size_t i;

	for (i = 0; plans && i < plans->count; i++)
		if (plans->items[i].is_changed)
			return false;
	return true;
}

static bool is_of_type(const struct mg_ipset_header *header, enum mg_family family)
{
	return header->has_family && header->family == family &&
	       (strcmp(header->type, "hash:ip") == 0 || strcmp(header->type, "hash:net") == 0);
}

/* The generation that a name of ours tells, 0 for none. */
static unsigned long generation_of(const char *name)
{
	char base[MG_SET_NAME_SIZE];

	mg_set_base(name, base);
	return name[strlen(base)] ? strtoul(name + strlen(base) + 1, NULL, 10) : 0;
}

/* Is @one rather than @other the set that counts? */
static bool is_better(const struct mg_ipset_header *one, const struct mg_ipset_header *other)
{
	if (!other || !one->references != !other->references)
		return !other || one->references;
	return generation_of(one->name) > generation_of(other->name);
}

/* The kernel's set of that name, in whichever generation; NULL for none. */
static const struct mg_ipset_header *find_live(const struct comparing *comparing,
					       enum mg_family family, const char *name)
{
	const struct mg_ipset_header *best = NULL;
	char base[MG_SET_NAME_SIZE];
	size_t i;

	for (i = 0; i < comparing->header_count; i++) {
		const struct mg_ipset_header *header = &comparing->headers[i];

		mg_set_base(header->name, base);
		if (strcmp(base, name) == 0 && is_of_type(header, family) &&
		    is_better(header, best))
			best = header;
	}
	return best;
}

/* A set by a name of ours that Moongate cannot have made. */
static int check_name(const struct comparing *comparing, const struct mg_set_view *wanted,
		      struct mg_error *error)
{
	size_t i;
	int err;

	for (i = 0; i < comparing->header_count; i++) {
		const struct mg_ipset_header *header = &comparing->headers[i];

		if (strcmp(header->name, wanted->name) != 0 || is_of_type(header, wanted->family))
			continue;
		err = mg_fail(error, -EEXIST, MG_UNSAFE,
			      "the set %s is somebody else's, of the type %s: give the list "
			      "another name, or rename that set",
			      wanted->name, header->type);
		mg_error_origin(error, wanted->origin);
		return err;
	}
	return 0;
}

static struct mg_set_plan *add_plan(struct mg_set_plans *plans)
{
	if (mg_make_room((void **)&plans->items, &plans->capacity, plans->count + 1,
			 sizeof(*plans->items)))
		return NULL;
	plans->items[plans->count] = (struct mg_set_plan){ .origin = "" };
	return &plans->items[plans->count++];
}

struct counts {
	uint32_t added, removed;
};

static int count_member(void *context, const struct mg_set_member *member, bool added)
{
	struct counts *counts = context;

	(void)member;
	counts->added += added;
	counts->removed += !added;
	return 0;
}

int mg_set_plan_members(const struct mg_set_plan *set,
			int (*visit)(void *context, const struct mg_set_member *member, bool added),
			void *context)
{
	uint32_t i = 0, j = 0;
	int order, ret = 0;

	while ((i < set->count || j < set->live_count) && !ret) {
		order = i == set->count ? 1
			: j == set->live_count
				? -1
				: mg_set_member_compare(&set->members[i], &set->live_members[j]);
		if (order < 0)
			ret = visit(context, &set->members[i], true);
		else if (order > 0)
			ret = visit(context, &set->live_members[j], false);
		i += order <= 0;
		j += order >= 0;
	}
	return ret;
}

static int read_live(const struct mg_ipset_header *header, struct mg_set_plan *set,
		     struct mg_error *error)
{
	struct counts counts = { 0 };
	bool odd;
	int err;

	if (!header) {
		set->is_changed = true;
		set->added = set->count;
		return 0;
	}
	strcpy(set->live, header->name);
	strcpy(set->live_type, header->type);
	err = mg_ipset_members(header, &set->live_members, &set->live_count, &odd, error);
	if (err)
		return err;
	mg_set_plan_members(set, count_member, &counts);
	set->added = counts.added;
	set->removed = counts.removed;
	/* hash:net holds single addresses as well: that is no reason to write a table */
	if (set->is_wanted && strcmp(header->type, "hash:net") == 0)
		set->type = "hash:net";
	set->is_changed = !set->is_wanted || counts.added || counts.removed || odd ||
			  header->has_options || strcmp(set->type, header->type) != 0;
	return 0;
}

static int compare_wanted(struct comparing *comparing, const struct mg_set_view *wanted,
			  struct mg_error *error)
{
	struct mg_set_plan *set;
	int err = check_name(comparing, wanted, error);

	if (err)
		return err;
	set = add_plan(comparing->plans);
	if (!set)
		return no_memory(error);
	set->family = wanted->family;
	strcpy(set->name, wanted->name);
	set->type = wanted->type;
	set->origin = wanted->origin;
	set->is_wanted = true;
	set->members = wanted->members;
	set->count = wanted->count;
	return read_live(find_live(comparing, set->family, set->name), set, error);
}

/* How often the rules of an image look a set up: as often as the kernel counts. */
struct uses {
	const char *name; /* the whole one; NULL: any generation of @base */
	const char *base;
	uint32_t count;
};

static int count_use(void *context, struct xt_set_info *info)
{
	struct uses *uses = context;
	const char *name = mg_set_name(info->index);
	char base[MG_SET_NAME_SIZE];

	if (!name)
		return 0;
	mg_set_base(name, base);
	uses->count += uses->name ? strcmp(name, uses->name) == 0 : strcmp(base, uses->base) == 0;
	return 0;
}

static void count_uses(const struct mg_image *image, struct uses *uses)
{
	size_t i;

	for (i = 0; i < image->entry_count; i++)
		mg_set_rules_each(mg_family_ops(image->family), image->entries[i].bytes, count_use,
				  uses);
}

/* Will nobody look it up any more: neither a wanted rule, nor any that is not in the plan? */
static bool is_let_go(const struct mg_plan *plan, const struct mg_ipset_header *header,
		      const char *base)
{
	struct uses now = { .name = header->name }, then = { .base = base };
	size_t i;

	for (i = 0; i < plan->table_count; i++) {
		count_uses(plan->tables[i].live, &now);
		count_uses(plan->tables[i].wanted, &then);
	}
	return now.count == header->references && !then.count;
}

/* A set of ours that the policy has no more. */
static int compare_unwanted(struct comparing *comparing, const struct mg_ipset_header *header,
			    struct mg_error *error)
{
	const struct mg_sets *wanted = mg_ruleset_sets_const(comparing->plan->ruleset);
	char base[MG_SET_NAME_SIZE];
	struct mg_set_plan *set;
	int err;

	mg_set_base(header->name, base);
	if (!mg_set_is_ours(header->name) || !is_of_type(header, header->family) ||
	    !(comparing->plan->families & 1U << header->family) ||
	    mg_sets_find(wanted, header->family, base) != UINT32_MAX ||
	    find_live(comparing, header->family, base) != header ||
	    !is_let_go(comparing->plan, header, base))
		return 0;
	set = add_plan(comparing->plans);
	if (!set)
		return no_memory(error);
	set->family = header->family;
	strcpy(set->name, base);
	err = read_live(header, set, error);
	set->type = strcmp(set->live_type, "hash:ip") == 0 ? "hash:ip" : "hash:net";
	return err;
}

static int note_split(void *context, struct xt_set_info *info)
{
	struct mg_set_plans *plans = context;
	const char *name = mg_set_name(info->index);
	char base[MG_SET_NAME_SIZE];
	size_t i;

	if (!name || !mg_set_is_ours(name))
		return 0;
	mg_set_base(name, base);
	for (i = 0; i < plans->count; i++)
		if (plans->items[i].is_wanted && strcmp(plans->items[i].name, base) == 0 &&
		    strcmp(plans->items[i].live, name) != 0)
			plans->items[i].is_split = plans->items[i].is_changed = true;
	return 0;
}

/*
 * Apply and guard were both killed between two tables: each looks up a set of its
 * own, by the same name as far as texts go. That is put right by a new one for all.
 */
static void find_splits(struct mg_set_plans *plans, const struct mg_table_plan *table)
{
	size_t i;

	for (i = 0; i < table->live->entry_count; i++)
		if (!mg_is_kept(table->kept, (uint32_t)i))
			mg_set_rules_each(mg_family_ops(table->family),
					  table->live->entries[i].bytes, note_split, plans);
}

static int by_name(const void *one, const void *other)
{
	const struct mg_set_plan *a = one, *b = other;

	if (a->is_wanted != b->is_wanted)
		return a->is_wanted ? -1 : 1;
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return strcmp(a->name, b->name);
}

static int compare_all(struct comparing *comparing, struct mg_error *error)
{
	const struct mg_sets *wanted = mg_ruleset_sets_const(comparing->plan->ruleset);
	struct mg_set_view view;
	uint32_t i;
	int err = mg_ipset_headers(comparing->ipset, &comparing->headers, &comparing->header_count,
				   error);

	if (err && !mg_ipset_may_have_any() && error) /* it was loaded by now, if it could be */
		error->status = MG_ENVIRONMENT;
	for (i = 0; i < mg_sets_count(wanted) && !err; i++) {
		mg_sets_at(wanted, i, &view);
		if (comparing->plan->families & 1U << view.family)
			err = compare_wanted(comparing, &view, error);
	}
	for (i = 0; i < comparing->header_count && !err; i++)
		err = compare_unwanted(comparing, &comparing->headers[i], error);
	for (i = 0; i < comparing->plan->table_count && !err && mg_set_any(); i++)
		find_splits(comparing->plans, &comparing->plan->tables[i]);
	if (!err && comparing->plans->count)
		qsort(comparing->plans->items, comparing->plans->count,
		      sizeof(*comparing->plans->items), by_name);
	return err;
}

int mg_sets_compare(struct mg_plan *plan, struct mg_error *error)
{
	struct comparing comparing = { .plan = plan };
	int err;

	mg_sets_free(plan->sets);
	plan->sets = NULL;
	if (!mg_sets_count(mg_ruleset_sets_const(plan->ruleset)) && !mg_ipset_may_have_any())
		return 0;
	comparing.plans = calloc(1, sizeof(*comparing.plans));
	if (!comparing.plans)
		return no_memory(error);
	err = mg_ipset_open(&comparing.ipset, error);
	if (!err)
		err = compare_all(&comparing, error);
	mg_ipset_close(comparing.ipset);
	free(comparing.headers);
	if (err)
		mg_sets_free(comparing.plans);
	else
		plan->sets = comparing.plans;
	return err;
}

uint64_t mg_set_plan_live_sum(const struct mg_set_plan *set)
{
	uint64_t sum = mg_checksum(MG_CHECKSUM_START, set->live_type, strlen(set->live_type));

	return mg_checksum(sum, (const char *)set->live_members,
			   set->live_count * sizeof(*set->live_members));
}
