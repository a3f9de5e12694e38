/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What iptables-restore(8) has room for.
 *
 * Must not touch the kernel, libxtables or Lua.
 */
#ifndef MG_RESTORE_LIMITS_H
#define MG_RESTORE_LIMITS_H

#include <moongate.h>

/**
 * Does it have room for every line of this text, and for the words in it?
 * Errors: MG_INVALID, with the origin of the rule, if a line "#@ ORIGIN" tells it.
 */
int mg_restore_limits_check(const char *text, struct mg_error *error);

#endif
