/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules as arguments to rules as the kernel's entries, by libxtables' own
 * extension plugins.
 */
#ifndef MG_COMPILE_H
#define MG_COMPILE_H

#include "image.h"

/** Where a rule is compiled: what its meaning depends on beside its arguments. */
struct mg_compile_context {
	const char *table;
	const char *chain;
	/* is this the name of a user chain of the table? */
	bool (*is_chain)(const void *data, const char *name);
	/* the user chain with this number, NULL behind the last one; for suggestions, may be NULL
	 */
	const char *(*chain_at)(const void *data, size_t number);
	const void *data;
};

/** A word of a rule whose value stands in its entry as it is: see pattern.h. */
enum mg_hole_kind { MG_HOLE_SOURCE, MG_HOLE_DESTINATION, MG_HOLE_PORTS, MG_HOLE_COMMENT };

enum { MG_MOST_HOLES = 8 };

struct mg_hole {
	enum mg_hole_kind kind;
	uint32_t word;	 /* its index, from 0 */
	uint32_t offset; /* of the value in the entry; 0 for an address */
};

/** What a rule became: one entry, or more if it lists several addresses. */
struct mg_compiled_rule {
	void **entries; /* they are in the arena, this list lasts until the next rule */
	uint32_t count;
	const char *target; /* as in struct mg_entry; in the arena */
	bool standard;
	uint32_t argc;			     /* of the rule */
	struct mg_hole holes[MG_MOST_HOLES]; /* in the order of the words */
	uint32_t hole_count;		     /* 0 also if there are too many */
};

/**
 * Compile one rule for @family. The text of an error is the plugin's own
 * where there is one. Complaints of plugins are in mg_fence_complaints().
 * @args: @argc strings, one after the other, @size bytes in all
 */
int mg_compile_rule(enum mg_family family, const struct mg_compile_context *context,
		    const char *args, uint32_t argc, size_t size, struct mg_arena *arena,
		    struct mg_compiled_rule *out, struct mg_error *error);

/**
 * May a user chain have this name? It has to fit, and is not that of a target, as iptables
 * has it: "-j NAME" would mean the one or the other, depending on which is there.
 */
int mg_compile_check_chain(enum mg_family family, const char *name, struct mg_error *error);

/**
 * Compile what @ruleset says about one table of one family into an image,
 * built-in chains first and user chains sorted, as iptables has them. Built-in
 * chains that the ruleset does not name are there, empty, with ACCEPT; so are
 * the chains that it keeps and jumps to, with UINT32_MAX for their chain.
 * Errors name the rule's origin. Complaints of plugins become notes.
 */
int mg_compile_table(enum mg_family family, const char *table, const struct mg_ruleset *ruleset,
		     struct mg_image **out, struct mg_notes *notes, struct mg_error *error);

#endif
