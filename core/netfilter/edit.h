/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A live table while somebody edits it: read once, changed in memory rule by
 * rule, written in one commit. What iptables(8) refuses is refused here; what
 * only the kernel can judge, it does at the commit.
 *
 * Every rule has an id that stays its own until the end, wherever the rule
 * goes, so that a caller can hold on to it; a rule that is gone is known as such.
 *
 * The fields are to be read by everybody, and to be changed by the functions
 * below. Where a chain is asked for, it is one of this table's.
 */
#ifndef MG_EDIT_H
#define MG_EDIT_H

#include "table.h"

struct mg_edit_chain {
	const char *name;
	const char *policy; /* of a built-in chain: "ACCEPT", "DROP"; else NULL */
	bool built_in;
	bool recount;		     /* the policy's counters begin with these, not the live ones */
	struct xt_counters counters; /* of the policy */
	uint32_t *rules;	     /* ids, in order */
	size_t count, capacity;
};

struct mg_edit_rule {
	struct mg_entry entry;
	struct mg_edit_chain *chain; /* that it is for; NULL: the rule is gone */
	bool placed;		     /* it stands in the chain, and was not only built for it */
	uint32_t live; /* index in mg_edit.live, whose counters it keeps; or MG_NO_RULE */
};

struct mg_edit {
	struct mg_image *live;	       /* as it was read */
	struct mg_edit_chain **chains; /* built-in ones first, then sorted, as iptables has them */
	size_t chain_count, chain_capacity;
	struct mg_edit_rule *rules; /* by id */
	size_t rule_count, rule_capacity;
	struct mg_arena arena; /* bytes and names that are new */
};

/** Rules with ids that follow each other. */
struct mg_edit_span {
	uint32_t first, count;
};

/**
 * Read a table. One that does not exist is not created, but by a commit.
 * Errors: MG_INVALID (no such table), MG_ENVIRONMENT, MG_KERNEL.
 */
int mg_edit_open(enum mg_family family, const char *table, struct mg_edit **out,
		 struct mg_error *error);
void mg_edit_free(struct mg_edit *edit);

/** A chain by name; NULL with MG_INVALID and the name that was meant. */
struct mg_edit_chain *mg_edit_find_chain(const struct mg_edit *edit, const char *name,
					 struct mg_error *error);

/** A new user chain. Errors: MG_INVALID as iptables has it: taken, too long, a target's name. */
int mg_edit_add_chain(struct mg_edit *edit, const char *name, struct mg_error *error);

/** Remove a user chain that is empty, and to which no rule leads; else MG_INVALID says which. */
int mg_edit_remove_chain(struct mg_edit *edit, struct mg_edit_chain *chain, struct mg_error *error);

/** Rename a user chain; the rules that lead to it go on doing so. */
int mg_edit_rename_chain(struct mg_edit *edit, struct mg_edit_chain *chain, const char *name,
			 struct mg_error *error);

/** Set the policy of a built-in chain: "ACCEPT" or "DROP". Its counters go on. */
int mg_edit_set_policy(const struct mg_edit *edit, struct mg_edit_chain *chain, const char *policy,
		       struct mg_error *error);

/**
 * Compile a rule for @chain, without putting it there.
 * @args: @argc strings, one after the other, @size bytes in all
 * @out:  more than one rule where it lists several addresses
 */
int mg_edit_build(struct mg_edit *edit, struct mg_edit_chain *chain, const char *args,
		  uint32_t argc, size_t size, struct mg_edit_span *out, struct mg_error *error);

/** The rule with this id, or NULL: there is none, or not any more. */
struct mg_edit_rule *mg_edit_rule(const struct mg_edit *edit, uint64_t id);

/** Where a rule stands in its chain, from 1; 0 if it does not. */
uint32_t mg_edit_number(const struct mg_edit *edit, uint32_t id);

/** The id of rule @number of a chain, from 1; MG_INVALID where there is none. */
int mg_edit_at(const struct mg_edit *edit, const struct mg_edit_chain *chain, int64_t number,
	       uint32_t *id, struct mg_error *error);

/**
 * Put built rules in front of the present rule @number of the chain that they
 * were built for; one more than there are is the end.
 */
int mg_edit_insert(struct mg_edit *edit, int64_t number, struct mg_edit_span built,
		   struct mg_error *error);

/** Put a built rule where rule @id stands, in the same chain; that one is gone then. */
int mg_edit_replace(struct mg_edit *edit, uint32_t id, struct mg_edit_span built,
		    struct mg_error *error);

/** Take a rule out; it is gone then. */
void mg_edit_remove(struct mg_edit *edit, uint32_t id);

/** Take all rules out of a chain. */
void mg_edit_flush(struct mg_edit *edit, struct mg_edit_chain *chain);

/**
 * Find the first rule in the chain that means the same as a built one, behind @after.
 * @after: number of a rule, or 0
 * @number: of what was found
 * Errors: MG_INVALID in iptables' words where there is none.
 */
int mg_edit_find(const struct mg_edit *edit, uint32_t built, uint32_t after, uint32_t *number,
		 struct mg_error *error);

/** Remove the first equal one for each of @built: all of them, or on an error none. */
int mg_edit_remove_equal(struct mg_edit *edit, struct mg_edit_span built, struct mg_error *error);

/** What a rule has counted, as it was read or set. */
struct xt_counters mg_edit_counters(const struct mg_edit *edit, uint32_t id);

/** Let a rule count from here on, instead of from what the live one has. */
int mg_edit_set_counters(struct mg_edit *edit, uint32_t id, struct xt_counters counters,
			 struct mg_error *error);

/** Set the counters of all rules of a chain, and of its policy, to zero. */
int mg_edit_zero(struct mg_edit *edit, struct mg_edit_chain *chain, struct mg_error *error);

/**
 * The table as it is to be. The image points into @edit, which must outlive it
 * unchanged.
 */
int mg_edit_image(const struct mg_edit *edit, struct mg_image **out, struct mg_error *error);

/**
 * Write the table, under the xtables lock. Rules that were read and are still
 * there keep their counters, wherever they are now; packets that come in
 * meanwhile are counted. Where nothing was changed, nothing is written.
 * @seconds: to wait for the lock
 * Errors: -EBUSY with MG_BUSY: somebody holds the lock. -EAGAIN with MG_BUSY: the
 * table is not what it was when it was read. MG_KERNEL: refused. In each case the
 * live table is as it was, and so is @edit.
 */
int mg_edit_commit(const struct mg_edit *edit, double seconds, struct mg_error *error);

#endif
