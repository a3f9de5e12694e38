/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The inside of `require "moongate.netfilter"`: what its files share, and the
 * functions that they give to the module.
 *
 * A binding checks, calls and pushes. A caller's mistake raises; a failure of
 * the environment or of a rule returns nil, message, code. What must be freed
 * when Lua raises belongs to a userdata with __close and __gc. Nothing of Lua
 * is called behind the fence.
 */
#ifndef MG_BINDING_H
#define MG_BINDING_H

#include <lauxlib.h>
#include <lua.h>
#include <moongate.h>

/** "ipv4" or "ipv6"; raises on anything else. */
enum mg_family mg_lua_check_family(lua_State *L, int index);

/** Push nil, message, code; returns 3. */
int mg_lua_failure(lua_State *L, const struct mg_error *error);

/**
 * Push a zeroed userdata of @size bytes that is closed with @clear when the
 * function that pushed it returns or raises. It stays at its index.
 * @type: a name for the metatable, one for each @clear
 */
void *mg_lua_guarded(lua_State *L, size_t size, const char *type, lua_CFunction clear);

int mg_lua_extensions(lua_State *L);
int mg_lua_compile(lua_State *L);

LUAMOD_API int luaopen_moongate_netfilter(lua_State *L);

#endif
