/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A rule while it is compiled: the inside of compile.c and its two halves,
 * rule_plugins.c (matches and targets) and rule_base.c (iptables' own options).
 *
 * Everything here runs behind the fence: a mistake in the rule leaves it.
 */
#ifndef MG_MAKING_H
#define MG_MAKING_H

#include "compile.h"
#include "fence.h"
#include "options.h"

enum { MG_MAX_INSTANCES = 64, MG_MAX_WORDS = 1024, MG_MAX_ENTRIES = 65536, MG_TARGET_OWNER = -1 };

/* xtables_error() with the class that all mistakes in a rule have */
#define mg_refuse(...) mg_fence_error(PARAMETER_PROBLEM, __VA_ARGS__)

/* A rule in the making. It is reachable from outside the fence. */
struct mg_making {
	const struct mg_family_ops *ops;
	const struct mg_compile_context *context;
	struct mg_arena *arena;	 /* for the entries */
	struct mg_arena scratch; /* for what goes into them; starts again with each rule */
	struct mg_compiled_rule *out;

	int argc;
	char *argv[MG_MAX_WORDS + 1]; /* a private copy: plugins write into it */
	int next;		      /* the word to read next */
	bool inverse;		      /* a "!" was read */

	_Alignas(16) unsigned char head[256]; /* the entry without its elements */
	struct mg_entry_view view;
	char given[16]; /* letters of the base options seen so far */

	struct xtables_match matches[MG_MAX_INSTANCES];
	int match_count;
	struct xtables_target target;
	bool has_target;
	const char *jump; /* "" without -j and -g */

	/* option tables in the order in which the rule named them */
	struct mg_option_source sources[MG_MAX_INSTANCES + 1];
	int owner[MG_MAX_INSTANCES + 1]; /* newest instance, or MG_TARGET_OWNER */
	const void *plugin[MG_MAX_INSTANCES + 1];
	int source_count;

	/* values that pattern.c may write itself; for a match's: which one, and where in its data
	 */
	struct mg_hole holes[MG_MOST_HOLES];
	int hole_match[MG_MOST_HOLES];
	uint32_t hole_count;

	char *protocol;
	bool protocol_loaded;
	const char *source_text, *destination_text;
};

/** Zeroed memory that lasts until the next rule. */
void *mg_making_take(struct mg_making *making, size_t size);

/** "-m NAME": a new instance of a match. */
void mg_making_match(struct mg_making *making, const char *name);

/**
 * "-p tcp --dport 22" means "-p tcp -m tcp --dport 22": at the first unknown
 * option the protocol's own match comes in. Returns whether it did.
 */
bool mg_making_load_protocol(struct mg_making *making);

/** A verdict, a jump to a chain, or "": no target at all. */
void mg_making_standard_target(struct mg_making *making, const char *name);

/** "-j NAME" of an extension. */
void mg_making_extension_target(struct mg_making *making, const char *name);

/**
 * Note that the word just read, @value, is a value of that kind.
 * @match: index of the match that has it, or -1
 * @offset: in the match's data
 */
void mg_making_note_hole(struct mg_making *making, enum mg_hole_kind kind, const char *value,
			 int match, size_t offset);

/** One of iptables' own options, by its letter. */
void mg_making_base_option(struct mg_making *making, int letter, char *value);

#endif
