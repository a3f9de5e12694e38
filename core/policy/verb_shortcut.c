/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A verb whose options table is plain: `allow_inbound { from =, to =, tcp =, state =, comment = }`.
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
	const char *helper, *chain, *state;			 /* state: NULL for any */
	const char *own_comment;				 /* a service's, or NULL */
	bool is_service;					 /* the middle is fixed */
	const char *from, *to, *tcp, *udp, *comment, *state_key; /* the names, as Lua keeps them */
	unsigned int rank;
	/* what comes behind the comment, for TCP and for others */
	struct mg_words target_tcp, target;
	/* what comes between the address and the comment; loops say the same port again */
	struct mg_words middle;
	int port;
	bool is_tcp;
	const char *middle_state;
};

/* What an options table says, where it is plain. */
struct plain {
	struct mg_policy_address from, to;
	const char *comment, *state;
	int port;
	bool is_tcp;
};

static void add_state(struct mg_words *words, const char *state)
{
	if (!state)
		return;
	mg_words_add_literals(words, "-m\0conntrack\0--ctstate", 3);
	mg_words_add(words, state);
}

static void make_middle(struct verb *verb, const struct plain *plain)
{
	const char *protocol = plain->is_tcp ? "tcp" : "udp";

	mg_words_begin(&verb->middle);
	mg_words_add_literals(&verb->middle, "-p", 1);
	mg_words_add(&verb->middle, protocol);
	mg_words_add_port(&verb->middle, protocol, plain->port);
	add_state(&verb->middle, plain->state);
	verb->port = plain->port;
	verb->is_tcp = plain->is_tcp;
	verb->middle_state = plain->state;
}

/* One state as conntrack names it, or "any": NULL in @out. Returns whether it is that. */
static bool plain_state(lua_State *L, const char **out)
{
	static const char *const names[] = { "INVALID",	  "NEW",  "RELATED", "ESTABLISHED",
					     "UNTRACKED", "SNAT", "DNAT" };
	const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
	size_t i;

	*out = NULL;
	if (strcmp(text, "any") == 0)
		return true;
	for (i = 0; i < sizeof(names) / sizeof(*names) && !*out; i++)
		if (strcmp(text, names[i]) == 0)
			*out = names[i];
	return *out;
}

/* A key and its value lie on the stack, at -2 and -1. */
static bool read_option(lua_State *L, const struct verb *verb, struct plain *plain)
{
	const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL;

	if (!key)
		return false;
	if (key == verb->from)
		return mg_plain_address(L, -1, &plain->from);
	if (key == verb->to)
		return mg_plain_address(L, -1, &plain->to);
	if ((key == verb->tcp || key == verb->udp) && !plain->port && !verb->is_service) {
		plain->port = mg_plain_port(L, -1);
		plain->is_tcp = key == verb->tcp;
		return plain->port;
	}
	if (key == verb->comment) {
		plain->comment = mg_plain_text(L, -1, MG_LONGEST_COMMENT);
		return plain->comment;
	}
	/* the middle of a service has its state in it */
	return key == verb->state_key && !verb->is_service && plain_state(L, &plain->state);
}

/* The families in which the addresses can match, 0 without an address. */
static unsigned int families_of(const struct plain *plain)
{
	unsigned int families = 3;

	if (plain->from.families)
		families &= (unsigned int)plain->from.families;
	if (plain->to.families)
		families &= (unsigned int)plain->to.families;
	return plain->from.families || plain->to.families ? families : 0;
}

static void write_rule(struct verb *verb, const struct plain *plain, struct mg_words *words)
{
	const struct mg_words *target = plain->is_tcp ? &verb->target_tcp : &verb->target;
	const char *comment = plain->comment ? plain->comment : verb->own_comment;

	mg_words_begin(words);
	if (plain->from.families) {
		mg_words_add_literals(words, "-s", 1);
		mg_words_add(words, plain->from.text);
	}
	if (plain->to.families) {
		mg_words_add_literals(words, "-d", 1);
		mg_words_add(words, plain->to.text);
	}
	mg_words_add_bytes(words, verb->middle.bytes, verb->middle.size, verb->middle.count);
	if (comment)
		mg_words_add_comment(words, comment);
	mg_words_add_bytes(words, target->bytes, target->size, target->count);
}

/* options -> whatever the helper gives */
static int run_verb(lua_State *L)
{
	struct verb *verb = lua_touserdata(L, lua_upvalueindex(VERB_SELF));
	struct plain plain = { .state = verb->state };
	unsigned int families;
	struct mg_words words;

	if (!mg_is_lone_table(L, 1))
		return mg_call_helper(L, lua_upvalueindex(VERB_SLOW));
	for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1))
		if (!read_option(L, verb, &plain)) {
			lua_settop(L, 1);
			return mg_call_helper(L, lua_upvalueindex(VERB_SLOW));
		}
	families = families_of(&plain);
	if (!families || (!plain.port && !verb->is_service))
		return mg_call_helper(L, lua_upvalueindex(VERB_SLOW));
	if (!verb->is_service && (plain.port != verb->port || plain.is_tcp != verb->is_tcp ||
				  plain.state != verb->middle_state))
		make_middle(verb, &plain);
	write_rule(verb, &plain, &words);
	mg_words_append(L, families, "filter", verb->chain, verb->rank, verb->helper, &words);
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
		.to = mg_hold_string(L, names, "to"),
		.state_key = mg_hold_string(L, names, "state"),
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
		add_state(&verb->middle, verb->state);
	}
	lua_pushcclosure(L, run_verb, VERB_NAMES);
	return 1;
}
