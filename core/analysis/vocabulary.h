/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The options of iptables and of the matches that the analysis understands,
 * and how an argument names one.
 *
 * Owns nothing. Must not touch the kernel, libxtables or Lua.
 */
#ifndef MG_VOCABULARY_H
#define MG_VOCABULARY_H

#include <moongate.h>

/** What an option asks, whoever's it is. */
enum mg_word_id {
	MG_WORD_OPAQUE,	 /* understood as an option, not judged */
	MG_WORD_NOTHING, /* asks nothing of the packet by itself */
	MG_WORD_SOURCE,
	MG_WORD_DESTINATION,
	MG_WORD_IN,
	MG_WORD_OUT,
	MG_WORD_PROTOCOL,
	MG_WORD_MATCH,
	MG_WORD_JUMP,
	MG_WORD_GOTO,
	MG_WORD_FRAGMENT,
	MG_WORD_COUNTERS, /* two numbers, in two arguments or with a comma in one */
	MG_WORD_SOURCE_PORT,
	MG_WORD_DESTINATION_PORT,
	MG_WORD_PORTS,
	MG_WORD_SYN,
	MG_WORD_TCP_FLAGS,
	MG_WORD_STATE,
	MG_WORD_ICMP_TYPE,
	MG_WORD_HOPS_EQUAL,
	MG_WORD_HOPS_LESS,
	MG_WORD_HOPS_MORE,
	MG_WORD_SOURCE_RANGE,
	MG_WORD_DESTINATION_RANGE,
	MG_WORD_UNDER,
	MG_WORD_OVER,
	MG_WORD_RECENT_SET,
	MG_WORD_RECENT_CHECK,
	MG_WORD_RECENT_HITS,
	MG_WORD_IN_SET,
	MG_WORD_UNSURE_OF_SET, /* being a member is not all that counts */
};

/** Whose an option is; used as the number of a bit. */
enum mg_word_owner {
	MG_WORD_OF_IPTABLES,
	MG_WORD_OF_UNKNOWN, /* any match that is not listed here */
	MG_WORD_OF_TCP,
	MG_WORD_OF_UDP, /* and what has its options: udplite */
	MG_WORD_OF_MULTIPORT,
	MG_WORD_OF_CONNTRACK,
	MG_WORD_OF_STATE,
	MG_WORD_OF_ICMP,
	MG_WORD_OF_ICMP6,
	MG_WORD_OF_COMMENT,
	MG_WORD_OF_HL,
	MG_WORD_OF_TTL,
	MG_WORD_OF_IPRANGE,
	MG_WORD_OF_LIMIT,
	MG_WORD_OF_HASHLIMIT,
	MG_WORD_OF_CONNLIMIT,
	MG_WORD_OF_RECENT,
	MG_WORD_OF_SET,
};

struct mg_word {
	const char *name;
	enum mg_word_owner owner;
	enum mg_word_id id;
	unsigned int values; /* how many arguments it takes */
};

/** Whose options "-m @match" brings. */
enum mg_word_owner mg_word_owner(const char *match);

/**
 * The option that @argument names, or NULL.
 * @loaded:   bits of the matches that -m has named so far
 * @protocol: of -p: its match's options are known without -m; 0 for none
 * @attached: the value in the same argument ("-ptcp", "--dport=22"), or NULL
 */
const struct mg_word *mg_word_find(const char *argument, unsigned int loaded, uint8_t protocol,
				   const char **attached);

#endif
