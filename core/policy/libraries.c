/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The libraries of a Lua state, and the one way to more code: the language's folder.
 */
#include "libraries.h"

#include <errno.h>
#include <lauxlib.h>
#include <lualib.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "read_text.h"

enum { LARGEST_FILE = 64 * 1024 * 1024, LONGEST_NAME = 64 };

/* Can it be the name of a file of ours, which leads nowhere else? */
static bool is_name(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz_";

	return strncmp(name, "moongate.", 9) == 0 && name[9] &&
	       strspn(name + 9, letters) == strlen(name + 9) && strlen(name) <= LONGEST_NAME;
}

int mg_language_read(const struct mg_language *language, const char *name, char **text,
		     size_t *length)
{
	FILE *file = NULL;
	char *path;
	int err;

	if (!is_name(name))
		return -ENOENT;
	if (asprintf(&path, "%s/moongate/%s.lua", language->folder, name + strlen("moongate.")) < 0)
		return -ENOMEM;
	file = fopen(path, "re");
	err = file ? mg_read_text(file, LARGEST_FILE, text, length) : -errno;
	if (file)
		fclose(file);
	free(path);
	return err;
}

/* name -> loader | message: a searcher for the language's own files */
static int find_language_file(lua_State *L)
{
	const struct mg_language *language = lua_touserdata(L, lua_upvalueindex(1));
	const char *name = luaL_checkstring(L, 1);
	const char *file = luaL_gsub(L, name, ".", "/");
	const char *chunk = lua_pushfstring(L, "=%s.lua", file);
	char *text = NULL;
	size_t length = 0;
	int err = (language->read ? language->read : mg_language_read)(language, name, &text,
								       &length);

	if (err) {
		lua_pushfstring(L, "\n\tcannot read %s/%s.lua: %s", language->folder, file,
				strerror(-err));
		return 1;
	}
	err = luaL_loadbufferx(L, text, length, chunk, "t");
	free(text);
	return err ? lua_error(L) : 1;
}

static void open_library(lua_State *L, const char *name, lua_CFunction function)
{
	luaL_requiref(L, name, function, 1);
	lua_pop(L, 1);
}

void mg_policy_open_libraries(lua_State *L, const struct mg_language *language)
{
	open_library(L, LUA_GNAME, luaopen_base);
	open_library(L, LUA_COLIBNAME, luaopen_coroutine);
	open_library(L, LUA_TABLIBNAME, luaopen_table);
	open_library(L, LUA_STRLIBNAME, luaopen_string);
	open_library(L, LUA_MATHLIBNAME, luaopen_math);
	open_library(L, LUA_UTF8LIBNAME, luaopen_utf8);
	open_library(L, LUA_LOADLIBNAME, luaopen_package);

	/* one way to find modules: the language's folder */
	lua_getglobal(L, LUA_LOADLIBNAME);
	lua_newtable(L);
	lua_pushlightuserdata(L, (void *)(uintptr_t)language);
	lua_pushcclosure(L, find_language_file, 1);
	lua_rawseti(L, -2, 1);
	lua_setfield(L, -2, "searchers");
	lua_pop(L, 1);

	/*
	 * Any string leads to the string library through its metatable: no
	 * bytecode may come out of it, and a policy must not change it.
	 */
	lua_getglobal(L, LUA_STRLIBNAME);
	lua_pushnil(L);
	lua_setfield(L, -2, "dump");
	lua_pop(L, 1);
	lua_pushliteral(L, "");
	lua_getmetatable(L, -1);
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 2);
}
