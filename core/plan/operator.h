/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who is at the keyboard: the ssh connections by which the operator comes,
 * so that an apply does not lock him out.
 *
 * Looked for in this order, and the first that finds something counts:
 *   1. under tmux, screen and their like with no sshd above: every
 *      established ssh peer of this host, since the one whose terminal is
 *      attached may be any of them;
 *   2. SSH_CONNECTION in the caller's environment (sshd(8));
 *   3. SSH_CONNECTION in the environment of an ancestor (sudo(8) strips it);
 *   4. the sockets of an ancestor that is sshd.
 * One who comes from this host itself (ssh localhost) came to it somehow:
 * every established ssh peer counts then as well. One whose sshd is in another
 * network namespace (ip netns exec) does not come through these tables: what an
 * environment says counts then only if it is to an address of @host.
 *
 * Without privilege, environments and sockets of other users cannot be
 * seen; what can be, is used. Must not touch the tables, print or exit.
 */
#ifndef MG_OPERATOR_H
#define MG_OPERATOR_H

#include <sys/types.h>

#include "netfilter/host.h"
#include "ruleset/connection.h"

struct mg_operator {
	struct mg_connection *connections; /* none: not by ssh, as far as can be seen */
	size_t count;
	size_t capacity; /* not for reading */
};

/** Where to look. Zeroes are a process's view of its own host. */
struct mg_operator_view {
	const char *proc;	    /* NULL: "/proc" */
	pid_t pid;		    /* whose ancestors; 0: the caller's own */
	const char *ssh_connection; /* NULL: the caller's environment; "": none */
	const struct mg_host *host; /* to name the interfaces; NULL: they stay unknown */
};

/**
 * @view: or NULL for all zeroes
 * @out:  written on success; end with mg_operator_clear()
 * Errors: -ENOMEM. What cannot be read is no error.
 */
int mg_operator_find(const struct mg_operator_view *view, struct mg_operator *out,
		     struct mg_error *error);
void mg_operator_clear(struct mg_operator *found);

#endif
