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
#include "ruleset/set_text.h"

/* The folded list of a file, as a userdata: networks of IPv4, then those of IPv6. */
struct file_list {
	uint32_t count[MG_FAMILIES];
	struct mg_set_member networks[];
};

static const char file_list_name[] = "moongate.addresses";

static void push_networks(lua_State *L, enum mg_family family, const struct mg_set_member *networks,
			  uint32_t count)
{
	char text[MG_SET_MEMBER_TEXT];
	uint32_t i;

	lua_createtable(L, (int)count, 0);
	for (i = 0; i < count; i++) {
		mg_set_network_text(family, &networks[i], text);
		lua_pushstring(L, text);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
}

static uint32_t count_networks(const struct mg_address_list *list, enum mg_family family)
{
	struct mg_address_walk walk = { .family = family };
	struct mg_set_member network;
	uint32_t count = 0;

	while (mg_address_list_next(list, &walk, &network))
		count++;
	return count;
}

/* list -> userdata. It holds nothing but Lua's memory, so that nobody need free it */
static int push_file_list(lua_State *L)
{
	struct mg_address_list *list = lua_touserdata(L, 1);
	uint32_t count[MG_FAMILIES], used = 0, i;
	struct file_list *out;
	int family;

	mg_address_list_fold(list);
	for (family = 0; family < MG_FAMILIES; family++)
		count[family] = count_networks(list, (enum mg_family)family);
	out = lua_newuserdatauv(L,
				sizeof(*out) + ((size_t)count[MG_IPV4] + count[MG_IPV6]) *
						       sizeof(*out->networks),
				0);
	luaL_newmetatable(L, file_list_name);
	lua_setmetatable(L, -2);
	for (family = 0; family < MG_FAMILIES; family++) {
		struct mg_address_walk walk = { .family = (enum mg_family)family };

		out->count[family] = count[family];
		for (i = 0; i < count[family]; i++)
			mg_address_list_next(list, &walk, &out->networks[used++]);
	}
	return 1;
}

static void push_family(lua_State *L, const struct mg_address_list *list, enum mg_family family)
{
	struct mg_address_walk walk = { .family = family };
	struct mg_set_member network;
	char text[MG_SET_MEMBER_TEXT];
	lua_Integer i = 0;

	lua_createtable(L, (int)list->of[family].count, 0);
	while (mg_address_list_next(list, &walk, &network)) {
		mg_set_network_text(family, &network, text);
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

/*
 * Call @function with @list and, if @index is not 0, what stands there, for
 * @results; then free the list.
 */
static int call_and_clear(lua_State *L, lua_CFunction function, struct mg_address_list *list,
			  int index, int results)
{
	int status;

	lua_pushcfunction(L, function);
	lua_pushlightuserdata(L, list);
	if (index)
		lua_pushvalue(L, index);
	status = lua_pcall(L, index ? 2 : 1, results, 0);
	mg_address_list_clear(list);
	return status ? lua_error(L) : results;
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
	const struct file_list *found;
	char near[512];
	int err;

	own_folder(L, near, sizeof(near));
	err = mg_address_file_read(primitives->sources, near, path, &list, &host_bits, &error);
	if (err) {
		mg_address_list_clear(&list);
		lua_pushnil(L);
		lua_pushstring(L, error.text);
		return 2;
	}
	call_and_clear(L, push_file_list, &list, 0, 1);
	found = lua_touserdata(L, -1);
	lua_pushinteger(L, found->count[MG_IPV4]);
	lua_pushinteger(L, found->count[MG_IPV6]);
	if (!host_bits.count)
		return 3;
	if (host_bits.count == 1)
		lua_pushfstring(L, "%s: a network has bits set beyond its prefix", host_bits.first);
	else
		lua_pushfstring(L,
				"%d networks have bits set beyond their prefix, the first one at "
				"%s",
				(int)host_bits.count, host_bits.first);
	return 4;
}

int mg_primitive_listed(lua_State *L)
{
	const struct file_list *list = luaL_checkudata(L, 1, file_list_name);

	push_networks(L, MG_IPV4, list->networks, list->count[MG_IPV4]);
	push_networks(L, MG_IPV6, list->networks + list->count[MG_IPV4], list->count[MG_IPV6]);
	return 2;
}

static void add_texts(lua_State *L, struct mg_address_list *list, int index)
{
	const lua_Integer count = (lua_Integer)lua_rawlen(L, index);
	const char *text, *wrong = NULL;
	lua_Integer i;
	size_t length;
	int err;

	for (i = 1; i <= count; i++) {
		lua_rawgeti(L, index, i);
		text = luaL_checklstring(L, -1, &length);
		err = mg_address_list_add(list, text, length, NULL, &wrong);
		if (err)
			luaL_error(L, "address %d of a list: %s", (int)i,
				   wrong ? wrong : strerror(-err));
		lua_pop(L, 1);
	}
}

/* list texts -> ipv4 ipv6 */
static int fold_texts(lua_State *L)
{
	add_texts(L, lua_touserdata(L, 1), 2);
	lua_settop(L, 1);
	return push_list(L);
}

int mg_primitive_fold(lua_State *L)
{
	struct mg_address_list list = { 0 };

	luaL_checktype(L, 1, LUA_TTABLE);
	return call_and_clear(L, fold_texts, &list, 1, 2);
}

/* list texts -> userdata */
static int list_texts(lua_State *L)
{
	add_texts(L, lua_touserdata(L, 1), 2);
	lua_settop(L, 1);
	return push_file_list(L);
}

/*
 * Push the name of the set that holds what is in @set, and is to be called
 * @label; or nil, and why not. Returns how much it pushed.
 */
static int push_set(lua_State *L, struct mg_primitives *primitives, struct mg_set_view set,
		    const char *label)
{
	struct mg_sets *sets = mg_ruleset_sets(primitives->ruleset);
	char name[MG_SET_NAME_SIZE];
	struct mg_error error;
	struct mg_set_view known;
	uint32_t index;
	int err;

	snprintf(name, sizeof(name), "mg%d-%s", set.family == MG_IPV6 ? 6 : 4, label ? label : "");
	if (label && primitives->left_out & 1U << set.family) {
		lua_pushstring(L, name); /* of a family that the policy is not for */
		return 1;
	}
	if (label) {
		set.name = name;
		err = mg_sets_add(sets, &set, &index, &error);
	} else {
		set.name = "";
		err = mg_sets_find_like(sets, &set, &index, &error);
	}
	if (err == -EEXIST) {
		lua_pushnil(L);
		lua_pushstring(L, error.text);
		return 2;
	}
	if (err)
		return luaL_error(L, "%s", error.text);
	if (index == UINT32_MAX) {
		lua_pushnil(L);
	} else {
		mg_sets_at(sets, index, &known);
		lua_pushstring(L, known.name);
	}
	return 1;
}

int mg_primitive_set(lua_State *L)
{
	struct mg_primitives *primitives = lua_touserdata(L, lua_upvalueindex(1));
	const lua_Integer number = luaL_checkinteger(L, 1);
	const char *label = luaL_optstring(L, 2, NULL);
	struct mg_address_list texts = { 0 };
	const struct file_list *list;
	struct mg_set_view set;

	luaL_argcheck(L, number == 1 || number == 2, 1, "a family is 1 or 2");
	luaL_argcheck(L, !label || strlen(label) <= MG_SET_BASE_MOST - strlen("mg4-"), 2,
		      "the name of a set is too long");
	if (lua_type(L, 3) == LUA_TTABLE) {
		call_and_clear(L, list_texts, &texts, 3, 1);
		lua_replace(L, 3);
	}
	list = luaL_checkudata(L, 3, file_list_name);
	set.family = number == 2 ? MG_IPV6 : MG_IPV4;
	set.members = list->networks + (number == 2 ? list->count[MG_IPV4] : 0);
	set.count = list->count[set.family];
	set.origin = mg_policy_origin(L, primitives, luaL_checkstring(L, 4));
	return push_set(L, primitives, set, label);
}

int mg_primitive_set_families(lua_State *L)
{
	const struct mg_primitives *primitives = lua_touserdata(L, lua_upvalueindex(1));
	const char *name = luaL_checkstring(L, 1);

	lua_pushinteger(L, primitives->set_families ? primitives->set_families(name)
						    : 1U << MG_IPV4 | 1U << MG_IPV6);
	return 1;
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
