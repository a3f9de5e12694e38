/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The two rules that loops make by the hundred thousand, read straight from
 * the policy's table: `allow_inbound { from =, tcp =, comment = }` (and
 * `allow_inbound_ssh { from =, comment = }`) and
 * `c:append { protocol =, source =, destination_port =, match = { ... }, ... }`.
 *
 * Each stands in front of the helper in Lua, which is called for everything
 * else: for what is not that plain, and for whatever could be wrong. So there
 * is one place for each check and each error text, and that is in Lua.
 */
#ifndef MG_SHORTCUTS_H
#define MG_SHORTCUTS_H

#include <lua.h>

/*
 * slow helper chain rank state|nil target target_tcp|nil match|nil comment|nil -> function
 * A verb. @slow: the helper; @target, @match: sequences of words.
 * With @match it is the helper of one service, to which no port is given;
 * @comment stands in its rules where the call gives none.
 * The first upvalue is the struct mg_primitives.
 */
int mg_verb_shortcut(lua_State *L);

/*
 * slow object families table chain rank plain -> function
 * The method `append` of one chain object.
 * @plain: what the helper has found to mean the same in both families and to
 * take no more than one value: { match = { NAME = true }, option = { KEY =
 * "--option" }, target = { NAME = true } }; it grows as rules are made
 */
int mg_append_shortcut(lua_State *L);

#endif
