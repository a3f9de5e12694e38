/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pushing the facts. Each function shows what it leaves on the stack.
 */
#include "push_host.h"

#include <lauxlib.h>

static void set_boolean(lua_State *L, const char *key, bool value)
{
	lua_pushboolean(L, value);
	lua_setfield(L, -2, key);
}

/* Add to the list on top of the stack, which has @count elements. Returns how many it has then. */
static lua_Integer add_addresses(lua_State *L, lua_Integer count,
				 const struct mg_host_addresses *addresses)
{
	size_t i;

	for (i = 0; i < addresses->count; i++) {
		lua_pushstring(L, addresses->items[i].text);
		lua_rawseti(L, -2, ++count);
	}
	return count;
}

/* -> interface */
static void push_interface(lua_State *L, const struct mg_host_interface *interface)
{
	lua_createtable(L, 0, 6);
	lua_pushstring(L, interface->name);
	lua_setfield(L, -2, "name");
	set_boolean(L, "up", interface->up);
	set_boolean(L, "loopback", interface->loopback);
	set_boolean(L, "leased", interface->leased);
	set_boolean(L, "leased6", interface->leased6);
	lua_createtable(L, (int)interface->addresses.count, 0);
	add_addresses(L, 0, &interface->addresses);
	lua_setfield(L, -2, "addresses");
}

/* -> value */
static void push_fact(lua_State *L, const struct mg_fact *fact)
{
	size_t i;

	luaL_checkstack(L, 2, "facts in facts");
	switch (fact->kind) {
	case MG_FACT_BOOLEAN: lua_pushboolean(L, fact->boolean); return;
	case MG_FACT_INTEGER: lua_pushinteger(L, (lua_Integer)fact->integer); return;
	case MG_FACT_NUMBER: lua_pushnumber(L, (lua_Number)fact->number); return;
	case MG_FACT_TEXT: lua_pushstring(L, fact->text); return;
	case MG_FACT_LIST:
		lua_createtable(L, (int)fact->count, 0);
		for (i = 0; i < fact->count; i++) {
			push_fact(L, &fact->items[i]);
			lua_rawseti(L, -2, (lua_Integer)i + 1);
		}
		return;
	case MG_FACT_TABLE:
		lua_createtable(L, 0, (int)fact->count);
		for (i = 0; i < fact->count; i++) {
			push_fact(L, &fact->items[i]);
			lua_setfield(L, -2, fact->items[i].key);
		}
		return;
	}
}

void mg_push_host(lua_State *L, const struct mg_host *host)
{
	static const struct mg_host unknown = { .has_ipv6 = true,
						.facts = { .kind = MG_FACT_TABLE } };
	lua_Integer count = 0;
	size_t i;

	if (!host)
		host = &unknown;
	lua_createtable(L, 0, 5);
	lua_pushstring(L, host->name);
	lua_setfield(L, -2, "name");
	set_boolean(L, "ipv6", host->has_ipv6);
	push_fact(L, &host->facts);
	lua_setfield(L, -2, "facts");
	lua_createtable(L, (int)host->interface_count, 0);
	for (i = 0; i < host->interface_count; i++) {
		push_interface(L, &host->interfaces[i]);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
	lua_setfield(L, -2, "interfaces");
	lua_newtable(L);
	for (i = 0; i < host->interface_count; i++)
		count = add_addresses(L, count, &host->interfaces[i].addresses);
	add_addresses(L, count, &host->addresses);
	lua_setfield(L, -2, "addresses");
}
