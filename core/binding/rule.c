/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A rule of a table that was opened: a handle with its table for a user value.
 * It may outlive the rule and the table, and knows then.
 */
/***
@submodule moongate.netfilter
*/
#include <string.h>

#include "binding.h"
#include "netfilter/equal.h"
#include "netfilter/print.h"
#include "ruleset/failure.h"

/* A rule that was asked for, as far as it is there. */
struct asked {
	const struct mg_lua_table *table;
	struct mg_edit_rule *rule; /* NULL: it is gone, or the table is closed */
	uint32_t id;
};

void mg_lua_push_rule(lua_State *L, int index, uint32_t id)
{
	struct mg_lua_rule *rule = lua_newuserdatauv(L, sizeof(*rule), 1);

	rule->id = id;
	lua_pushvalue(L, index);
	lua_setiuservalue(L, -2, 1);
	luaL_setmetatable(L, MG_LUA_RULE);
}

/* rule ... -> rule ... */
static struct asked check_rule(lua_State *L)
{
	const struct mg_lua_rule *rule = luaL_checkudata(L, 1, MG_LUA_RULE);
	struct asked asked = { .id = rule->id };

	lua_getiuservalue(L, 1, 1);
	asked.table = luaL_testudata(L, -1, MG_LUA_TABLE);
	lua_pop(L, 1); /* the rule holds on to it */
	luaL_argcheck(L, asked.table, 1, "a rule without a table");
	if (asked.table->edit)
		asked.rule = mg_edit_rule(asked.table->edit, asked.id);
	return asked;
}

/* -> nil message code */
static int gone(lua_State *L, const struct asked *asked)
{
	if (!asked->table->edit)
		return mg_lua_closed(L, asked->table);
	lua_pushnil(L);
	lua_pushstring(L, "the rule is gone: it was deleted or replaced");
	lua_pushstring(L, "stale");
	return 3;
}

static int text_of(const struct asked *asked, const char **text, struct mg_error *error)
{
	return mg_entry_live_text(mg_family_ops(asked->table->edit->live->family),
				  &asked->rule->entry, text, error);
}

/***
A rule of a table. It is good until it is deleted or replaced, or the table is
closed or committed; then its methods return `nil, message, "stale"`. Two objects
that stand for one rule are equal.
@type rule
*/

/***
The rule as `iptables-save` prints it behind `-A CHAIN`.
@function rule:text
@treturn string
@treturn[2] nil
@treturn[2] string message
@treturn[2] string code, `"stale"`
@usage
print(filter:rule("INPUT", 1):text()) --> -i lo -j ACCEPT
*/
/* rule -> string | nil message code */
static int rule_text(lua_State *L)
{
	const struct asked asked = check_rule(L);
	struct mg_error error;
	const char *text;

	if (!asked.rule)
		return gone(L, &asked);
	if (text_of(&asked, &text, &error))
		return mg_lua_failure(L, &error);
	lua_pushstring(L, text);
	return 1;
}

/* args -> */
static int clear(lua_State *L)
{
	mg_args_clear(lua_touserdata(L, 1));
	return 0;
}

