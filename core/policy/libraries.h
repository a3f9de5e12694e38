/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a Lua state of the policy language is made of.
 */
#ifndef MG_POLICY_LIBRARIES_H
#define MG_POLICY_LIBRARIES_H

#include <lua.h>

/** Open the safe part of the standard library, and `require` for the files in @language. */
void mg_policy_open_libraries(lua_State *L, const char *language);

#endif
