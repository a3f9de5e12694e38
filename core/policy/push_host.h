/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The facts about the host as a Lua table, which lua/moongate/host.lua gives
 * to policies.
 */
#ifndef MG_PUSH_HOST_H
#define MG_PUSH_HOST_H

#include <lua.h>

#include "ruleset/host.h"

/* -> host. NULL: a host of which nothing is known. */
void mg_push_host(lua_State *L, const struct mg_host *host);

#endif
