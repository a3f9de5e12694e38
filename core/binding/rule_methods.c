/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The methods of a table that put rules in and take them out.
 */
/***
@submodule moongate.netfilter
*/
#include <string.h>

#include "binding.h"

/* Is the value at @index one of this module's rules? */
static struct mg_lua_rule *to_rule(lua_State *L, int index)
{
	return luaL_testudata(L, index, MG_LUA_RULE);
}

static void check_spec(lua_State *L, int index)
{
	luaL_argexpected(L,
			 lua_type(L, index) == LUA_TSTRING || lua_istable(L, index) ||
				 to_rule(L, index),
			 index, "string, table or rule");
}

/*
 * A rule object of the table at 1: whether it is still there, with the words for
 * the error where it is not.
 */
static int check_own(lua_State *L, const struct mg_lua_table *table, int index,
		     struct mg_error *error)
{
	bool own;

	lua_getiuservalue(L, index, 1);
	own = lua_rawequal(L, -1, 1);
	lua_pop(L, 1);
	error->status = MG_INVALID;
	if (!own)
		strcpy(error->text, "the rule belongs to another table: give its arguments() to "
				    "this one");
	else if (!mg_edit_rule(table->edit, to_rule(L, index)->id))
		strcpy(error->text, "the rule is gone: it was deleted or replaced");
	else
		return 0;
	return -1;
}

/*
 * What the caller means by @index: a rule that was built, or words that are built
 * now, for the chain that argument 2 names.
 * table name ... -> ... [words]
 */
static int take_spec(lua_State *L, const struct mg_lua_table *table, int index,
		     struct mg_edit_span *span, struct mg_error *error)
{
	const struct mg_lua_rule *rule = to_rule(L, index);
	struct mg_lua_words *words = NULL;
	struct mg_edit_chain *chain;

	if (!rule && mg_lua_read_words(L, index, &words, error))
		return -1;
	/* a finalizer may have closed the table meanwhile */
	chain = mg_lua_find_chain(table, lua_tostring(L, 2), error);
	if (!chain)
		return -1;
	if (!rule)
		return mg_edit_build(table->edit, chain, words->args, words->argc, words->size,
				     span, error);
	if (check_own(L, table, index, error))
		return -1;
	*span = (struct mg_edit_span){ rule->id, 1 };
	if (table->edit->rules[rule->id].chain == chain)
		return 0;
	error->status = MG_INVALID;
	strcpy(error->text, "the rule was built for another chain: give its arguments()");
	return -1;
}

/* -> rule... */
static int push_span(lua_State *L, struct mg_edit_span span)
{
	uint32_t i;

	luaL_checkstack(L, (int)span.count + 3, "one rule lists too many addresses");
	for (i = 0; i < span.count; i++)
		mg_lua_push_rule(L, 1, span.first + i);
	return (int)span.count;
}

/***
@type table
*/

/***
The rules of a chain, in order.
@function table:rules
@tparam string name
@treturn {rule,...} rules
@treturn[2] nil
@treturn[2] string message
@treturn[2] string code, `"invalid"` or `"stale"`
@raise when an argument has the wrong type
@usage
for number, rule in ipairs(filter:rules("INPUT")) do
  print(number, rule:text())
end
*/
/* table name -> rules | nil message code */
static int rules_of(lua_State *L)
{
	const struct mg_lua_table *table = mg_lua_check_table(L, 1);
	const struct mg_edit_chain *chain;
	struct mg_error error;
	uint32_t number = 0;

	mg_lua_check_name(L, 2);
	lua_settop(L, 2);
	lua_newtable(L);
	/* looked up each time: whatever Lua runs while it allocates may change the table */
	while ((chain = mg_lua_find_chain(table, lua_tostring(L, 2), &error)) &&
	       number < chain->count) {
		mg_lua_push_rule(L, 1, chain->rules[number]);
		lua_rawseti(L, 3, (lua_Integer)++number);
	}
	return chain ? 1 : mg_lua_failed(L, table, &error);
}

/***
One rule: by its number in a chain, or by the handle that @{rule:handle} gave.
@function table:rule
@tparam string|integer name of the chain; or a handle, alone
@tparam[opt] integer number from 1
@treturn rule
@treturn[2] nil
@treturn[2] string message
@treturn[2] string code, `"invalid"` or `"stale"`
@raise when an argument has the wrong type
@usage
print(filter:rule("INPUT", 1):text())
*/
/* table name number | table handle -> rule | nil message code */
static int rule_at(lua_State *L)
{
	const struct mg_lua_table *table = mg_lua_check_table(L, 1);
	const bool by_handle = lua_type(L, 2) == LUA_TNUMBER;
	const lua_Integer number = luaL_checkinteger(L, by_handle ? 2 : 3);
	const struct mg_edit_chain *chain;
	struct mg_error error;
	uint32_t id = (uint32_t)number;

	if (!by_handle)
		mg_lua_check_name(L, 2);
	if (!table->edit)
		return mg_lua_closed(L, table);
	if (by_handle) {
		if (number < 0 || !mg_edit_rule(table->edit, (uint64_t)number)) {
			lua_pushnil(L);
			lua_pushfstring(L, "no rule has the handle %I (any more)", number);
			lua_pushstring(L, "stale");
			return 3;
		}
	} else {
		chain = mg_lua_find_chain(table, lua_tostring(L, 2), &error);
		if (!chain || mg_edit_at(table->edit, chain, number, &id, &error))
			return mg_lua_failure(L, &error);
	}
	mg_lua_push_rule(L, 1, id);
	return 1;
}

