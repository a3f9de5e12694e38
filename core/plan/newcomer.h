/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Does the one who confirms come by a connection that the new rules have let
 * in? An old one goes on whatever they say: conntrack knows it.
 *
 * What proves it is the sshd that serves the connection, found among the
 * ancestors of the process: it was started for this connection, so it has to
 * be younger than the commit, and the connection's other end has to be another
 * host. SSH_CONNECTION proves nothing, since anybody can set it; it can only
 * speak against.
 *
 * An sshd in another network namespace than the process is none here: its
 * connection does not come through these tables. Must not change anything,
 * print or exit.
 */
#ifndef MG_NEWCOMER_H
#define MG_NEWCOMER_H

#include "plan/state.h"
#include "ruleset/host.h"

/** Where to look. Zeroes are a process's view of its own host. */
struct mg_newcomer_view {
	const char *proc;	    /* NULL: "/proc" */
	pid_t pid;		    /* who confirms; 0: the caller */
	const char *ssh_connection; /* NULL: the caller's environment; "": none */
	const struct mg_host *host; /* this host and its addresses; NULL: not known */
};

/**
 * Does the process come by a connection that is newer than the commit?
 * @view: or NULL for all zeroes
 * Errors: -EPERM with MG_UNSAFE: no, with the reason and the way out; -ENOMEM.
 */
int mg_newcomer_check(const struct mg_newcomer_view *view, const struct mg_pending *pending,
		      struct mg_error *error);

/** Is it true that there is no ssh? Errors: as above. */
int mg_newcomer_check_console(const struct mg_newcomer_view *view, struct mg_error *error);

/**
 * The connections that somebody listens for and nobody has taken up yet, as
 * lines of SSH_CONNECTION: the old rules have let them in, though the process
 * that will serve them is not there yet. As many as there is room for are
 * appended to @list.
 */
void mg_newcomer_list_coming(const char *proc, char *list, size_t size);

#endif
