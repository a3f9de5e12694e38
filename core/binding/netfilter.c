/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `require "moongate.netfilter"`: netfilter for trusted Lua, one file an area.
 */
/***
libxtables and x_tables from plain Lua 5.4.

Errors: a mistake of the caller raises; a rule, a plugin or an environment that
does not do returns `nil, message, code`, where code is one of `"invalid"` (the
rule or the request), `"stale"` (a table that was closed or committed, a rule that
is gone), `"busy"`, `"kernel"` and `"environment"`.

libxtables keeps its state in globals: one thread of a process may use this.
@module moongate.netfilter
@usage
local netfilter = require "moongate.netfilter"
local filter <close> = assert(netfilter.open("ipv4", "filter"))
assert(filter:insert("INPUT", 1, "-i lo -j ACCEPT"))
assert(filter:policy("INPUT", "DROP"))
assert(filter:commit())
*/
#include <string.h>

#include "binding.h"

enum mg_family mg_lua_check_family(lua_State *L, int index)
{
	static const char *const names[] = { "ipv4", "ipv6", NULL };

	return (enum mg_family)luaL_checkoption(L, index, NULL, names);
}

static const char *code_of(enum mg_status status)
{
	switch (status) {
	case MG_INVALID:
	case MG_USAGE: return "invalid";
	case MG_BUSY: return "busy";
	case MG_UNSAFE: return "unsafe";
	case MG_KERNEL: return "kernel";
	case MG_ENVIRONMENT: return "environment";
	default: return "unknown";
	}
}

/* -> nil message code */
int mg_lua_failure(lua_State *L, const struct mg_error *error)
{
	lua_pushnil(L);
	lua_pushstring(L, error->text);
	lua_pushstring(L, code_of(error->status));
	return 3;
}

/* -> userdata */
void *mg_lua_guarded(lua_State *L, size_t size, const char *type, lua_CFunction clear)
{
	void *memory = lua_newuserdatauv(L, size, 0);

	memset(memory, 0, size);
	if (luaL_newmetatable(L, type)) {
		lua_pushcfunction(L, clear);
		lua_setfield(L, -2, "__gc");
		lua_pushcfunction(L, clear);
		lua_setfield(L, -2, "__close");
	}
	lua_setmetatable(L, -2);
	lua_toclose(L, -1);
	return memory;
}

void mg_lua_type(lua_State *L, const char *name, const luaL_Reg *const *methods,
		 const luaL_Reg *special)
{
	if (luaL_newmetatable(L, name)) {
		luaL_setfuncs(L, special, 0);
		lua_newtable(L);
		for (; *methods; methods++)
			luaL_setfuncs(L, *methods, 0);
		lua_setfield(L, -2, "__index");
	}
	lua_pop(L, 1);
}

/* -> module */
__attribute__((visibility("default"))) int luaopen_moongate_netfilter(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "open", mg_lua_open },
		{ "extensions", mg_lua_extensions },
		{ "compile", mg_lua_compile },
		{ NULL, NULL },
	};

	luaL_checkversion(L);
	mg_lua_table_type(L);
	mg_lua_rule_type(L);
	luaL_newlib(L, functions);
	return 1;
}
