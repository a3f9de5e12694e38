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

#include "netfilter/edit.h"
#include "ruleset/save_text.h"

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

/** A rule as a caller gave it; guarded. */
struct mg_lua_words {
	struct mg_arena arena;
	struct mg_args split;
	const char *args; /* argc strings, one after the other */
	uint32_t argc;
	size_t size;
};

/**
 * Push a guarded copy of the rule at @index: a line, or a list of words. Raises
 * on anything else, and on words that no rule can hold.
 * Returns 0, or -errno where the line has an open quote; it is pushed in any case.
 */
int mg_lua_read_words(lua_State *L, int index, struct mg_lua_words **out, struct mg_error *error);

/** A string without NUL; raises on anything else. It lives as long as it is on the stack. */
const char *mg_lua_check_name(lua_State *L, int index);

/** Element @at of the list at @index, pushed; raises if it is no C string of one line. */
const char *mg_lua_check_element(lua_State *L, int index, lua_Integer at, size_t *length);

/**
 * A table that was opened. Whoever lets Lua allocate must look at @edit again
 * afterwards: a finalizer may have closed it.
 */
struct mg_lua_table {
	struct mg_edit *edit; /* NULL: it is closed */
	const char *ended;    /* how */
};

/** A rule of a table, which is its user value. */
struct mg_lua_rule {
	uint32_t id;
};

#define MG_LUA_TABLE "moongate.netfilter.table"
#define MG_LUA_RULE "moongate.netfilter.rule"

struct mg_lua_table *mg_lua_check_table(lua_State *L, int index);

/** Push nil, message, "stale": the table is closed. Returns 3. */
int mg_lua_closed(lua_State *L, const struct mg_lua_table *table);

/** Push what speaks for a failure: mg_lua_closed() if the table is, else mg_lua_failure().
 * Returns 3. */
int mg_lua_failed(lua_State *L, const struct mg_lua_table *table, const struct mg_error *error);

/** A chain by name; NULL if there is none or the table is closed, for mg_lua_failed(). */
struct mg_edit_chain *mg_lua_find_chain(const struct mg_lua_table *table, const char *name,
					struct mg_error *error);

/** Push a rule of the table at @index (not relative to the top). */
void mg_lua_push_rule(lua_State *L, int index, uint32_t id);

/**
 * Make a type, once for each Lua state.
 * @methods: lists of them, ended by NULL; they become its __index
 * @special: goes into the metatable itself
 */
void mg_lua_type(lua_State *L, const char *name, const luaL_Reg *const *methods,
		 const luaL_Reg *special);
void mg_lua_table_type(lua_State *L);
void mg_lua_rule_type(lua_State *L);

/* methods of a table that are not in table.c */
extern const luaL_Reg mg_lua_chain_methods[], mg_lua_rule_methods[], mg_lua_compare_methods[];

int mg_lua_open(lua_State *L);
int mg_lua_extensions(lua_State *L);
int mg_lua_compile(lua_State *L);

LUAMOD_API int luaopen_moongate_netfilter(lua_State *L);

#endif
