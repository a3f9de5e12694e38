/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A ruleset as plain data: what a policy says, before libxtables sees it.
 *
 * Rules are lists of arguments in iptables' own vocabulary, never one string.
 * The data is flat: tables of records and one area of strings, tied together
 * by offsets, so that it can cross a pipe, lie in a file and be walked
 * without a lock. Building appends in any order; mg_ruleset_seal() sorts each
 * chain's rules by rank (stable, so equal ranks keep script order). Reading
 * is possible only afterwards.
 *
 * Must not touch the kernel, libxtables or Lua.
 */
#ifndef MG_RULESET_H
#define MG_RULESET_H

#include <moongate.h>

/**
 * Ranks order the rules of filter's built-in chains (the stages of the policy
 * language). Gaps are where a stage has an inner order: "guard" holds TCP
 * flags, INVALID, spoofed sources, blocklists and rate limits, in this order.
 * Every other chain takes MG_RANK_SCRIPT for all rules: script order.
 */
enum mg_rank {
	MG_RANK_FIRST = 0,
	MG_RANK_ESTABLISHED = 10,
	MG_RANK_LOOPBACK = 20,
	MG_RANK_BEFORE_GUARD = 29, /* what the guards would take for nonsense */
	MG_RANK_GUARD_FLAGS = 30,
	MG_RANK_GUARD_INVALID = 31,
	MG_RANK_GUARD_SPOOFED = 32,
	MG_RANK_GUARD_BLOCK = 33,
	MG_RANK_GUARD_LIMIT = 34,
	MG_RANK_ALLOW = 40,
	MG_RANK_LAST = 50,
	MG_RANK_LAST_LOG = 51, /* what is about to be denied */
	MG_RANK_LAST_REJECT = 52,
	MG_RANK_SCRIPT = 40,
	MG_RANK_HIGHEST = 255, /* there may be */
};

#define MG_NO_RULE UINT32_MAX

/** What fits into a ruleset, both families together: no policy takes all of the memory. */
enum {
	MG_RULESET_MOST_RULES = 2 * 1000 * 1000,
	MG_RULESET_MOST_CHAINS = 200 * 1000,
	MG_RULESET_MOST_BYTES = 512 << 20, /* of all words and origins */
	MG_RULESET_MOST_WORDS = 1024,	   /* of one rule */
	MG_RULESET_MOST_KEEPS = 2000,
};

struct mg_ruleset;
struct mg_sets;

/** One chain of one table of one family, as the policy wants it. */
struct mg_chain_view {
	enum mg_family family;
	const char *table;  /* "filter" */
	const char *name;   /* "INPUT" */
	const char *policy; /* "ACCEPT", "DROP", or NULL: none was asked for */
	const char *origin; /* where the chain or its policy was asked for */
	uint32_t first;	    /* index of the chain's first rule */
	uint32_t count;	    /* how many rules it has; they are contiguous */
};

/** One rule. */
struct mg_rule_view {
	uint32_t chain;	  /* index of its chain */
	const char *args; /* argc strings, one after the other, each ended by NUL */
	uint32_t argc;
	uint32_t args_size; /* of all of them, in bytes */
	const char *origin; /* "file:line helper"; "" if unknown */
	unsigned int rank;
};

int mg_ruleset_new(struct mg_ruleset **out, struct mg_error *error);
void mg_ruleset_free(struct mg_ruleset *ruleset);

/**
 * Find or add a chain.
 * @out: its index, stable until mg_ruleset_seal() and after it
 */
int mg_ruleset_chain(struct mg_ruleset *ruleset, enum mg_family family, const char *table,
		     const char *name, const char *origin, uint32_t *out, struct mg_error *error);

/**
 * Set the policy of a chain: "ACCEPT" or "DROP".
 * The caller knows that the chain is a built-in one.
 */
int mg_ruleset_policy(struct mg_ruleset *ruleset, uint32_t chain, const char *policy,
		      const char *origin, struct mg_error *error);

/**
 * Append a rule to a chain. All strings are copied.
 */
int mg_ruleset_append(struct mg_ruleset *ruleset, uint32_t chain, unsigned int rank, uint32_t argc,
		      const char *const *argv, const char *origin, struct mg_error *error);

/**
 * The same, with the arguments as they are kept.
 * @args: argc strings, one after the other, each ended by NUL
 * @size: of all of them, in bytes
 */
int mg_ruleset_append_args(struct mg_ruleset *ruleset, uint32_t chain, unsigned int rank,
			   uint32_t argc, const char *args, size_t size, const char *origin,
			   struct mg_error *error);

/** Sort into reading order. Afterwards the ruleset is read-only. */
int mg_ruleset_seal(struct mg_ruleset *ruleset, struct mg_error *error);

/** Reading; @ruleset is sealed. */
uint32_t mg_ruleset_chain_count(const struct mg_ruleset *ruleset);
uint32_t mg_ruleset_rule_count(const struct mg_ruleset *ruleset);
void mg_ruleset_chain_at(const struct mg_ruleset *ruleset, uint32_t index,
			 struct mg_chain_view *out);
void mg_ruleset_rule_at(const struct mg_ruleset *ruleset, uint32_t index, struct mg_rule_view *out);

/** Index of a chain, or UINT32_MAX. */
uint32_t mg_ruleset_find_chain(const struct mg_ruleset *ruleset, enum mg_family family,
			       const char *table, const char *name);

/** The sets that the policy manages; any time, sealed or not. They are the ruleset's. */
struct mg_sets *mg_ruleset_sets(struct mg_ruleset *ruleset);
const struct mg_sets *mg_ruleset_sets_const(const struct mg_ruleset *ruleset);

/** The argument after @arg in a rule's list; the caller counts. */
const char *mg_arg_next(const char *arg);

#endif
