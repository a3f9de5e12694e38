/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A table, opened, and its end. The methods that deal with chains are in
 * chain_methods.c, those that deal with rules in rule_methods.c, and those that
 * compare in compare.c.
 */
/***
@submodule moongate.netfilter
*/
#include <string.h>

#include "binding.h"

static const double default_wait = 5;
static const double longest_wait = 86400;

struct mg_lua_table *mg_lua_check_table(lua_State *L, int index)
{
	return luaL_checkudata(L, index, MG_LUA_TABLE);
}

/* -> nil message code */
int mg_lua_closed(lua_State *L, const struct mg_lua_table *table)
{
	lua_pushnil(L);
	lua_pushfstring(L, "the table was %s: open it again", table->ended);
	lua_pushstring(L, "stale");
	return 3;
}

int mg_lua_failed(lua_State *L, const struct mg_lua_table *table, const struct mg_error *error)
{
	return table->edit ? mg_lua_failure(L, error) : mg_lua_closed(L, table);
}

struct mg_edit_chain *mg_lua_find_chain(const struct mg_lua_table *table, const char *name,
					struct mg_error *error)
{
	return table->edit ? mg_edit_find_chain(table->edit, name, error) : NULL;
}

static void end(struct mg_lua_table *table, const char *how)
{
	mg_edit_free(table->edit);
	table->edit = NULL;
	table->ended = how;
}

/***
Read a live table of the network namespace that the process is in. A table that
does not exist there is not created for that; it reads as empty, with the policy
ACCEPT. Needs CAP_NET_ADMIN and CAP_NET_RAW.

What is changed then is changed in memory, until @{table:commit}. The table is
closed by that, by @{table:close}, by leaving the scope of a `<close>` variable
and by the garbage collector; from then on it and its rules are stale: every
method returns `nil, message, "stale"`.
@function open
@tparam string family `"ipv4"` or `"ipv6"`
@tparam[opt="filter"] string table
@treturn table
@treturn[2] nil
@treturn[2] string message
@treturn[2] string code: `"invalid"` (there is no such table), `"environment"`
  (no privilege, no such backend) or `"kernel"`
@raise when an argument has the wrong type, or family is none
@usage
local filter <close> = assert(netfilter.open("ipv4", "filter"))
for _, rule in ipairs(filter:rules("INPUT")) do
  print(rule:number(), rule:text(), rule:counters())
end
*/
/* family [table] -> table | nil message code */
int mg_lua_open(lua_State *L)
{
	enum mg_family family = mg_lua_check_family(L, 1);
	const char *name = lua_isnoneornil(L, 2) ? "filter" : mg_lua_check_name(L, 2);
	struct mg_lua_table *table;
	struct mg_error error;

	table = lua_newuserdatauv(L, sizeof(*table), 0);
	*table = (struct mg_lua_table){ .ended = "never opened" };
	luaL_setmetatable(L, MG_LUA_TABLE);
	if (mg_edit_open(family, name, &table->edit, &error))
		return mg_lua_failure(L, &error);
	return 1;
}

/***
A table of one family, as @{open} gives it.
@type table
*/

/***
Close the table; what was not committed is forgotten. May be repeated.
@function table:close
@treturn boolean true
@usage
filter:close()
*/
/* table -> true */
static int close_table(lua_State *L)
{
	struct mg_lua_table *table = mg_lua_check_table(L, 1);

	if (table->edit)
		end(table, "closed");
	lua_pushboolean(L, true);
	return 1;
}

/***
The family of the table.
@function table:family
@treturn string `"ipv4"` or `"ipv6"`
@treturn[2] nil
@treturn[2] string message
@treturn[2] string code, `"stale"`
@usage
assert(filter:family() == "ipv4")
*/
/* table -> string | nil message code */
static int family_of(lua_State *L)
{
	const struct mg_lua_table *table = mg_lua_check_table(L, 1);

	if (!table->edit)
		return mg_lua_closed(L, table);
	lua_pushstring(L, table->edit->live->family == MG_IPV4 ? "ipv4" : "ipv6");
	return 1;
}

/***
The name of the table.
@function table:name
@treturn string such as `"filter"`
@treturn[2] nil
@treturn[2] string message
@treturn[2] string code, `"stale"`
@usage
print(filter:name())
*/
/* table -> string | nil message code */
static int name_of(lua_State *L)
{
	const struct mg_lua_table *table = mg_lua_check_table(L, 1);

	if (!table->edit)
		return mg_lua_closed(L, table);
	lua_pushstring(L, table->edit->live->table);
	return 1;
}

/* The options of commit: { wait = } */
static double check_wait(lua_State *L, int index)
{
	double wait = default_wait;

	if (lua_isnoneornil(L, index))
		return wait;
	luaL_checktype(L, index, LUA_TTABLE);
	lua_pushnil(L);
	while (lua_next(L, index)) {
		if (lua_type(L, -2) != LUA_TSTRING || strcmp(lua_tostring(L, -2), "wait") != 0)
			luaL_argerror(L, index, "the only option is `wait'");
		luaL_argcheck(L, lua_type(L, -1) == LUA_TNUMBER, index, "wait: seconds expected");
		wait = lua_tonumber(L, -1);
		luaL_argcheck(L, wait >= 0 && wait <= longest_wait, index,
			      "wait: 0 to 86400 seconds");
		lua_pop(L, 1);
	}
	return wait;
}

/***
Write what was changed, in one step, under the lock that all xtables programs
share (`/run/xtables.lock`, or what `XTABLES_LOCKFILE` names). Rules that were read
and are still there keep their counters exactly, wherever they are now, packets
that come in meanwhile included. Where nothing was changed, nothing is written.

Afterwards the table is closed. After a failure it is not: the live table is
untouched, and so are the changes in memory.
@function table:commit
@tparam[opt] table options `{ wait = seconds }` for the lock; 5 if not said
@treturn boolean true
@treturn[2] nil
@treturn[2] string message
@treturn[2] string code: `"busy"` (the lock is held, or the live table is not what
  it was when it was read), `"kernel"` (it refuses the table), `"environment"`
  or `"stale"`
@raise when an argument has the wrong type, or an option is unknown
@usage
local ok, message, code = filter:commit { wait = 10 }
if code == "busy" then
  -- open the table again, and do it once more
end
*/
/* table [options] -> true | nil message code */
static int commit(lua_State *L)
{
	struct mg_lua_table *table = mg_lua_check_table(L, 1);
	const double wait = check_wait(L, 2);
	struct mg_error error;
	int err;

	if (!table->edit)
		return mg_lua_closed(L, table);
	err = mg_edit_commit(table->edit, wait, &error);
	if (err)
		return mg_lua_failure(L, &error);
	end(table, "committed");
	lua_pushboolean(L, true);
	return 1;
}

void mg_lua_table_type(lua_State *L)
{
	static const luaL_Reg methods[] = {
		{ "close", close_table }, { "family", family_of }, { "name", name_of },
		{ "commit", commit },	  { NULL, NULL },
	};
	static const luaL_Reg special[] = {
		{ "__gc", close_table },
		{ "__close", close_table },
		{ NULL, NULL },
	};
	const luaL_Reg *const all[] = {
		methods, mg_lua_chain_methods, mg_lua_rule_methods, mg_lua_compare_methods, NULL,
	};

	mg_lua_type(L, MG_LUA_TABLE, all, special);
}
