/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a call of keep() to a record of the ruleset.
 */
#include "keep_primitive.h"

#include <lauxlib.h>
#include <string.h>

#include "primitives.h"
#include "ruleset/keep.h"

/* A text without NUL bytes and newlines: it is matched with texts that have none. */
static const char *check_line(lua_State *L, int index, const char *text, size_t length)
{
	luaL_argcheck(L, strlen(text) == length && !memchr(text, '\n', length), index,
		      "a NUL byte or a newline is in it");
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
	luaL_argcheck(L, rank >= 0 && rank <= 255, 4, "a rank is 0 to 255");
	keep.rank = (unsigned int)rank;
	keep.origin = mg_policy_origin(L, primitives, luaL_optstring(L, 5, "keep"));
	if (mg_ruleset_keep(primitives->ruleset, &keep, &error))
		return luaL_error(L, "%s", error.text);
	return 0;
}
