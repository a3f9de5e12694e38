/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The content of one table of one family: its chains, and their rules as the
 * kernel's entries. What a policy wants, what is live and what was there
 * before an apply are all images, so that they can be compared and turned
 * into each other.
 */
#ifndef MG_IMAGE_H
#define MG_IMAGE_H

#include <linux/netfilter/x_tables.h>

#include "family.h"
#include "ruleset/arena.h"
#include "ruleset/lookup.h"
#include "ruleset/ruleset.h"

/** One rule. */
struct mg_entry {
	const void *bytes;  /* struct ipt_entry or ip6t_entry with its counters, next_offset long */
	const char *target; /* verdict, chain, extension, or "" (falls through) */
	bool standard;	    /* a verdict, a jump or neither; not an extension */
	uint32_t rule;	    /* its rule in the ruleset, or MG_NO_RULE */
};

struct mg_image_chain {
	const char *name;
	const char *policy; /* of a built-in chain: "ACCEPT", "DROP"; else NULL */
	bool built_in;
	uint32_t chain;		     /* its chain in the ruleset, or UINT32_MAX */
	struct xt_counters counters; /* of the policy */
	bool recount;		     /* a commit sets these, and not what the live ones say */
	uint32_t first, count;	     /* entries */
	uint32_t number;	     /* a live chain: what the kernel counts its first entry as */
};

struct mg_set_aliases; /* set_rules.h */

struct mg_image {
	enum mg_family family;
	const char *table;
	bool absent; /* the table does not exist in this namespace */
	struct mg_image_chain *chains;
	size_t chain_count, chain_capacity;
	struct mg_lookup names;	  /* of the chains */
	struct mg_entry *entries; /* those of a chain are contiguous */
	size_t entry_count, entry_capacity;
	struct mg_arena arena;	 /* what the pointers above point into ... */
	void *copy;		 /* ... or this, a live table as the kernel gave it */
	uint32_t kernel_entries; /* a live table: how many the kernel counts in all */
	bool has_sets;		 /* a live table: its rules may look up sets */
	/* a commit takes these for the sets that the rules name; NULL: each is itself. Borrowed. */
	const struct mg_set_aliases *sets;
};

int mg_image_new(enum mg_family family, const char *table, struct mg_image **out,
		 struct mg_error *error);
void mg_image_free(struct mg_image *image);

/** Let go of what the entries hold, and keep how many there are, and in which chains. */
void mg_image_forget_entries(struct mg_image *image);

/** Add a chain at the end. @name is copied. @out is valid until the next chain is added. */
int mg_image_add_chain(struct mg_image *image, const char *name, struct mg_image_chain **out,
		       struct mg_error *error);

/**
 * Add an entry to the end of @chain, which holds the newest entries or none
 * (chain->first is set then). @entry is copied, what it points to is not.
 */
int mg_image_add_entry(struct mg_image *image, struct mg_image_chain *chain,
		       const struct mg_entry *entry, struct mg_error *error);

/** Make a new image that of a table that does not exist: built-in chains, empty, with ACCEPT. */
int mg_image_fill_absent(struct mg_image *image, struct mg_error *error);

/** A chain by name, or NULL. */
const struct mg_image_chain *mg_image_find(const struct mg_image *image, const char *name);

/** Put the user chains, which stand behind the built-in ones, in order of their names. */
int mg_image_sort_chains(struct mg_image *image, struct mg_error *error);

/** The built-in chains of a table, in the kernel's order, then NULL; NULL for no such table. */
const char *const *mg_builtin_chains(const char *table);
bool mg_is_builtin_chain(const char *table, const char *chain);

#endif
