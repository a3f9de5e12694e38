/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the two common rules share: values that are as plain as they can be,
 * and the words of a rule in the making.
 */
#ifndef MG_RULE_WORDS_H
#define MG_RULE_WORDS_H

#include "address.h"
#include "primitives.h"

enum { MG_LONGEST_COMMENT = 255, MG_LONGEST_VALUE = 1024, MG_MOST_COMMON_WORDS = 64 };

/** Words of a rule, one after the other as a ruleset keeps them. */
struct mg_words {
	char bytes[4096];
	size_t size;
	uint32_t count;
	bool full; /* something did not fit */
};

void mg_words_begin(struct mg_words *words);

/** @count words in @size bytes, the last NUL included. */
void mg_words_add_bytes(struct mg_words *words, const char *bytes, size_t size, uint32_t count);
void mg_words_add(struct mg_words *words, const char *word);

/** Words as one literal, with NULs between them. */
#define mg_words_add_literals(words, literal, count)                                               \
	mg_words_add_bytes(words, literal, sizeof(literal), count)

/** "-m tcp --dport 22" */
void mg_words_add_port(struct mg_words *words, const char *protocol, int port);

/** "-m comment --comment TEXT" */
void mg_words_add_comment(struct mg_words *words, const char *comment);

/** Append the rule to a chain of @families (1: IPv4, 2: IPv6, 3: both); may raise. */
void mg_words_append(lua_State *L, unsigned int families, const char *table, const char *chain,
		     unsigned int rank, const char *helper, const struct mg_words *words);

/**
 * Free text as the language takes it (schema.lua, bad_text), or NULL: then the
 * helper in Lua says why not.
 */
const char *mg_plain_text(lua_State *L, int index, size_t longest);

/** One address or network that means what it says. */
bool mg_plain_address(lua_State *L, int index, struct mg_policy_address *out);

/** A port, or 0. */
int mg_plain_port(lua_State *L, int index);

/** Is there one table at @index and nothing behind it, and nothing that acts when it is read? */
bool mg_is_lone_table(lua_State *L, int index);

/** Hand all arguments to the helper at @slow, and its results to the caller. */
int mg_call_helper(lua_State *L, int slow);

/** Keep a string in the table at @names; returns its address, which stays the same. */
const char *mg_hold_string(lua_State *L, int names, const char *text);

#endif
