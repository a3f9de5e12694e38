/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libxtables, tamed: initialised once, both families resident, and a fence
 * around every call so that nothing a plugin does gets out: no exit, no jump,
 * no byte on stdout or stderr.
 *
 * The state of libxtables is global to the process; so there is one session.
 */
#ifndef MG_SESSION_H
#define MG_SESSION_H

#include <moongate.h>
#include <xtables.h>

#include "family.h"

/**
 * Make libxtables ready. May be called again: later calls do nothing.
 * Errors: MG_ENVIRONMENT.
 */
int mg_session_open(struct mg_error *error);

/** Work with @family from now on. Cheap. */
void mg_session_family(enum mg_family family);
const struct mg_family_ops *mg_session_ops(void);

/**
 * Run @body(@context) behind the fence. An xtables error inside it ends it;
 * what it allocated must be reachable from @context. While it runs, stdout
 * and stderr are memory: see mg_fence_output() and mg_fence_complaints().
 * Returns what @body returned, or -EINVAL with the plugin's words and
 * MG_INVALID.
 */
int mg_fence_run(int (*body)(void *context), void *context, struct mg_error *error);

/** What was printed to stdout in the last run; valid until the next one. */
const char *mg_fence_output(void);

/** What was printed to stderr in the last run: warnings; "" mostly. */
const char *mg_fence_complaints(void);

/**
 * The plugin called @name for the current family, with the newest revision
 * that the kernel has, or NULL if there is none. To be called behind the
 * fence (runs may be nested: the inner one catches only the jump). Never the verdicts and never a
 * chain: the caller knows these.
 */
struct xtables_match *mg_find_match(const char *name);
struct xtables_target *mg_find_target(const char *name);

/** The same for just this revision. */
struct xtables_match *mg_find_match_revision(const char *name, uint8_t revision);
struct xtables_target *mg_find_target_revision(const char *name, uint8_t revision);

#endif
