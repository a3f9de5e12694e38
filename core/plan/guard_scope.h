/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A transient scope of systemd's for the guard.
 *
 * A guard that stays in the control group of a login session or of a service goes
 * with it: by KillUserProcesses=, or when the service that applied (an agent's, a
 * timer's) is stopped. It is a scope and no service, since a scope takes
 * processes that there are already: the guard holds its memory by a fork.
 */
#ifndef MG_PLAN_GUARD_SCOPE_H
#define MG_PLAN_GUARD_SCOPE_H

#include <moongate.h>
#include <sys/types.h>

/** Does systemd run this host? Else there is no scope to be had, nor needed. */
bool mg_scope_is_there(void);

/**
 * Have systemd put processes, of which @pids[0] gives the scope its name, into a
 * scope of their own in system.slice. Takes at most a second, whatever is
 * wrong with the bus. Children that they fork later are in it, too.
 * Errors: MG_ENVIRONMENT: they are where they were.
 */
int mg_scope_enter(const pid_t *pids, size_t count, const char *description,
		   struct mg_error *error);

#endif
