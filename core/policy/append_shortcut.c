/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An append whose options table is plain, or whose text is like one before.
 *
 * Keys are compared by address: Lua keeps one copy of each short string, and
 * the names that are looked for stay in the upvalues.
 */
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "rule_words.h"
#include "shortcuts.h"
#include "text_rule.h"

/* Upvalues of an append, behind the primitives. */
enum { APPEND_SLOW = 2, APPEND_OBJECT, APPEND_SELF, APPEND_PLAIN, APPEND_TEXTS, APPEND_NAMES };

struct structured {
	const char *table, *chain;
	unsigned int families, rank;
	/* the names, as Lua keeps them */
	const char *protocol, *source, *destination, *destination_port, *match, *comment, *jump;
};

/* What an options table says, where it is plain. */
struct parts {
	struct mg_policy_address source, destination;
	const char *protocol, *comment, *jump;
	int port;
	bool has_match; /* a table; its place on the stack is known then */
};

/* Does the table at @index have true, or a string, at the value at -1? Pushes what it has. */
static bool is_plain(lua_State *L, const char *kind)
{
	lua_getfield(L, lua_upvalueindex(APPEND_PLAIN), kind);
	lua_pushvalue(L, -2);
	lua_rawget(L, -2);
	lua_remove(L, -2);
	return lua_toboolean(L, -1);
}

static bool is_port_protocol(const char *name)
{
	return name && (strcmp(name, "tcp") == 0 || strcmp(name, "udp") == 0);
}

/* A key and its value lie on the stack, at -2 and -1. */
static bool read_part(lua_State *L, const struct structured *self, struct parts *parts)
{
	const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL;
	bool good = false;

	if (!key)
		return false;
	if (key == self->source) {
		good = mg_plain_address(L, -1, &parts->source);
	} else if (key == self->destination) {
		good = mg_plain_address(L, -1, &parts->destination);
	} else if (key == self->protocol) {
		/* as C sees it, "tcp\0" is "tcp" */
		parts->protocol = mg_plain_text(L, -1, MG_LONGEST_VALUE);
		good = is_port_protocol(parts->protocol);
	} else if (key == self->destination_port) {
		parts->port = mg_plain_port(L, -1);
		good = parts->port;
	} else if (key == self->comment) {
		parts->comment = mg_plain_text(L, -1, MG_LONGEST_COMMENT);
		good = parts->comment;
	} else if (key == self->jump) {
		parts->jump = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
		good = parts->jump && is_plain(L, "target");
		if (parts->jump)
			lua_pop(L, 1);
	} else if (key == self->match) {
		parts->has_match = lua_type(L, -1) == LUA_TTABLE;
		good = parts->has_match;
	}
	return good;
}

/* The value of an option, at -1. */
static bool add_value(lua_State *L, struct mg_words *words)
{
	char digits[24];
	const char *text;

	if (lua_isinteger(L, -1)) {
		snprintf(digits, sizeof(digits), "%lld", (long long)lua_tointeger(L, -1));
		mg_words_add(words, digits);
		return true;
	}
	text = mg_plain_text(L, -1, MG_LONGEST_VALUE);
	if (text)
		mg_words_add(words, text);
	return text;
}

/* { "conntrack", ctstate = "NEW" } at @match: its name and at most one option. */
static bool add_match(lua_State *L, int match, struct mg_words *words)
{
	int seen = 0;
	bool good;

	if (lua_rawgeti(L, match, 1) != LUA_TSTRING || !is_plain(L, "match"))
		return false;
	mg_words_add_literals(words, "-m", 1);
	mg_words_add(words, lua_tostring(L, -2));
	lua_settop(L, match);
	for (lua_pushnil(L); lua_next(L, match); lua_pop(L, 1)) {
		if (lua_type(L, -2) != LUA_TSTRING) {
			/* the name, or something that has no business here */
			if (!lua_isinteger(L, -2) || lua_tointeger(L, -2) != 1)
				return false;
			continue;
		}
		if (seen++) /* several are written in sorted order */
			return false;
		lua_pushvalue(L, -2);
		good = is_plain(L, "option");
		if (good)
			mg_words_add(words, lua_tostring(L, -1));
		lua_pop(L, 2);
		if (!good || !add_value(L, words))
			return false;
	}
	return true;
}

/* The list of matches at @list. */
static bool add_matches(lua_State *L, int list, struct mg_words *words)
{
	lua_Integer wanted = 0;

	if (lua_getmetatable(L, list))
		return false;
	/* a plain list is walked in order; anything else is for the helper */
	for (lua_pushnil(L); lua_next(L, list); lua_settop(L, list + 1)) {
		if (!lua_isinteger(L, -2) || lua_tointeger(L, -2) != ++wanted ||
		    lua_type(L, -1) != LUA_TTABLE)
			return false;
		if (lua_getmetatable(L, -1) || !add_match(L, list + 2, words))
			return false;
	}
	return true;
}

