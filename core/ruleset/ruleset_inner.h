/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The inside of a ruleset, for those who make one: ruleset.c rule by rule,
 * crossing.c from what a confined process hands back.
 */
#ifndef MG_RULESET_INNER_H
#define MG_RULESET_INNER_H

#include "keep.h"
#include "lookup.h"
#include "ruleset.h"
#include "sets.h"

struct mg_chain_record {
	uint32_t family;
	uint32_t table, name, policy, origin; /* in strings; 0 is "" */
	uint32_t first, count;
};

struct mg_rule_record {
	uint32_t chain;
	uint32_t args, argc, args_size;
	uint32_t origin;
	uint32_t rank;
};

struct mg_ruleset {
	char *strings;
	size_t used, strings_capacity;
	struct mg_chain_record *chains;
	size_t chain_count, chain_capacity;
	struct mg_lookup names; /* of the chains */
	struct mg_rule_record *rules;
	size_t rule_count, rule_capacity;
	struct mg_keeps keeps;
	struct mg_sets sets;
	uint32_t last_origin;		  /* most rules share the origin of the one before */
	uint32_t last_chain[MG_FAMILIES]; /* rules of one chain come in a row */
};

/** What the chains of a ruleset are looked for by, in its names. */
uint32_t mg_ruleset_hash_chain(enum mg_family family, const char *table, const char *name);

#endif
