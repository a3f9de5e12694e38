/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a rule means: its list of arguments, read once into clauses that can
 * be held against many packets.
 *
 * All clauses of a rule must hold. A clause holds if one of its alternatives
 * does; negated, if none does. What is not understood becomes a clause that
 * may hold, so that a misreading never looks like an answer.
 *
 * Must not touch the kernel, libxtables or Lua. It is not the judge of what
 * iptables accepts: libxtables is.
 */
#ifndef MG_MEANING_H
#define MG_MEANING_H

#include "ruleset/ruleset.h"
#include "ruleset/sets.h"

#include "analysis/packet.h"

/* Three values, in this order: "and" is the least, "or" the greatest. */
enum mg_match { MG_MATCH_NO, MG_MATCH_MAYBE, MG_MATCH_YES };

enum mg_clause_kind {
	MG_CLAUSE_OPAQUE, /* not understood, or not to be known from the packet */
	MG_CLAUSE_ALWAYS,
	MG_CLAUSE_NEVER,
	MG_CLAUSE_UNDER, /* holds below a rate or a number of connections */
	MG_CLAUSE_OVER,	 /* holds above one */
	MG_CLAUSE_SOURCE,
	MG_CLAUSE_DESTINATION,
	MG_CLAUSE_SOURCE_RANGE,
	MG_CLAUSE_DESTINATION_RANGE,
	MG_CLAUSE_IN,
	MG_CLAUSE_OUT,
	MG_CLAUSE_PROTOCOL,
	MG_CLAUSE_SOURCE_PORT,
	MG_CLAUSE_DESTINATION_PORT,
	MG_CLAUSE_EITHER_PORT,
	MG_CLAUSE_TCP_FLAGS,
	MG_CLAUSE_STATE,
	MG_CLAUSE_ICMP,
	MG_CLAUSE_HOP_LIMIT,
	MG_CLAUSE_SOURCE_SET, /* a set of the policy's, whose members are known */
	MG_CLAUSE_DESTINATION_SET,
};

struct mg_clause {
	uint8_t kind;
	bool negated;
	uint32_t first, count; /* of its alternatives */
};

union mg_alternative {
	struct {
		unsigned char address[16], mask[16]; /* or: lowest, highest */
	} network;
	struct {
		char name[16];
		uint8_t length; /* how much of it counts */
		bool wildcard;	/* "eth+" */
	} interface;
	uint8_t protocol;
	struct mg_ports ports;
	struct {
		uint8_t mask, set;
	} flags;
	struct {
		unsigned int states;
		bool nat; /* SNAT or DNAT would do as well */
	} state;
	struct {
		uint8_t types[2], codes[2]; /* from, to */
	} icmp;
	struct {
		int low, high;
	} hop_limit;
	struct {
		const struct mg_set_member *members; /* the ruleset's */
		uint32_t count;
	} set;
};

enum mg_target_kind {
	MG_TARGET_NEXT, /* none, or one that lets the packet go on: LOG, MARK */
	MG_TARGET_ACCEPT,
	MG_TARGET_DROP,
	MG_TARGET_REJECT,
	MG_TARGET_RETURN,
	MG_TARGET_JUMP,
	MG_TARGET_GOTO,
	MG_TARGET_OPAQUE, /* ends the walk, or not: NFQUEUE, an unknown one */
};

struct mg_meaning {
	uint32_t first, count; /* of its clauses */
	enum mg_target_kind target;
	uint32_t chain;	  /* where MG_TARGET_JUMP and MG_TARGET_GOTO lead */
	const char *jump; /* the name behind -j, in any table; "" if there is none */
};

/** Clauses and alternatives of many rules. Zero-initialise; end with mg_clauses_clear(). */
struct mg_clauses {
	struct mg_clause *clauses;
	uint32_t clause_count;
	size_t clause_capacity;
	union mg_alternative *alternatives;
	uint32_t alternative_count;
	size_t alternative_capacity;
};

void mg_clauses_clear(struct mg_clauses *clauses);

/**
 * Read rule number @rule of a sealed ruleset; its clauses go to @clauses.
 * Returns 0 or -ENOMEM.
 */
int mg_meaning_read(const struct mg_ruleset *ruleset, uint32_t rule, struct mg_clauses *clauses,
		    struct mg_meaning *out);

/** Hold a rule against a packet. */
enum mg_match mg_meaning_match(const struct mg_clauses *clauses, const struct mg_meaning *meaning,
			       const struct mg_packet *packet);

#endif
