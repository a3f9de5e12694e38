/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The live tables, with the policy line behind each rule.
 */
#ifndef MG_LIVE_H
#define MG_LIVE_H

#include "engine.h"

struct mg_live_rule {
	const char *text;   /* as iptables would print it */
	const char *origin; /* "file:line helper"; "" unknown; NULL: not ours */
	uint64_t packets, bytes;
};

struct mg_live_chain {
	enum mg_family family;
	const char *table, *name;
	const char *policy;	 /* NULL: a user chain */
	uint64_t packets, bytes; /* of the policy */
	uint32_t count;
};

/** What to do with them, in order: a chain, then its rules numbered from 1. Non-zero ends. */
struct mg_live_visitor {
	int (*chain)(void *context, const struct mg_live_chain *chain);
	int (*rule)(void *context, uint32_t number, const struct mg_live_rule *rule);
	void *context;
};

/**
 * Visit table filter of the engine's families as it is now. The lines come
 * from the generation that is live: the one that waits for a confirmation,
 * else the confirmed one.
 */
int mg_live_visit(struct mg_engine *engine, const struct mg_live_visitor *visitor,
		  struct mg_error *error);

/** How far what is live is from the confirmed generation. */
struct mg_drift {
	size_t missing;	 /* our rules that are not there, or not where they belong */
	size_t foreign;	 /* rules that are not ours */
	size_t policies; /* chain policies that differ */
};

/** Compare the live tables with a generation. */
int mg_live_drift(struct mg_engine *engine, const struct mg_generation *generation,
		  struct mg_drift *out, struct mg_error *error);

#endif
