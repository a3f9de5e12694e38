/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See address_primitives.h. Lua may raise whenever it makes a value: lists are
 * filled and handed out in a protected call, and freed behind it.
 */
#include "address_primitives.h"

#include <errno.h>
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "address_file.h"
#include "primitives.h"
#include "ruleset/failure.h"

static void push_family(lua_State *L, const struct mg_address_list *list, enum mg_family family)
{
	struct mg_address_walk walk = { .family = family };
	char text[64];
	lua_Integer i = 0;

	lua_createtable(L, (int)list->of[family].count, 0);
	while (mg_address_list_next(list, &walk, text)) {
		lua_pushstring(L, text);
		lua_rawseti(L, -2, ++i);
	}
}

/* list -> ipv4 ipv6 */
static int push_list(lua_State *L)
{
	struct mg_address_list *list = lua_touserdata(L, 1);

	mg_address_list_fold(list);
	push_family(L, list, MG_IPV4);
	push_family(L, list, MG_IPV6);
	return 2;
}

/* Call @function with @list and, if @index is not 0, what stands there; then free the list. */
static int call_and_clear(lua_State *L, lua_CFunction function, struct mg_address_list *list,
			  int index)
{
	int status;

	lua_pushcfunction(L, function);
	lua_pushlightuserdata(L, list);
	if (index)
		lua_pushvalue(L, index);
	status = lua_pcall(L, index ? 2 : 1, 2, 0);
	mg_address_list_clear(list);
	return status ? lua_error(L) : 2;
}

/* The folder of the file whose code is running, relative to the search path. */
static void own_folder(lua_State *L, char *out, size_t size)
{
	lua_Debug ar;
	char *slash;

	*out = '\0';
	if (mg_policy_frame(L, 1, &ar))
		return;
	snprintf(out, size, "%s", ar.source + 1);
	slash = strrchr(out, '/');
	*(slash ? slash : out) = '\0';
}

int mg_primitive_address_file(lua_State *L)
{
	const struct mg_primitives *primitives = lua_touserdata(L, lua_upvalueindex(1));
	const char *path = luaL_checkstring(L, 1);
	struct mg_address_list list = { 0 };
	struct mg_host_bits host_bits = { 0 };
	struct mg_error error = { 0 };
	char near[512];
	int err;

	own_folder(L, near, sizeof(near));
	err = mg_address_file_read(primitives->module_folders, near, path, &list, &host_bits,
				   &error);
	if (err) {
		mg_address_list_clear(&list);
		lua_pushnil(L);
		lua_pushstring(L, error.text);
		return 2;
	}
	call_and_clear(L, push_list, &list, 0);
	if (!host_bits.count)
		return 2;
	if (host_bits.count == 1)
		lua_pushfstring(L, "%s: a network has bits set beyond its prefix", host_bits.first);
	else
		lua_pushfstring(L,
				"%d networks have bits set beyond their prefix, the first one at "
				"%s",
				(int)host_bits.count, host_bits.first);
	return 3;
}

/* list texts -> ipv4 ipv6 */
static int fold_texts(lua_State *L)
{
	struct mg_address_list *list = lua_touserdata(L, 1);
	const lua_Integer count = (lua_Integer)lua_rawlen(L, 2);
	const char *text, *wrong = NULL;
	lua_Integer i;
	size_t length;
	int err;

	for (i = 1; i <= count; i++) {
		lua_rawgeti(L, 2, i);
		text = luaL_checklstring(L, -1, &length);
		err = mg_address_list_add(list, text, length, NULL, &wrong);
		if (err)
			return luaL_error(L, "address %d of a list: %s", (int)i,
					  wrong ? wrong : strerror(-err));
		lua_pop(L, 1);
	}
	lua_settop(L, 1);
	return push_list(L);
}

int mg_primitive_fold(lua_State *L)
{
	struct mg_address_list list = { 0 };

	luaL_checktype(L, 1, LUA_TTABLE);
	return call_and_clear(L, fold_texts, &list, 1);
}

int mg_primitive_resolve(lua_State *L)
{
	const struct mg_primitives *primitives = lua_touserdata(L, lua_upvalueindex(1));
	const char *name = luaL_checkstring(L, 1);
	const struct mg_resolved_name *found = NULL;
	struct mg_error error = { .text = "there is nothing here that knows names" };
	char text[INET6_ADDRSTRLEN];
	size_t i;

	if (!primitives->names ||
	    primitives->names->find(primitives->names->context, name, &found, &error)) {
		lua_pushnil(L);
		lua_pushstring(L, error.text);
		return 2;
	}
	lua_createtable(L, (int)found->count, 0);
	for (i = 0; i < found->count; i++) {
		lua_pushstring(L, mg_resolved_text(&found->addresses[i], text));
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
	return 1;
}
