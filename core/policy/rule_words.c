/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading plain values, and writing the words of a rule.
 */
#include "rule_words.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

void mg_words_begin(struct mg_words *words)
{
	words->size = 0;
	words->count = 0;
	words->full = false;
}

void mg_words_add_bytes(struct mg_words *words, const char *bytes, size_t size, uint32_t count)
{
	if (words->size + size > sizeof(words->bytes) ||
	    words->count + count > MG_MOST_COMMON_WORDS) {
		words->full = true;
		return;
	}
	memcpy(words->bytes + words->size, bytes, size);
	words->size += size;
	words->count += count;
}

void mg_words_add(struct mg_words *words, const char *word)
{
	mg_words_add_bytes(words, word, strlen(word) + 1, 1);
}

/* Free text as the language takes it (schema.lua, bad_text): else the helper says why not. */
const char *mg_plain_text(lua_State *L, int index, size_t longest)
{
	size_t length, i;
	const char *text;

	if (lua_type(L, index) != LUA_TSTRING)
		return NULL;
	text = lua_tolstring(L, index, &length);
	if (length == 0 || length > longest)
		return NULL;
	for (i = 0; i < length; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			return NULL;
	return text;
}

/* One address or network that means what it says, or false. */
bool mg_plain_address(lua_State *L, int index, struct mg_policy_address *out)
{
	const char *text = mg_plain_text(L, index, MG_LONGEST_VALUE);
	char wrong[128];

	return text && mg_policy_address(text, out, wrong, sizeof(wrong)) == 0 &&
	       !out->had_host_bits && out->prefix != 0;
}

int mg_plain_port(lua_State *L, int index)
{
	lua_Integer port = lua_isinteger(L, index) ? lua_tointeger(L, index) : 0;

	return port >= 1 && port <= 65535 ? (int)port : 0;
}

/* Is there one table at @index and nothing behind it, and nothing that acts when it is read? */
bool mg_is_lone_table(lua_State *L, int index)
{
	if (lua_gettop(L) != index || lua_type(L, index) != LUA_TTABLE)
		return false;
	if (lua_getmetatable(L, index)) {
		lua_pop(L, 1);
		return false;
	}
	return true;
}

/* Hand the arguments to the helper in Lua, and its results to the caller. */
int mg_call_helper(lua_State *L, int slow)
{
	lua_pushvalue(L, slow);
	lua_insert(L, 1);
	lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
	return lua_gettop(L);
}

void mg_words_append(lua_State *L, unsigned int families, const char *table, const char *chain,
		     unsigned int rank, const char *helper, const struct mg_words *words)
{
	struct mg_primitives *primitives = lua_touserdata(L, lua_upvalueindex(1));
	const char *origin = mg_policy_origin(L, primitives, helper);
	struct mg_error error;
	uint32_t index;
	int family;

	for (family = 0; family < MG_FAMILIES; family++)
		if (families & ~primitives->left_out & 1U << family &&
		    (mg_ruleset_chain(primitives->ruleset, (enum mg_family)family, table, chain,
				      origin, &index, &error) ||
		     mg_ruleset_append_args(primitives->ruleset, index, rank, words->count,
					    words->bytes, words->size, origin, &error)))
			luaL_error(L, "%s", error.text);
}

/* "-p tcp -m tcp --dport 22" */
void mg_words_add_port(struct mg_words *words, const char *protocol, int port)
{
	char digits[8];

	snprintf(digits, sizeof(digits), "%d", port);
	mg_words_add_literals(words, "-m", 1);
	mg_words_add(words, protocol);
	mg_words_add_literals(words, "--dport", 1);
	mg_words_add(words, digits);
}

/* Push a string that stays; returns its address. */
const char *mg_hold_string(lua_State *L, int names, const char *text)
{
	const char *held = lua_pushstring(L, text);

	lua_pushboolean(L, true);
	lua_rawset(L, names);
	return held;
}

void mg_words_add_comment(struct mg_words *words, const char *comment)
{
	mg_words_add_literals(words, "-m\0comment\0--comment", 3);
	mg_words_add(words, comment);
}
