/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A connection in words, as sshd(8) has it in SSH_CONNECTION: "client port
 * server port".
 *
 * Must not touch the tables, print or exit.
 */
#ifndef MG_SSH_CONNECTION_H
#define MG_SSH_CONNECTION_H

#include <sys/types.h>

#include "ruleset/connection.h"

/** Room for one in words, with its end. */
#define MG_SSH_CONNECTION_SIZE 112

/**
 * Behind a proxy the words can be "UNKNOWN 65535 UNKNOWN 65535", which says
 * nothing. IPv4-mapped addresses become IPv4; a scope ("fe80::1%eth0") the
 * interface.
 */
bool mg_ssh_connection_read(const char *text, struct mg_connection *out);

/** The opposite, without the interface. */
void mg_ssh_connection_write(const struct mg_connection *connection,
			     char out[MG_SSH_CONNECTION_SIZE]);

/** SSH_CONNECTION of a process, as it was when it started. @proc: "/proc" */
bool mg_ssh_connection_of(const char *proc, pid_t pid, struct mg_connection *out);

/** The same two ends? */
bool mg_ssh_connection_equal(const struct mg_connection *a, const struct mg_connection *b);

/** Is it in @list, lines of such words? */
bool mg_ssh_connection_listed(const char *list, const struct mg_connection *connection);

#endif
