/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sets of a plan: what the policy wants, what the kernel has, and how the
 * one becomes the other.
 *
 * A set of the policy's, "mg4-office", may be "mg4-office.7" in the kernel: two
 * sets cannot have one name, and the old one has to stay whole until the verdict.
 * The old one is whichever of them a rule looks up, or else the newest.
 *
 * Where its members change, and no table that looks it up does, the new members
 * are made aside and the two sets exchange them, in one step and without a
 * table being written. Where a table changes too, or hash:ip cannot hold the new
 * members, a new set is made, and the rules are bound to it when their table is
 * written: so rules and members change together.
 *
 * Nothing here depends on the process that compared: a forked guard restores.
 */
#ifndef MG_PLAN_SETS_H
#define MG_PLAN_SETS_H

#include "netfilter/set_rules.h"
#include "ruleset/ruleset.h"

struct mg_plan;

/** One set. */
struct mg_set_plan {
	enum mg_family family;
	char name[MG_SET_NAME_SIZE]; /* without a generation */
	const char *type;	     /* as it will be; of one that goes, as it is */
	const char *origin;	     /* "file:line helper"; "" for one that goes */
	bool is_wanted;		     /* else it goes */
	bool is_changed;	     /* something happens to it */
	bool is_split;		     /* some live rules look up another generation than @live */
	const struct mg_set_member *members; /* that are wanted; the ruleset's */
	uint32_t count;
	uint32_t added, removed; /* members */

	char live[MG_SET_NAME_SIZE]; /* the kernel's; "": there is none */
	char live_type[MG_SET_NAME_SIZE];
	struct mg_set_member *live_members;
	uint32_t live_count;

	/* from mg_sets_choose() on */
	char made[MG_SET_NAME_SIZE]; /* the new set of the kernel; "": none is needed */
	bool is_exchanged;	     /* and @live gets its members */
};

struct mg_set_plans {
	struct mg_set_plan *items; /* IPv4 before IPv6, by name; those that go behind the others */
	size_t count, capacity;
	struct mg_set_alias *alias_items; /* from mg_sets_choose() on: what rules are bound to */
	struct mg_set_aliases aliases;
};

/**
 * After the tables of @plan were read: compare its sets with the kernel's.
 * @plan->sets is replaced.
 * Errors: MG_UNSAFE where somebody else's set has a name of ours; MG_KERNEL.
 */
int mg_sets_compare(struct mg_plan *plan, struct mg_error *error);
void mg_sets_free(struct mg_set_plans *plans);

/** Is there nothing to do? @plans may be NULL: there are none. */
bool mg_sets_is_empty(const struct mg_set_plans *plans);

/**
 * Does each set that a wanted rule names exist, or will it? Errors: MG_INVALID
 * with the words of iptables, naming the rule's line.
 */
int mg_sets_check_names(const struct mg_plan *plan, struct mg_error *error);

/**
 * After that: warn of rules that look a set of somebody else's up by fewer parts
 * than its members have, so that no packet fits.
 */
int mg_sets_tell_parts(const struct mg_plan *plan, struct mg_notes *notes, struct mg_error *error);

/** The members that come and those that go, in their order, until @visit returns other than 0. */
int mg_set_plan_members(const struct mg_set_plan *set,
			int (*visit)(void *context, const struct mg_set_member *member, bool added),
			void *context);

/** A sum of what the kernel has: equal for equal sets, also in another generation. */
uint64_t mg_set_plan_live_sum(const struct mg_set_plan *set);

#endif
