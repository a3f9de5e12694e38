/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See module_primitives.h. What is not Lua's is freed before Lua can raise.
 */
#include "module_primitives.h"

#include <errno.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "modules.h"
#include "primitives.h"
#include "ruleset/failure.h"

enum { NAMES_SIZE = 32 * 1024 };

static struct mg_sources *sources_of(lua_State *L)
{
	const struct mg_primitives *primitives = lua_touserdata(L, lua_upvalueindex(1));

	return primitives->sources;
}

/* The language checks names; this is for the day when it does not. */
static const char *check_path(lua_State *L)
{
	size_t length;
	const char *path = luaL_checklstring(L, 1, &length);

	luaL_argcheck(L, path[0] != '/' && !strstr(path, "..") && strlen(path) == length, 1,
		      "no path of a module");
	return path;
}

struct text {
	char *bytes;
	size_t length;
};

/* text -> string */
static int push_text(lua_State *L)
{
	const struct text *text = lua_touserdata(L, 1);

	lua_pushlstring(L, text->bytes, text->length);
	return 1;
}

int mg_primitive_module(lua_State *L)
{
	const char *path = check_path(L);
	struct mg_error error = { 0 };
	struct text text;
	int err = mg_sources_module(sources_of(L), path, &text.bytes, &text.length, &error);
	int status;

	if (err) {
		lua_pushnil(L);
		lua_pushstring(L, error.text);
		lua_pushboolean(L, err == -ENOENT);
		return 3;
	}
	lua_pushcfunction(L, push_text);
	lua_pushlightuserdata(L, &text);
	status = lua_pcall(L, 1, 1, 0);
	free(text.bytes);
	return status ? lua_error(L) : 1;
}

int mg_primitive_module_names(lua_State *L)
{
	const char *path = check_path(L);
	char *names = lua_newuserdatauv(L, NAMES_SIZE, 0);

	mg_sources_list(sources_of(L), path, names, NAMES_SIZE);
	lua_pushstring(L, names);
	return 1;
}
