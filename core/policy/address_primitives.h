/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The primitives behind long lists of addresses, which are read and folded in
 * C, and behind names. Their first upvalue is the struct mg_primitives. Long
 * lists come out as two, IPv4's and IPv6's, of canonical networks in order.
 */
#ifndef MG_ADDRESS_PRIMITIVES_H
#define MG_ADDRESS_PRIMITIVES_H

#include <lua.h>

/*
 * path -> ipv4 ipv6 host_bits | nil message. The file is looked for beside the
 * policy's or module's own that is running. @host_bits: how many networks had
 * bits beyond their prefix, and where the first is, as words; or nil.
 */
int mg_primitive_address_file(lua_State *L);

/* texts -> ipv4 ipv6. @texts: a list of addresses and networks, which are good */
int mg_primitive_fold(lua_State *L);

/*
 * name -> texts | nil message. The addresses of a name in lower case, in order,
 * IPv4 first.
 */
int mg_primitive_resolve(lua_State *L);

#endif