/***
Compile a rule for a chain without putting it there: for @{table:append},
@{table:insert}, @{table:replace} and @{table:find} later.
@function table:build
@tparam string name of the chain
@tparam string|{string,...} spec one line in iptables' syntax, without `-A CHAIN`;
  or its words
@treturn rule further ones follow when it lists several addresses
@treturn[2] nil
@treturn[2] string message, in the plugin's words where it is the plugin's
@treturn[2] string code, `"invalid"` or `"stale"`
@raise when an argument has the wrong type
@usage
local rule = assert(filter:build("INPUT", { "-p", "tcp", "--dport", "22", "-j", "ACCEPT" }))
rule:set_counters(10, 600)
assert(filter:append("INPUT", rule))
*/
/* table name spec -> rule... | nil message code */
static int build(lua_State *L)
{
	const struct mg_lua_table *table = mg_lua_check_table(L, 1);
	struct mg_edit_span span;
	struct mg_error error;

	mg_lua_check_name(L, 2);
	check_spec(L, 3);
	luaL_argexpected(L, !to_rule(L, 3), 3, "string or table");
	lua_settop(L, 3);
	if (!table->edit || take_spec(L, table, 3, &span, &error))
		return mg_lua_failed(L, table, &error);
	return push_span(L, span);
}

/* Put what argument @index says in front of rule @number, or behind the last one. */
static int put(lua_State *L, int index, const lua_Integer *number)
{
	const struct mg_lua_table *table = mg_lua_check_table(L, 1);
	struct mg_edit_span span;
	struct mg_error error;

	lua_settop(L, index);
	if (!table->edit || take_spec(L, table, index, &span, &error))
		return mg_lua_failed(L, table, &error);
	if (mg_edit_insert(table->edit,
			   number ? *number
				  : (lua_Integer)table->edit->rules[span.first].chain->count + 1,
			   span, &error))
		return mg_lua_failure(L, &error);
	return push_span(L, span);
}

/***
Put a rule at the end of a chain.
@function table:append
@tparam string name of the chain
@tparam string|{string,...}|rule spec as @{table:build} takes it, or what that gave
@treturn rule further ones follow when it lists several addresses
@treturn[2] nil
@treturn[2] string message
@treturn[2] string code, `"invalid"` or `"stale"`
@raise when an argument has the wrong type
@usage
assert(filter:append("INPUT", "-p tcp --dport ssh -m comment --comment 'the office' -j ACCEPT"))
*/
/* table name spec -> rule... | nil message code */
static int append(lua_State *L)
{
	mg_lua_check_table(L, 1);
	mg_lua_check_name(L, 2);
	check_spec(L, 3);
	return put(L, 3, NULL);
}

/***
Put a rule in front of another.
@function table:insert
@tparam string name of the chain
@tparam integer number of the rule that is to follow, from 1; one more than there
  are is the end
@tparam string|{string,...}|rule spec as @{table:append} takes it
@treturn rule further ones follow, in their order, when it lists several addresses
@treturn[2] nil
@treturn[2] string message
@treturn[2] string code, `"invalid"` or `"stale"`
@raise when an argument has the wrong type
@usage
assert(filter:insert("INPUT", 1, "-i lo -j ACCEPT"))
*/
/* table name number spec -> rule... | nil message code */
static int insert(lua_State *L)
{
	lua_Integer number;

	mg_lua_check_table(L, 1);
	mg_lua_check_name(L, 2);
	number = luaL_checkinteger(L, 3);
	check_spec(L, 4);
	return put(L, 4, &number);
}

/* The id of the rule that argument 2, or 2 and 3, name. */
static int take_place(lua_State *L, const struct mg_lua_table *table, uint32_t *id,
		      struct mg_error *error)
{
	const struct mg_edit_chain *chain;

	if (to_rule(L, 2)) {
		*id = to_rule(L, 2)->id;
		return check_own(L, table, 2, error);
	}
	chain = mg_lua_find_chain(table, lua_tostring(L, 2), error);
	return chain ? mg_edit_at(table->edit, chain, lua_tointeger(L, 3), id, error) : -1;
}

