/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The primitives behind keep(). Their first upvalue is the struct mg_primitives.
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

/* -> table. By name and alias, see ruleset/presets.h: { name =, rank =, { kind, pattern }, ... } */
int mg_primitive_presets(lua_State *L);

/* pattern text -> boolean. As records of keep() are matched. */
int mg_primitive_glob(lua_State *L);

/* -> list. The chains that the policy has made so far, as { name =, origin = }. */
int mg_primitive_chain_names(lua_State *L);

#endif
