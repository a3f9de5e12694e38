/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The methods of a table that deal with its chains.
 */
/***
@submodule moongate.netfilter
*/
#include "binding.h"

/* -> true | nil message code */
static int done(lua_State *L, int err, const struct mg_error *error)
{
	if (err)
		return mg_lua_failure(L, error);
	lua_pushboolean(L, true);
	return 1;
}

/***
@type table
*/

/***
The names of all chains: the built-in ones as the kernel orders them, then the
others sorted.
@function table:chains
@treturn {string,...} names
@treturn[2] nil
@treturn[2] string message
@treturn[2] string code, `"stale"`
@usage
for _, name in ipairs(filter:chains()) do
  print(name, #filter:rules(name))
end
*/
/* table -> names | nil message code */
static int chains_of(lua_State *L)
{
	const struct mg_lua_table *table = mg_lua_check_table(L, 1);
	size_t i;

	if (!table->edit)
		return mg_lua_closed(L, table);
	lua_newtable(L);
	for (i = 0; table->edit && i < table->edit->chain_count; i++) {
		lua_pushstring(L, table->edit->chains[i]->name);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
	return 1;
}

/***
What is to be known about one chain.
@function table:chain
@tparam string name
@treturn table `{ name=, built_in=, rules= }`, where `rules` is how many it has; a
  built-in chain has `policy`, and `packets` and `bytes` that the policy decided, too
@treturn[2] nil
@treturn[2] string message
@treturn[2] string code, `"invalid"` or `"stale"`
@raise when an argument has the wrong type
@usage
print(filter:chain("INPUT").policy)
*/
/* table name -> description | nil message code */
static int chain_of(lua_State *L)
{
	const struct mg_lua_table *table = mg_lua_check_table(L, 1);
	const char *name = mg_lua_check_name(L, 2);
	const struct mg_edit_chain *chain;
	struct mg_edit_chain copy;
	struct mg_error error;

	chain = mg_lua_find_chain(table, name, &error);
	if (!chain)
		return mg_lua_failed(L, table, &error);
	copy = *chain; /* numbers, and a policy that is a constant: nothing that could go away */
	lua_createtable(L, 0, 6);
	lua_pushvalue(L, 2);
	lua_setfield(L, -2, "name");
	lua_pushboolean(L, copy.built_in);
	lua_setfield(L, -2, "built_in");
	lua_pushinteger(L, (lua_Integer)copy.count);
	lua_setfield(L, -2, "rules");
	if (!copy.built_in)
		return 1;
	lua_pushstring(L, copy.policy);
	lua_setfield(L, -2, "policy");
	lua_pushinteger(L, (lua_Integer)copy.counters.pcnt);
	lua_setfield(L, -2, "packets");
	lua_pushinteger(L, (lua_Integer)copy.counters.bcnt);
	lua_setfield(L, -2, "bytes");
	return 1;
}

/***
Make a user chain.
@function table:new_chain
@tparam string name 1 to 28 characters, as iptables wants them
@treturn boolean true
@treturn[2] nil
@treturn[2] string message
@treturn[2] string code, `"invalid"` or `"stale"`
@raise when an argument has the wrong type
@usage
assert(filter:new_chain("GUARD"))
*/
/* table name -> true | nil message code */
static int new_chain(lua_State *L)
{
	const struct mg_lua_table *table = mg_lua_check_table(L, 1);
	const char *name = mg_lua_check_name(L, 2);
	struct mg_error error;

	if (!table->edit)
		return mg_lua_closed(L, table);
	return done(L, mg_edit_add_chain(table->edit, name, &error), &error);
}

/***
Delete a user chain that is empty, and to which no rule leads.
@function table:delete_chain
@tparam string name
@treturn boolean true
@treturn[2] nil
@treturn[2] string message; it says which rule leads there
@treturn[2] string code, `"invalid"` or `"stale"`
@raise when an argument has the wrong type
@usage
filter:flush("GUARD")
assert(filter:delete_chain("GUARD"))
*/
/* table name -> true | nil message code */
static int delete_chain(lua_State *L)
{
	const struct mg_lua_table *table = mg_lua_check_table(L, 1);
	const char *name = mg_lua_check_name(L, 2);
	struct mg_edit_chain *chain;
	struct mg_error error;

	chain = mg_lua_find_chain(table, name, &error);
	if (!chain)
		return mg_lua_failed(L, table, &error);
	return done(L, mg_edit_remove_chain(table->edit, chain, &error), &error);
}

/***
Rename a user chain. Its rules keep their counters, and those that lead to it go
on doing so.
@function table:rename_chain
@tparam string name
@tparam string new_name
@treturn boolean true
@treturn[2] nil
@treturn[2] string message
@treturn[2] string code, `"invalid"` or `"stale"`
@raise when an argument has the wrong type
@usage
assert(filter:rename_chain("GUARD", "SSH_GUARD"))
*/
/* table name name -> true | nil message code */
static int rename_chain(lua_State *L)
{
	const struct mg_lua_table *table = mg_lua_check_table(L, 1);
	const char *old = mg_lua_check_name(L, 2), *new = mg_lua_check_name(L, 3);
	struct mg_edit_chain *chain;
	struct mg_error error;

	chain = mg_lua_find_chain(table, old, &error);
	if (!chain)
		return mg_lua_failed(L, table, &error);
	return done(L, mg_edit_rename_chain(table->edit, chain, new, &error), &error);
}

/***
Take all rules out of a chain, or out of all chains.
@function table:flush
@tparam[opt] string name
@treturn boolean true
@treturn[2] nil
@treturn[2] string message
@treturn[2] string code, `"invalid"` or `"stale"`
@raise when an argument has the wrong type
@usage
assert(filter:flush("GUARD"))
*/
/* table [name] -> true | nil message code */
static int flush(lua_State *L)
{
	const struct mg_lua_table *table = mg_lua_check_table(L, 1);
	const char *name = lua_isnoneornil(L, 2) ? NULL : mg_lua_check_name(L, 2);
	struct mg_edit_chain *chain;
	struct mg_error error;
	size_t i;

	if (!table->edit)
		return mg_lua_closed(L, table);
	if (name) {
		chain = mg_edit_find_chain(table->edit, name, &error);
		if (!chain)
			return mg_lua_failure(L, &error);
		mg_edit_flush(table->edit, chain);
	}
	for (i = 0; !name && i < table->edit->chain_count; i++)
		mg_edit_flush(table->edit, table->edit->chains[i]);
	lua_pushboolean(L, true);
	return 1;
}

/***
The policy of a built-in chain, or a new one for it. Its counters go on.
@function table:policy
@tparam string name
@tparam[opt] string policy `"ACCEPT"` or `"DROP"`
@treturn string the policy that the chain has now
@treturn[2] nil
@treturn[2] string message
@treturn[2] string code, `"invalid"` or `"stale"`
@raise when an argument has the wrong type
@usage
assert(filter:policy("INPUT", "DROP"))
*/
/* table name [policy] -> policy | nil message code */
static int policy_of(lua_State *L)
{
	const struct mg_lua_table *table = mg_lua_check_table(L, 1);
	const char *name = mg_lua_check_name(L, 2);
	const char *policy = lua_isnoneornil(L, 3) ? NULL : mg_lua_check_name(L, 3);
	struct mg_edit_chain *chain;
	struct mg_error error;

	chain = mg_lua_find_chain(table, name, &error);
	if (!chain)
		return mg_lua_failed(L, table, &error);
	if (!policy && chain->built_in)
		policy = chain->policy;
	if (mg_edit_set_policy(table->edit, chain, policy ? policy : "", &error))
		return mg_lua_failure(L, &error);
	lua_pushstring(L, chain->policy);
	return 1;
}

/***
Set counters to zero: those of all chains with their policies, of one chain with
its policy, or of one rule. They count from the commit on.
@function table:zero
@tparam[opt] string name
@tparam[opt] integer number of a rule in that chain, from 1
@treturn boolean true
@treturn[2] nil
@treturn[2] string message
@treturn[2] string code, `"invalid"` or `"stale"`
@raise when an argument has the wrong type
@usage
assert(filter:zero("INPUT", 3))
*/
/* table [name [number]] -> true | nil message code */
static int zero(lua_State *L)
{
	const struct mg_lua_table *table = mg_lua_check_table(L, 1);
	const char *name = lua_isnoneornil(L, 2) ? NULL : mg_lua_check_name(L, 2);
	const bool one_rule = !lua_isnoneornil(L, 3);
	const lua_Integer number = one_rule ? luaL_checkinteger(L, 3) : 0;
	struct mg_edit_chain *chain;
	struct mg_error error;
	uint32_t id;
	size_t i;
	int err = 0;

	luaL_argcheck(L, name || !one_rule, 2, "a rule has a chain");
	if (!table->edit)
		return mg_lua_closed(L, table);
	for (i = 0; !name && i < table->edit->chain_count && !err; i++)
		err = mg_edit_zero(table->edit, table->edit->chains[i], &error);
	if (!name)
		return done(L, err, &error);
	chain = mg_edit_find_chain(table->edit, name, &error);
	if (!chain)
		return mg_lua_failure(L, &error);
	if (!one_rule)
		return done(L, mg_edit_zero(table->edit, chain, &error), &error);
	err = mg_edit_at(table->edit, chain, number, &id, &error);
	if (!err)
		err = mg_edit_set_counters(table->edit, id, (struct xt_counters){ 0 }, &error);
	return done(L, err, &error);
}

const luaL_Reg mg_lua_chain_methods[] = {
	{ "chains", chains_of },
	{ "chain", chain_of },
	{ "new_chain", new_chain },
	{ "delete_chain", delete_chain },
	{ "rename_chain", rename_chain },
	{ "flush", flush },
	{ "policy", policy_of },
	{ "zero", zero },
	{ NULL, NULL },
};
