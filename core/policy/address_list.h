/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Many addresses: a list that can be folded to the fewest networks that hold
 * exactly the same addresses.
 *
 * Must not know Lua, files or names.
 */
#ifndef MG_ADDRESS_LIST_H
#define MG_ADDRESS_LIST_H

#include <moongate.h>

#include "ruleset/sets.h"

/** What a single list may hold, so that no file can take all of the memory. */
enum { MG_MOST_ADDRESSES = 4 * 1000 * 1000 };

/** Addresses as numbers, both ends included; IPv4 uses the lower 32 bits. */
struct mg_address_range {
	unsigned __int128 first, last;
};

struct mg_address_ranges {
	struct mg_address_range *items;
	size_t count, capacity;
};

/** Zero-initialise; end with mg_address_list_clear(). */
struct mg_address_list {
	struct mg_address_ranges of[MG_FAMILIES];
};

/** Free what it holds. */
void mg_address_list_clear(struct mg_address_list *list);

/**
 * Add "192.0.2.1", "192.0.2.0/24", "192.0.2.0/255.255.255.0", "2001:db8::/48",
 * or a range of one family, "192.0.2.7-192.0.2.19".
 * @text:      @length bytes, whatever they are
 * @host_bits: set to true if a network had bits beyond its prefix, which count
 *             as zeros; else not touched; may be NULL
 * @wrong:     what kind of mistake it is, without a word of @text; may be NULL
 * Returns 0; -EINVAL with *@wrong; -ENOMEM; -E2BIG: there are too many.
 */
int mg_address_list_add(struct mg_address_list *list, const char *text, size_t length,
			bool *host_bits, const char **wrong);

/** Sort it, leave out what is in it twice, and put neighbours together. */
void mg_address_list_fold(struct mg_address_list *list);

/** Where a walk is. Zero-initialise but for @family. */
struct mg_address_walk {
	enum mg_family family;
	size_t index;		/* of the range */
	unsigned __int128 next; /* in it, if @inside */
	bool inside;
};

/**
 * The next network of a folded list, in the order in which a set has them; its
 * prefix may be 0. Returns false at the end.
 */
bool mg_address_list_next(const struct mg_address_list *list, struct mg_address_walk *walk,
			  struct mg_set_member *network);

#endif
