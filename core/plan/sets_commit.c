/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The transaction's part for sets. Everything that is done to the kernel is
 * noted before it is done.
 */
#include "sets_commit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "netfilter/ipset.h"
#include "ruleset/failure.h"

/* What may have happened to a set: at least what stands before the last. */
enum how_far { UNTOUCHED, MAKING, EXCHANGING, EXCHANGED };

struct mg_set_states {
	size_t size;
	unsigned char how_far[]; /* by set of the plan */
};

static size_t count_of(const struct mg_plan *plan)
{
	return plan->sets ? plan->sets->count : 0;
}

int mg_sets_states(const struct mg_plan *plan, struct mg_set_states **out, struct mg_error *error)
{
	const size_t size = sizeof(struct mg_set_states) + count_of(plan);
	struct mg_set_states *states = mmap(NULL, size, PROT_READ | PROT_WRITE,
					    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (states == MAP_FAILED)
		return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for address sets");
	states->size = size;
	*out = states;
	return 0;
}

void mg_sets_states_free(struct mg_set_states *states)
{
	if (states)
		munmap(states, states->size);
}

void mg_sets_assume_touched(const struct mg_plan *plan, struct mg_set_states *states)
{
	size_t i;

	for (i = 0; i < count_of(plan); i++)
		if (*plan->sets->items[i].made)
			states->how_far[i] = plan->sets->items[i].is_exchanged ? EXCHANGING
									       : MAKING;
}

/* Has the kernel's set @name just these members? -EAGAIN: no, or there is none. */
static int compare_members(const char *name, enum mg_family family,
			   const struct mg_set_member *members, uint32_t count,
			   struct mg_error *error)
{
	struct mg_ipset_header header = { .family = family, .count = count };
	struct mg_set_member *found;
	uint32_t found_count;
	bool odd;
	int err;

	snprintf(header.name, sizeof(header.name), "%s", name);
	err = mg_ipset_members(&header, &found, &found_count, &odd, error);
	if (err)
		return err;
	if (found_count != count || (count && memcmp(found, members, count * sizeof(*found)) != 0))
		err = -EAGAIN;
	free(found);
	return err;
}

int mg_sets_check_live(const struct mg_plan *plan, struct mg_error *error)
{
	size_t i;

	for (i = 0; i < count_of(plan); i++) {
		const struct mg_set_plan *set = &plan->sets->items[i];

		if (*set->live && compare_members(set->live, set->family, set->live_members,
						  set->live_count, NULL))
			return mg_fail(error, -EAGAIN, MG_UNSAFE,
				       "the set %s has changed since it was read for the plan: "
				       "nothing was changed, plan again",
				       set->live);
	}
	return 0;
}

/* In one session, take a step for each set until one fails. */
static int each_set(const struct mg_plan *plan, struct mg_set_states *states,
		    int (*step)(struct mg_ipset *ipset, const struct mg_set_plan *set,
				unsigned char *how_far, struct mg_error *error),
		    struct mg_error *error)
{
	struct mg_ipset *ipset;
	size_t i;
	int err;

	if (!count_of(plan))
		return 0;
	err = mg_ipset_open(&ipset, error);
	if (err)
		return err;
	for (i = 0; i < plan->sets->count && !err; i++)
		err = step(ipset, &plan->sets->items[i], &states->how_far[i], error);
	mg_ipset_close(ipset);
	return err;
}

static int make_one(struct mg_ipset *ipset, const struct mg_set_plan *set, unsigned char *how_far,
		    struct mg_error *error)
{
	int err;

	if (!*set->made)
		return 0;
	*how_far = MAKING;
	err = mg_ipset_make(ipset, set->made, set->type, set->family, set->members, set->count,
			    error);
	if (!err)
		err = compare_members(set->made, set->family, set->members, set->count, error);
	if (err == -EAGAIN)
		err = mg_fail(error, err, MG_BUSY,
			      "another program changed the set %s while it was filled", set->made);
	if (err)
		mg_error_origin(error, set->origin);
	return err;
}

int mg_sets_make(const struct mg_plan *plan, struct mg_set_states *states, struct mg_error *error)
{
	return each_set(plan, states, make_one, error);
}

static int exchange_one(struct mg_ipset *ipset, const struct mg_set_plan *set,
			unsigned char *how_far, struct mg_error *error)
{
	int err;

	if (!*set->made || !set->is_exchanged)
		return 0;
	*how_far = EXCHANGING;
	err = mg_ipset_swap(ipset, set->made, set->live, error);
	if (!err)
		*how_far = EXCHANGED;
	return err;
}

int mg_sets_exchange(const struct mg_plan *plan, struct mg_set_states *states,
		     struct mg_error *error)
{
	return each_set(plan, states, exchange_one, error);
}

/*
 * Whoever was killed in the middle of an exchange has left no word of whether it
 * was made: the members tell.
 */
static bool was_exchanged(const struct mg_set_plan *set, unsigned char how_far)
{
	if (how_far != EXCHANGING)
		return how_far == EXCHANGED;
	return compare_members(set->made, set->family, set->live_members, set->live_count, NULL) ==
		       0 ||
	       compare_members(set->live, set->family, set->members, set->count, NULL) == 0;
}

/*
 * What was there stands aside until the verdict, where no rule holds it: if
 * somebody has destroyed or changed it, it is made once more.
 */
static int revive(struct mg_ipset *ipset, const struct mg_set_plan *set, const char *name,
		  struct mg_error *error)
{
	struct mg_ipset_header *headers;
	size_t count;
	bool is_there;
	int err;

	if (compare_members(name, set->family, set->live_members, set->live_count, NULL) == 0)
		return 0;
	err = mg_ipset_headers(ipset, &headers, &count, error);
	if (err)
		return err;
	is_there = mg_ipset_find(headers, count, name);
	free(headers);
	if (is_there && mg_ipset_destroy(ipset, name, NULL)) /* a rule holds it */
		return 0;
	return mg_ipset_make(ipset, name, set->live_type, set->family, set->live_members,
			     set->live_count, error);
}

int mg_sets_revive(const struct mg_plan *plan, struct mg_error *error)
{
	struct mg_ipset *ipset;
	size_t i;
	int one, err;

	if (!count_of(plan))
		return 0;
	err = mg_ipset_open(&ipset, error);
	if (err)
		return err;
	for (i = 0; i < plan->sets->count; i++) {
		const struct mg_set_plan *set = &plan->sets->items[i];

		if (!*set->live || set->is_exchanged || (set->is_wanted && !*set->made))
			continue;
		one = revive(ipset, set, set->live, err ? NULL : error);
		if (one && !err)
			err = one;
	}
	mg_ipset_close(ipset);
	return err;
}

static int restore_one(struct mg_ipset *ipset, const struct mg_set_plan *set,
		       unsigned char *how_far, struct mg_error *error)
{
	struct mg_ipset_header *headers;
	size_t count;
	bool is_there;
	int err;

	if (was_exchanged(set, *how_far)) {
		err = revive(ipset, set, set->made, error);
		if (!err)
			err = mg_ipset_swap(ipset, set->made, set->live, error);
		if (err)
			return err;
		*how_far = MAKING;
	}
	err = mg_ipset_headers(ipset, &headers, &count, error);
	if (err)
		return err;
	is_there = mg_ipset_find(headers, count, set->made);
	free(headers);
	err = is_there ? mg_ipset_destroy(ipset, set->made, error) : 0;
	if (!err)
		*how_far = UNTOUCHED;
	return err;
}

int mg_sets_restore(const struct mg_plan *plan, struct mg_set_states *states,
		    struct mg_error *error)
{
	struct mg_ipset *ipset;
	size_t i = count_of(plan);
	int one, err;

	if (!i)
		return 0;
	err = mg_ipset_open(&ipset, error);
	if (err)
		return err;
	while (i-- > 0) {
		if (states->how_far[i] == UNTOUCHED)
			continue;
		one = restore_one(ipset, &plan->sets->items[i], &states->how_far[i],
				  err ? NULL : error);
		if (one && !err)
			err = one;
	}
	mg_ipset_close(ipset);
	return err;
}

/* Does the new generation look it up? */
static bool counts(const struct mg_set_plans *plans, const char *name)
{
	size_t i;

	for (i = 0; i < plans->aliases.count; i++)
		if (strcmp(plans->aliases.items[i].kernel, name) == 0)
			return true;
	return false;
}

/* Can Moongate have made it, for one of the families that were planned? */
static bool is_our_make(const struct mg_plan *plan, const struct mg_ipset_header *set)
{
	return mg_set_is_ours(set->name) && set->has_family && plan->families & 1U << set->family &&
	       (strcmp(set->type, "hash:ip") == 0 || strcmp(set->type, "hash:net") == 0);
}

void mg_sets_tidy(const struct mg_plan *plan)
{
	struct mg_ipset_header *headers = NULL;
	struct mg_ipset *ipset;
	size_t count = 0, i;

	if (!plan->sets || mg_ipset_open(&ipset, NULL))
		return;
	if (mg_ipset_headers(ipset, &headers, &count, NULL))
		count = 0;
	for (i = 0; i < count; i++)
		if (is_our_make(plan, &headers[i]) && !headers[i].references &&
		    !counts(plan->sets, headers[i].name))
			mg_ipset_destroy(ipset, headers[i].name, NULL);
	free(headers);
	mg_ipset_close(ipset);
}
