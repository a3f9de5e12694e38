/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an import has read: rules from dumps or from the kernel, compiled and as
 * iptables-save would print them, and what was beside them; and the proof that
 * a policy says the same.
 */
#ifndef MG_ENGINE_IMPORTING_H
#define MG_ENGINE_IMPORTING_H

#include "engine.h"
#include "netfilter/compile.h"
#include "netfilter/pattern.h"
#include "policy/importing.h"
#include "ruleset/arena.h"
#include "ruleset/dump.h"

/** A rule of mg_rules_read.rules, compiled; the indices are the same once that is sealed. */
struct mg_read_entry {
	const void *bytes;
	const char *target;
	bool standard;
	uint32_t chain;
};

/** A rule that stays with the software whose it is. */
struct mg_left_rule {
	uint32_t chain;	 /* of mg_rules_read.rules */
	uint32_t before; /* so many rules of its chain that are read come first */
	uint32_t preset; /* whose: an index of mg_presets */
};

/** Zero-initialise; end with mg_rules_clear(). */
struct mg_rules_read {
	struct mg_ruleset *rules; /* as iptables-save prints them, see struct mg_importing */
	struct mg_read_entry *entries;
	size_t entry_count, entry_capacity;
	struct mg_arena arena;	/* entries, remarks and their names */
	struct mg_arena trials; /* of one rule */
	struct mg_args words;	/* the same */
	struct mg_patterns patterns;
	uint32_t patterns_of; /* this chain */
	void *entry;	      /* that came of a pattern: the newest */
	uint32_t *counts;     /* rules in each chain */
	size_t count_capacity;
	struct mg_remark *remarks;
	size_t remark_count, remark_capacity;
	size_t pending;	       /* remarks whose rule has not come yet: the last ones */
	unsigned int families; /* that were read */
	char source[256];      /* where from, for people */
	const char *name;      /* of the text that is being read */
	enum mg_family family; /* the same */
	struct mg_notes wrong; /* lines that make no sense */
	bool lenient;	       /* they become remarks */
	unsigned int presets;  /* what is theirs is left to them: bits 1 << index in mg_presets */
	unsigned int found;    /* whose rules these seem to be, some of them */
	struct mg_left_rule *left;
	size_t left_count, left_capacity;
};

/** A chain (@text is NULL), or a rule about a set, that tells of software whose it is: to @found.
 */
void mg_rules_see(struct mg_rules_read *read, const char *chain, const char *text);

/** Let the rules that are read keep what is the presets'. */
int mg_rules_keep(struct mg_rules_read *read, struct mg_error *error);

/**
 * Is a rule left to others? Then it is taken note of, and not to be added.
 * @name:   of its chain
 * @before: so many rules are in the chain
 */
int mg_rules_leave(struct mg_rules_read *read, uint32_t chain, const char *name,
		   const struct mg_compiled_rule *rule, const char *text, uint32_t before,
		   bool *left, struct mg_error *error);

/**
 * Where do the rules that are left stand among those of @made, which are proven
 * to be the others? @place: for each preset, for mg_rules_keep_lines()
 * @misfits: presets, as bits, for which there is no such place
 */
int mg_rules_place(const struct mg_rules_read *read, const struct mg_ruleset *made, size_t *place,
		   unsigned int *misfits, struct mg_error *error);

/** What the policy says for them, a line each; to be freed. */
int mg_rules_keep_lines(const struct mg_rules_read *read, const size_t *place, char **out,
			struct mg_error *error);

/** Note what was left to others, and what seems to be theirs and was not. */
int mg_rules_tell_left(const struct mg_rules_read *read, struct mg_notes *notes,
		       struct mg_error *error);

int mg_rules_read_texts(struct mg_rules_read *read, const struct mg_import *import,
			struct mg_error *error);
int mg_rules_read_live(struct mg_engine *engine, struct mg_rules_read *read,
		       struct mg_error *error);

/** Begin, take the text of a dump, and end: what the two above are made of. @name: for people */
int mg_rules_begin(struct mg_rules_read *read, struct mg_error *error);
int mg_rules_read_text(struct mg_rules_read *read, const char *name, enum mg_family family,
		       const char *text, size_t length, struct mg_error *error);
int mg_rules_end(struct mg_rules_read *read, struct mg_error *error);

/**
 * The families that were read and say anything: a host that never had rules for
 * one of them gets a policy for the other. All that were read where none does,
 * or where lines were left out that might.
 */
unsigned int mg_rules_families(const struct mg_rules_read *read);

/** What is wrong is an error, or where that is allowed a warning. Errors: MG_INVALID. */
int mg_rules_judge(struct mg_rules_read *read, struct mg_notes *notes, struct mg_error *error);

/**
 * One rule as iptables-save would print it.
 * @text: valid until the next call
 * Errors: MG_INVALID, also for one that lists several addresses.
 */
int mg_rules_print(struct mg_rules_read *read, enum mg_family family, const char *table,
		   const char *chain, uint32_t argc, const char *const *argv, const char **text,
		   struct mg_error *error);

/**
 * Would a policy that made @made have nothing to do where these rules are live?
 * @made: sealed
 * Errors: those of a rule that does not compile, with its origin.
 */
int mg_rules_prove(struct mg_rules_read *read, const struct mg_ruleset *made, bool *same,
		   struct mg_error *error);

/**
 * Compile the rule of a line, by the pattern of one before where it is like
 * that. @out: its list is valid until the next call
 */
int mg_rules_compile(struct mg_rules_read *read, const struct mg_dump_line *line, uint32_t chain,
		     struct mg_compiled_rule *out, struct mg_error *error);

/** The text of one entry of a rule, valid until the next call. */
int mg_rules_entry_text(const struct mg_rules_read *read, const struct mg_compiled_rule *rule,
			uint32_t number, const char **text, struct mg_error *error);

/**
 * Words as a ruleset keeps them, one after the other; valid until the next call.
 * @first: a word to stand before them, or NULL
 * Returns NULL without memory.
 */
const char *mg_rules_join(struct mg_rules_read *read, const char *first, uint32_t argc,
			  const char *const *argv, size_t *size);

/**
 * What rules of a chain are compiled with.
 * @asked: what @out points to; it must last as long
 */
void mg_rules_context(struct mg_rules_read *read, const char *table, const char *chain,
		      struct mg_compile_context *out, struct mg_compile_context *asked);

void mg_rules_clear(struct mg_rules_read *read);

#endif
