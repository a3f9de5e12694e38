/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The address sets that a policy manages: names and members, as data.
 *
 * A list of such sets stands alone (what was read from a file or a kernel), or
 * belongs to a ruleset, see mg_ruleset_sets(). Members are kept in one order
 * and once each, so that two sets are equal if their members are equal byte for
 * byte.
 *
 * A set of ours is called "mg4-LABEL" or "mg6-LABEL"; while an older one is in
 * use the kernel may hold it as "mg4-LABEL.N", with the number of a generation.
 * Nobody else's set is called so, and no other one is ever changed.
 *
 * Must not touch the kernel, libipset or Lua.
 */
#ifndef MG_SETS_H
#define MG_SETS_H

#include <moongate.h>

#include "lookup.h"

enum {
	MG_SET_NAME_SIZE = 32, /* with its NUL, as the kernel has it */
	MG_SET_BASE_MOST = 20, /* characters of a name of ours, so that ".N" has room */
	MG_SET_MOST_MEMBERS = 4 * 1000 * 1000,
};

/** An address or a network of a set. */
struct mg_set_member {
	uint8_t address[16]; /* in network order; IPv4 uses the first four, the rest is 0 */
	uint8_t prefix;	     /* its length in bits, never 0 */
};

/** One set. */
struct mg_set_view {
	enum mg_family family;
	const char *name; /* "mg4-office" */
	const char *type; /* "hash:ip" if each member is one address, and not 0.0.0.0, else
			     "hash:net" */
	const struct mg_set_member *members; /* see mg_set_member_compare() for their order */
	uint32_t count;
	const char *origin; /* "file:line helper"; "" if unknown */
};

struct mg_set_record;

/** Zero-initialise; end with mg_sets_clear(). */
struct mg_sets {
	struct mg_set_record *records;
	size_t count, capacity;
	struct mg_set_member *members; /* of all sets, one after the other */
	size_t member_count, member_capacity;
	char *origins;
	size_t origins_used, origins_capacity;
	struct mg_lookup names;
};

void mg_sets_clear(struct mg_sets *sets);

/**
 * Add a set. All is copied. Its members may come in any order, and more than
 * once; a network /0, which no set can hold, becomes its two halves. The type
 * follows from the members: @set->type does not matter. A set that is there
 * already with the same members is that one.
 * Fails if it is there with other members: the error names both origins; or if
 * a member's prefix is longer than an address or has bits behind it.
 * @out: its index; may be NULL
 */
int mg_sets_add(struct mg_sets *sets, const struct mg_set_view *set, uint32_t *out,
		struct mg_error *error);

/**
 * The first set of @set's family that holds the same members, whatever it is
 * called. Fails as mg_sets_add() does for members that are no networks.
 * @out: its index, or UINT32_MAX
 */
int mg_sets_find_like(struct mg_sets *sets, const struct mg_set_view *set, uint32_t *out,
		      struct mg_error *error);

uint32_t mg_sets_count(const struct mg_sets *sets);

/** What is in @out is good until the next set is added. */
void mg_sets_at(const struct mg_sets *sets, uint32_t index, struct mg_set_view *out);

/** Index of a set, or UINT32_MAX. */
uint32_t mg_sets_find(const struct mg_sets *sets, enum mg_family family, const char *name);

/** How long an address of this family is, in bits. */
unsigned int mg_set_width(enum mg_family family);

/** For how many members the kernel is to make a set: `maxelem`. */
uint32_t mg_set_room(uint32_t count);

/** With how many buckets it is best made for them: `hashsize`. */
uint32_t mg_set_hash_size(uint32_t count);

/** The order of members: by address, then the shorter prefix. Negative, 0 or positive. */
int mg_set_member_compare(const struct mg_set_member *one, const struct mg_set_member *other);

/** Is this address, which has 16 bytes as a member's has, in one of the members, in their order? */
bool mg_set_holds(const struct mg_set_member *members, uint32_t count, enum mg_family family,
		  const uint8_t address[16]);

/** Sort members into that order, quickly. Returns 0 or -ENOMEM. */
int mg_set_members_sort(struct mg_set_member *members, uint32_t count);

/** Does this name belong to a set of ours, for either family, with or without ".N"? */
bool mg_set_is_ours(const char *name);

/**
 * Write the name of a set without its ".N" if it is ours; any other name as it is.
 * Two names that give the same are one set in two generations.
 */
void mg_set_base(const char *name, char out[MG_SET_NAME_SIZE]);

#endif
