/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The primitives behind long lists of addresses, which are read and folded in
 * C, and behind names. Their first upvalue is the struct mg_primitives. Long
 * lists come out as two, IPv4's and IPv6's, of canonical networks in order. A
 * file's list stays in C, so that Lua need not have them all.
 */
#ifndef MG_ADDRESS_PRIMITIVES_H
#define MG_ADDRESS_PRIMITIVES_H

#include <lua.h>

/*
 * path -> list ipv4 ipv6 host_bits | nil message. @ipv4, @ipv6: how many networks
 * of that family are in the list. The file is looked for beside the
 * policy's or module's own that is running. @host_bits: how many networks had
 * bits beyond their prefix, and where the first is, as words; or nil.
 */
int mg_primitive_address_file(lua_State *L);

/* list -> ipv4 ipv6. What is in a file's list, as texts */
int mg_primitive_listed(lua_State *L);

/* texts -> ipv4 ipv6. @texts: a list of addresses and networks, which are good */
int mg_primitive_fold(lua_State *L);

/*
 * family name list helper -> name | nil message. Have a set of the kernel that holds
 * what is listed in one family (1 or 2): @list is a file's, or texts of that
 * family, canonical ones. @name: without the "mg4-" in front, which the result
 * has; nil for a set that is there already with the same members, or none.
 * nil and why if a set of that name has other members.
 */
int mg_primitive_set(lua_State *L);

/*
 * name -> families. Those that a set of somebody else's can hold addresses of,
 * bits 1 and 2: both where nothing is known about it
 */
int mg_primitive_set_families(lua_State *L);

/*
 * name -> texts | nil message. The addresses of a name in lower case, in order,
 * IPv4 first.
 */
int mg_primitive_resolve(lua_State *L);

#endif