/***
Put a rule in the place of another, which is gone then. Its counters begin anew.
@function table:replace
@tparam string|rule name of the chain; or the rule, and the spec right behind it
@tparam[opt] integer number from 1
@tparam string|{string,...}|rule spec as @{table:append} takes it; of one address at most
@treturn rule the new one
@treturn[2] nil
@treturn[2] string message
@treturn[2] string code, `"invalid"` or `"stale"`
@raise when an argument has the wrong type
@usage
assert(filter:replace("INPUT", 1, "-i lo -j ACCEPT"))
@usage
local rule = filter:rule("INPUT", 1)
assert(filter:replace(rule, "-i lo -j DROP"))
*/
/* table name number spec | table rule spec -> rule | nil message code */
static int replace(lua_State *L)
{
	const struct mg_lua_table *table = mg_lua_check_table(L, 1);
	const bool by_rule = to_rule(L, 2) != NULL;
	const int spec = by_rule ? 3 : 4;
	struct mg_edit_span span;
	struct mg_error error;
	uint32_t id;

	if (!by_rule) {
		mg_lua_check_name(L, 2);
		luaL_checkinteger(L, 3);
	}
	check_spec(L, spec);
	lua_settop(L, spec);
	if (!table->edit || take_place(L, table, &id, &error))
		return mg_lua_failed(L, table, &error);
	if (by_rule) { /* its chain's name, for what follows */
		lua_pushstring(L, table->edit->rules[id].chain->name);
		lua_replace(L, 2);
	}
	if (!table->edit || take_spec(L, table, spec, &span, &error))
		return mg_lua_failed(L, table, &error);
	if (mg_edit_replace(table->edit, id, span, &error))
		return mg_lua_failure(L, &error);
	return push_span(L, span);
}

/***
Delete a rule: the one given, the one with that number, or the first that means
the same as a spec. Of a spec that lists several addresses all rules are deleted,
or none.
@function table:delete
@tparam string|rule name of the chain; or the rule, alone
@tparam[opt] integer|string|{string,...}|rule which its number from 1, or a spec
@treturn boolean true
@treturn[2] nil
@treturn[2] string message
@treturn[2] string code, `"invalid"` or `"stale"`
@raise when an argument has the wrong type
@usage
assert(filter:delete("INPUT", "-p tcp --dport 23 -j ACCEPT"))
@usage
for _, rule in ipairs(filter:rules("INPUT")) do
  if rule:counters() == 0 then
    assert(filter:delete(rule))
  end
end
*/
/* table rule | table name number | table name spec -> true | nil message code */
static int delete (lua_State *L)
{
	const struct mg_lua_table *table = mg_lua_check_table(L, 1);
	const bool by_place = to_rule(L, 2) || lua_type(L, 3) == LUA_TNUMBER;
	struct mg_edit_span span;
	struct mg_error error;
	uint32_t id;
	int err;

	if (!to_rule(L, 2))
		mg_lua_check_name(L, 2);
	if (!by_place)
		check_spec(L, 3);
	else if (!to_rule(L, 2))
		luaL_checkinteger(L, 3);
	lua_settop(L, 3);
	if (!table->edit)
		return mg_lua_closed(L, table);
	err = by_place ? take_place(L, table, &id, &error) : take_spec(L, table, 3, &span, &error);
	if (!err && by_place)
		mg_edit_remove(table->edit, id);
	else if (!err)
		err = mg_edit_remove_equal(table->edit, span, &error);
	if (err)
		return mg_lua_failed(L, table, &error);
	lua_pushboolean(L, true);
	return 1;
}

/***
The first rule of a chain that means the same as a spec, as `iptables -C` looks
for it.
@function table:find
@tparam string name of the chain
@tparam string|{string,...}|rule spec as @{table:append} takes it; of several
  addresses the first
@treturn rule
@treturn[2] nil
@treturn[2] string message
@treturn[2] string code, `"invalid"` or `"stale"`
@raise when an argument has the wrong type
@usage
if not filter:find("INPUT", "-i lo -j ACCEPT") then
  assert(filter:insert("INPUT", 1, "-i lo -j ACCEPT"))
end
*/
/* table name spec -> rule | nil message code */
static int find(lua_State *L)
{
	const struct mg_lua_table *table = mg_lua_check_table(L, 1);
	struct mg_edit_span span;
	struct mg_error error;
	uint32_t number;

	mg_lua_check_name(L, 2);
	check_spec(L, 3);
	lua_settop(L, 3);
	if (!table->edit || take_spec(L, table, 3, &span, &error))
		return mg_lua_failed(L, table, &error);
	if (mg_edit_find(table->edit, span.first, 0, &number, &error))
		return mg_lua_failure(L, &error);
	mg_lua_push_rule(L, 1, table->edit->rules[span.first].chain->rules[number - 1]);
	return 1;
}

const luaL_Reg mg_lua_rule_methods[] = {
	{ "rules", rules_of }, { "rule", rule_at },  { "build", build },
	{ "append", append },  { "insert", insert }, { "replace", replace },
	{ "delete", delete },  { "find", find },     { NULL, NULL },
};
