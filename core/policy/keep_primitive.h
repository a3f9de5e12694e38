/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The primitive behind keep(). Its first upvalue is the struct mg_primitives.
 */
#ifndef MG_KEEP_PRIMITIVE_H
#define MG_KEEP_PRIMITIVE_H

#include <lua.h>

/*
 * kind pattern owner|nil rank|nil helper|nil -> . Leave other software's
 * things where they are, see core/ruleset/keep.h.
 * @kind: "chains", "rules", "sets" or "tables"; @owner: a preset's name;
 * @rank: MG_KEEP_RANK if nil; @helper: for the origin, "keep" if nil
 */
int mg_primitive_keep(lua_State *L);

#endif