static bool read_rule(lua_State *L, const struct structured *self, struct parts *parts)
{
	for (lua_pushnil(L); lua_next(L, 2); lua_pop(L, 1))
		if (!read_part(L, self, parts))
			return false;
	return parts->jump && (!parts->port || parts->protocol);
}

/* The words, in the order in which the helper writes them. */
static bool write_rule(lua_State *L, const struct structured *self, const struct parts *parts,
		       struct mg_words *words)
{
	mg_words_begin(words);
	if (parts->source.families) {
		mg_words_add_literals(words, "-s", 1);
		mg_words_add(words, parts->source.text);
	}
	if (parts->destination.families) {
		mg_words_add_literals(words, "-d", 1);
		mg_words_add(words, parts->destination.text);
	}
	if (parts->protocol) {
		mg_words_add_literals(words, "-p", 1);
		mg_words_add(words, parts->protocol);
	}
	if (parts->port)
		mg_words_add_port(words, parts->protocol, parts->port);
	if (parts->has_match) {
		lua_pushstring(L, self->match);
		lua_rawget(L, 2);
		if (!add_matches(L, 3, words))
			return false;
	}
	if (parts->comment)
		mg_words_add_comment(words, parts->comment);
	mg_words_add_literals(words, "-j", 1);
	mg_words_add(words, parts->jump);
	return !words->full;
}

/* object text -> object */
static int run_text(lua_State *L, const struct structured *self)
{
	struct mg_primitives *primitives = lua_touserdata(L, lua_upvalueindex(1));
	struct mg_text_rule rule;
	struct mg_text_before before;
	unsigned int families;
	int results;

	if (!mg_text_rule_read(L, 2, primitives, &rule))
		return mg_call_helper(L, lua_upvalueindex(APPEND_SLOW));
	families = mg_text_rule_families(L, lua_upvalueindex(APPEND_TEXTS), &rule);
	if (families) {
		mg_words_append(L, families, self->table, self->chain, self->rank, "append",
				&rule.words);
		lua_settop(L, 1);
		return 1;
	}
	mg_text_rule_begin(primitives, &before);
	results = mg_call_helper(L, lua_upvalueindex(APPEND_SLOW));
	mg_text_rule_learn(L, lua_upvalueindex(APPEND_TEXTS), primitives, &before, &rule);
	return results;
}

/* object options|text -> object */
static int run_append(lua_State *L)
{
	const struct structured *self = lua_touserdata(L, lua_upvalueindex(APPEND_SELF));
	struct parts parts = { .port = 0 };
	struct mg_words words;
	unsigned int families = self->families;

	if (lua_gettop(L) == 2 && lua_type(L, 2) == LUA_TSTRING &&
	    lua_rawequal(L, 1, lua_upvalueindex(APPEND_OBJECT)))
		return run_text(L, self);
	if (!lua_rawequal(L, 1, lua_upvalueindex(APPEND_OBJECT)) || !mg_is_lone_table(L, 2))
		return mg_call_helper(L, lua_upvalueindex(APPEND_SLOW));
	if (!read_rule(L, self, &parts) || !write_rule(L, self, &parts, &words)) {
		lua_settop(L, 2);
		return mg_call_helper(L, lua_upvalueindex(APPEND_SLOW));
	}
	if (parts.source.families)
		families &= (unsigned int)parts.source.families;
	if (parts.destination.families)
		families &= (unsigned int)parts.destination.families;
	lua_settop(L, 2);
	if (!families)
		return mg_call_helper(L, lua_upvalueindex(APPEND_SLOW));
	mg_words_append(L, families, self->table, self->chain, self->rank, "append", &words);
	lua_settop(L, 1);
	return 1;
}

int mg_append_shortcut(lua_State *L)
{
	struct structured *self;
	int names;

	luaL_checktype(L, 1, LUA_TFUNCTION);
	luaL_checktype(L, 7, LUA_TTABLE);
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_pushvalue(L, 1);
	lua_pushvalue(L, 2);
	self = lua_newuserdatauv(L, sizeof(*self), 0);
	lua_pushvalue(L, 7);
	lua_newtable(L);
	lua_newtable(L);
	names = lua_gettop(L);
	*self = (struct structured){
		.families = (unsigned int)luaL_checkinteger(L, 3),
		.table = mg_hold_string(L, names, luaL_checkstring(L, 4)),
		.chain = mg_hold_string(L, names, luaL_checkstring(L, 5)),
		.rank = (unsigned int)luaL_checkinteger(L, 6),
		.protocol = mg_hold_string(L, names, "protocol"),
		.source = mg_hold_string(L, names, "source"),
		.destination = mg_hold_string(L, names, "destination"),
		.destination_port = mg_hold_string(L, names, "destination_port"),
		.match = mg_hold_string(L, names, "match"),
		.comment = mg_hold_string(L, names, "comment"),
		.jump = mg_hold_string(L, names, "jump"),
	};
	lua_pushcclosure(L, run_append, APPEND_NAMES);
	return 1;
}
