/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names and numbers: verdicts as a standard target holds them, and the chains
 * of the hooks.
 */
#ifndef MG_VERDICTS_H
#define MG_VERDICTS_H

#include <stddef.h>

/** "ACCEPT", "DROP", "QUEUE" or "RETURN"; NULL for anything else. */
const char *mg_verdict_name(int verdict);

/** The number of a verdict's name; 0 if it is none. */
int mg_verdict_number(const char *name);

/** The names of the verdicts one by one; NULL behind the last one. */
const char *mg_verdict_at(size_t index);

/** The built-in chain of a hook (enum nf_inet_hooks); NULL where there is none. */
const char *mg_hook_name(unsigned int hook);

/** The hook of a built-in chain, or -1. */
int mg_hook_number(const char *chain);

#endif
