/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The primitives behind use(): the language has no files of its own, so the
 * core finds and reads the modules. Their first upvalue is the struct
 * mg_primitives.
 */
#ifndef MG_MODULE_PRIMITIVES_H
#define MG_MODULE_PRIMITIVES_H

#include <lua.h>

/* path -> text | nil message is_absent. @path: "roles/web_server.lua" */
int mg_primitive_module(lua_State *L);

/*
 * path -> names. What lies in that folder ("" or "roles") of each folder of
 * the search path, unsorted, each ended by a newline: "web_server.lua", "more/".
 */
int mg_primitive_module_names(lua_State *L);

#endif