/***
The rule as a list of words, without quotes: what @{table:append} takes.
@function rule:arguments
@treturn {string,...} words
@treturn[2] nil
@treturn[2] string message
@treturn[2] string code: `"stale"`, or `"invalid"` where an extension of the rule is
  not installed here
@usage
-- the same rule in the other family
assert(filter6:append("INPUT", filter:rule("INPUT", 1):arguments()))
*/
/* rule -> words | nil message code */
static int rule_arguments(lua_State *L)
{
	struct mg_args *args;
	struct asked asked;
	struct mg_error error;
	const char *text;
	uint32_t i;

	luaL_checkudata(L, 1, MG_LUA_RULE);
	lua_settop(L, 1);
	args = mg_lua_guarded(L, sizeof(*args), "moongate.arguments", clear);
	asked = check_rule(L);
	if (!asked.rule)
		return gone(L, &asked);
	if (text_of(&asked, &text, &error))
		return mg_lua_failure(L, &error);
	if (!mg_text_tells_all(text)) {
		mg_set_error(&error, MG_INVALID,
			     "an extension of this rule is not installed here: %s", text);
		return mg_lua_failure(L, &error);
	}
	if (mg_args_split(args, text, strlen(text), &error))
		return mg_lua_failure(L, &error);
	lua_createtable(L, (int)args->argc, 0);
	for (i = 0; i < args->argc; i++) {
		lua_pushstring(L, args->argv[i]);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
	return 1;
}

/***
What the rule has counted, as it was read or set.
@function rule:counters
@treturn integer packets
@treturn integer bytes
@treturn[2] nil
@treturn[2] string message
@treturn[2] string code, `"stale"`
@usage
local packets, bytes = filter:rule("INPUT", 1):counters()
*/
/* rule -> packets bytes | nil message code */
static int rule_counters(lua_State *L)
{
	const struct asked asked = check_rule(L);
	struct xt_counters counters;

	if (!asked.rule)
		return gone(L, &asked);
	counters = mg_edit_counters(asked.table->edit, asked.id);
	lua_pushinteger(L, (lua_Integer)counters.pcnt);
	lua_pushinteger(L, (lua_Integer)counters.bcnt);
	return 2;
}

/***
Let the rule count from here on, as `iptables --set-counters` does.
@function rule:set_counters
@tparam integer packets
@tparam integer bytes
@treturn boolean true
@treturn[2] nil
@treturn[2] string message
@treturn[2] string code, `"stale"`
@raise when an argument has the wrong type
@usage
assert(filter:rule("INPUT", 1):set_counters(0, 0))
*/
/* rule packets bytes -> true | nil message code */
static int rule_set_counters(lua_State *L)
{
	const struct asked asked = check_rule(L);
	const lua_Integer packets = luaL_checkinteger(L, 2), bytes = luaL_checkinteger(L, 3);
	const struct xt_counters counters = { (uint64_t)packets, (uint64_t)bytes };
	struct mg_error error;

	luaL_argcheck(L, packets >= 0, 2, "a counter is not negative");
	luaL_argcheck(L, bytes >= 0, 3, "a counter is not negative");
	if (!asked.rule)
		return gone(L, &asked);
	if (mg_edit_set_counters(asked.table->edit, asked.id, counters, &error))
		return mg_lua_failure(L, &error);
	lua_pushboolean(L, true);
	return 1;
}

/***
The chain that the rule is in, or was built for.
@function rule:chain
@treturn string name
@treturn[2] nil
@treturn[2] string message
@treturn[2] string code, `"stale"`
@usage
print(rule:chain(), rule:number())
*/
/* rule -> string | nil message code */
static int rule_chain(lua_State *L)
{
	const struct asked asked = check_rule(L);

	if (!asked.rule)
		return gone(L, &asked);
	lua_pushstring(L, asked.rule->chain->name);
	return 1;
}

/***
Where the rule stands in its chain now.
@function rule:number
@treturn integer from 1; 0 for a rule that was built and stands nowhere
@treturn[2] nil
@treturn[2] string message
@treturn[2] string code, `"stale"`
@usage
-- put another in front of it
assert(filter:insert(rule:chain(), rule:number(), "-i lo -j ACCEPT"))
*/
/* rule -> integer | nil message code */
static int rule_number(lua_State *L)
{
	const struct asked asked = check_rule(L);

	if (!asked.rule)
		return gone(L, &asked);
	lua_pushinteger(L, mg_edit_number(asked.table->edit, asked.id));
	return 1;
}

/***
The verdict, the chain or the target extension that the rule leads to.
@function rule:target
@treturn string such as `"ACCEPT"`; `""` for a rule that only counts
@treturn[2] nil
@treturn[2] string message
@treturn[2] string code, `"stale"`
@usage
if rule:target() == "DROP" then print(rule:counters()) end
*/
/* rule -> string | nil message code */
static int rule_target(lua_State *L)
{
	const struct asked asked = check_rule(L);

	if (!asked.rule)
		return gone(L, &asked);
	lua_pushstring(L, asked.rule->entry.target);
	return 1;
}

/***
The rule's handle: a number that stays its own while the table is open, wherever
the rule goes, and that no other rule gets.
@function rule:handle
@treturn integer
@treturn[2] nil
@treturn[2] string message
@treturn[2] string code, `"stale"`
@usage
local handle = filter:rule("INPUT", 3):handle()
filter:insert("INPUT", 1, "-i lo -j ACCEPT")
print(filter:rule(handle):number()) --> 4
*/
/* rule -> integer | nil message code */
static int rule_handle(lua_State *L)
{
	const struct asked asked = check_rule(L);

	if (!asked.rule)
		return gone(L, &asked);
	lua_pushinteger(L, asked.id);
	return 1;
}

/* any any -> boolean */
static int rule_equal(lua_State *L)
{
	const struct mg_lua_rule *a = luaL_testudata(L, 1, MG_LUA_RULE);
	const struct mg_lua_rule *b = luaL_testudata(L, 2, MG_LUA_RULE);
	bool equal = a && b && a->id == b->id;

	if (equal) {
		lua_getiuservalue(L, 1, 1);
		lua_getiuservalue(L, 2, 1);
		equal = lua_rawequal(L, -1, -2);
	}
	lua_pushboolean(L, equal);
	return 1;
}

void mg_lua_rule_type(lua_State *L)
{
	static const luaL_Reg methods[] = {
		{ "text", rule_text },
		{ "arguments", rule_arguments },
		{ "counters", rule_counters },
		{ "set_counters", rule_set_counters },
		{ "chain", rule_chain },
		{ "number", rule_number },
		{ "target", rule_target },
		{ "handle", rule_handle },
		{ NULL, NULL },
	};
	static const luaL_Reg special[] = {
		{ "__eq", rule_equal },
		{ NULL, NULL },
	};
	const luaL_Reg *const all[] = { methods, NULL };

	mg_lua_type(L, MG_LUA_RULE, all, special);
}
