/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a call of keep() to a record of the ruleset, and what it takes to judge one.
 */
#include "keep_primitive.h"

#include <lauxlib.h>
#include <string.h>

#include "primitives.h"
#include "ruleset/crossing.h"
#include "ruleset/presets.h"

/* A text without NUL bytes and newlines: it is matched with texts that have none. */
static const char *check_line(lua_State *L, int index, const char *text, size_t length)
{
	luaL_argcheck(L, strlen(text) == length && !memchr(text, '\n', length), index,
		      "a NUL byte or a newline is in it");
	luaL_argcheck(L, mg_find_control(text, length) == length && !strchr(text, '\t'), index,
		      "a control character is in it");
	return text;
}

int mg_primitive_keep(lua_State *L)
{
	struct mg_primitives *primitives = lua_touserdata(L, lua_upvalueindex(1));
	const char *names[MG_KEEP_KINDS + 1] = { NULL };
	struct mg_keep keep = { .rank = MG_KEEP_RANK };
	struct mg_error error;
	lua_Integer rank;
	size_t length;

	memcpy(names, mg_keep_kinds, sizeof(mg_keep_kinds));
	keep.kind = (enum mg_keep_kind)luaL_checkoption(L, 1, NULL, names);
	keep.pattern = luaL_checklstring(L, 2, &length);
	check_line(L, 2, keep.pattern, length);
	keep.owner = luaL_optlstring(L, 3, "", &length);
	check_line(L, 3, keep.owner, length);
	rank = luaL_optinteger(L, 4, MG_KEEP_RANK);
	luaL_argcheck(L, rank >= 0 && rank <= MG_RANK_HIGHEST, 4, "there is no such rank");
	keep.rank = (unsigned int)rank;
	keep.origin = mg_policy_origin(L, primitives, luaL_optstring(L, 5, "keep"));
	if (mg_ruleset_keep(primitives->ruleset, &keep, &error))
		return luaL_error(L, "%s", error.text);
	return 0;
}

/* -> { kind, pattern } */
static void push_part(lua_State *L, const struct mg_preset_part *part)
{
	lua_createtable(L, 2, 0);
	lua_pushstring(L, mg_keep_kinds[part->kind]);
	lua_rawseti(L, -2, 1);
	lua_pushstring(L, part->pattern);
	lua_rawseti(L, -2, 2);
}

/* -> { name =, rank =, { kind, pattern }, ... } */
static void push_preset(lua_State *L, const struct mg_preset *preset)
{
	int i;

	lua_createtable(L, 16, 2);
	lua_pushstring(L, preset->name);
	lua_setfield(L, -2, "name");
	lua_pushinteger(L, preset->rank);
	lua_setfield(L, -2, "rank");
	for (i = 0; preset->parts[i].pattern; i++) {
		push_part(L, &preset->parts[i]);
		lua_rawseti(L, -2, i + 1);
	}
}

int mg_primitive_presets(lua_State *L)
{
	const struct mg_preset *preset;

	lua_newtable(L);
	for (preset = mg_presets; preset->name; preset++) {
		push_preset(L, preset);
		if (preset->alias) {
			lua_pushvalue(L, -1);
			lua_setfield(L, -3, preset->alias);
		}
		lua_setfield(L, -2, preset->name);
	}
	return 1;
}

int mg_primitive_glob(lua_State *L)
{
	const char *pattern = luaL_checkstring(L, 1);

	lua_pushboolean(L, mg_keep_fits(pattern, luaL_checkstring(L, 2)));
	return 1;
}

int mg_primitive_chain_names(lua_State *L)
{
	const struct mg_primitives *primitives = lua_touserdata(L, lua_upvalueindex(1));
	const uint32_t count = mg_ruleset_chain_count(primitives->ruleset);
	struct mg_chain_view chain;
	uint32_t i;

	lua_createtable(L, (int)count, 0);
	for (i = 0; i < count; i++) {
		mg_ruleset_chain_at(primitives->ruleset, i, &chain);
		lua_createtable(L, 0, 2);
		lua_pushstring(L, chain.name);
		lua_setfield(L, -2, "name");
		lua_pushstring(L, chain.origin);
		lua_setfield(L, -2, "origin");
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
	return 1;
}
