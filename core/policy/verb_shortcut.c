/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A verb whose options table is plain: `allow_inbound { from =, tcp =, comment = }`.
 *
 * Keys are compared by address: Lua keeps one copy of each short string, and
 * the names that are looked for stay in the upvalues.
 */
#include <lauxlib.h>
#include <string.h>

#include "rule_words.h"
#include "shortcuts.h"

/* Upvalues of a verb, behind the primitives. */
enum { VERB_SLOW = 2, VERB_SELF, VERB_NAMES };

struct verb {
	const char *helper, *chain, *state;	/* state: NULL for any */
	const char *own_comment;		/* a service's, or NULL */
	bool is_service;			/* the middle is fixed */
	const char *from, *tcp, *udp, *comment; /* the names, as Lua keeps them */
	unsigned int rank;
	/* what comes behind the comment, for TCP and for others */
	struct mg_words target_tcp, target;
	/* what comes between the address and the comment; loops say the same port again */
	struct mg_words middle;
	int port;
	bool is_tcp;
};

static void add_state(struct verb *verb)
{
	if (!verb->state)
		return;
	mg_words_add_literals(&verb->middle, "-m\0conntrack\0--ctstate", 3);
	mg_words_add(&verb->middle, verb->state);
}

static void make_middle(struct verb *verb, int port, bool is_tcp)
{
	const char *protocol = is_tcp ? "tcp" : "udp";

	mg_words_begin(&verb->middle);
	mg_words_add_literals(&verb->middle, "-p", 1);
	mg_words_add(&verb->middle, protocol);
	mg_words_add_port(&verb->middle, protocol, port);
	add_state(verb);
	verb->port = port;
	verb->is_tcp = is_tcp;
}

/* options -> whatever the helper gives */
static int run_verb(lua_State *L)
{
	struct verb *verb = lua_touserdata(L, lua_upvalueindex(VERB_SELF));
	struct mg_policy_address from = { .families = 0 };
	const char *comment = NULL;
	int port = 0;
	bool is_tcp = false;
	struct mg_words words;

	if (!mg_is_lone_table(L, 1))
		return mg_call_helper(L, lua_upvalueindex(VERB_SLOW));
	for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
		const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL;
		bool good = false;

		if (key == verb->from) {
			good = mg_plain_address(L, -1, &from);
		} else if (key && (key == verb->tcp || key == verb->udp) && !port &&
			   !verb->is_service) {
			port = mg_plain_port(L, -1);
			is_tcp = key == verb->tcp;
			good = port;
		} else if (key == verb->comment) {
			comment = mg_plain_text(L, -1, MG_LONGEST_COMMENT);
			good = comment;
		}
		if (!good) {
			lua_settop(L, 1);
			return mg_call_helper(L, lua_upvalueindex(VERB_SLOW));
		}
	}
	if (!from.families || (!port && !verb->is_service))
		return mg_call_helper(L, lua_upvalueindex(VERB_SLOW));
	if (!verb->is_service && (port != verb->port || is_tcp != verb->is_tcp))
		make_middle(verb, port, is_tcp);
	if (!comment)
		comment = verb->own_comment;
	mg_words_begin(&words);
	mg_words_add_literals(&words, "-s", 1);
	mg_words_add(&words, from.text);
	mg_words_add_bytes(&words, verb->middle.bytes, verb->middle.size, verb->middle.count);
	if (comment)
		mg_words_add_comment(&words, comment);
	if (is_tcp)
		mg_words_add_bytes(&words, verb->target_tcp.bytes, verb->target_tcp.size,
				   verb->target_tcp.count);
	else
		mg_words_add_bytes(&words, verb->target.bytes, verb->target.size,
				   verb->target.count);
	mg_words_append(L, (unsigned int)from.families, "filter", verb->chain, verb->rank,
			verb->helper, &words);
	return 0;
}

static void read_words(lua_State *L, int index, struct mg_words *out)
{
	lua_Integer i, count = (lua_Integer)lua_rawlen(L, index);

	mg_words_begin(out);
	for (i = 1; i <= count; i++) {
		lua_rawgeti(L, index, i);
		mg_words_add(out, luaL_checkstring(L, -1));
		lua_pop(L, 1);
	}
}

int mg_verb_shortcut(lua_State *L)
{
	struct verb *verb;
	int names;

	luaL_checktype(L, 1, LUA_TFUNCTION);
	luaL_checktype(L, 6, LUA_TTABLE);
	lua_settop(L, 9);
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_pushvalue(L, 1);
	verb = lua_newuserdatauv(L, sizeof(*verb), 0);
	lua_newtable(L);
	names = lua_gettop(L);
	*verb = (struct verb){
		.helper = mg_hold_string(L, names, luaL_checkstring(L, 2)),
		.chain = mg_hold_string(L, names, luaL_checkstring(L, 3)),
		.rank = (unsigned int)luaL_checkinteger(L, 4),
		.state = lua_isnil(L, 5) ? NULL : mg_hold_string(L, names, luaL_checkstring(L, 5)),
		.from = mg_hold_string(L, names, "from"),
		.tcp = mg_hold_string(L, names, "tcp"),
		.udp = mg_hold_string(L, names, "udp"),
		.comment = mg_hold_string(L, names, "comment"),
		.is_service = !lua_isnil(L, 8),
		.own_comment = lua_isnil(L, 9) ? NULL
					       : mg_hold_string(L, names, luaL_checkstring(L, 9)),
	};
	read_words(L, 6, &verb->target);
	read_words(L, lua_isnil(L, 7) ? 6 : 7, &verb->target_tcp);
	if (verb->is_service) {
		read_words(L, 8, &verb->middle);
		add_state(verb);
	}
	lua_pushcclosure(L, run_verb, VERB_NAMES);
	return 1;
}
