/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TCP sockets as /proc shows them: the tables net/tcp and net/tcp6, and
 * which process holds which socket.
 *
 * Must not change anything, print or exit.
 */
#ifndef MG_SOCKETS_H
#define MG_SOCKETS_H

#include <sys/types.h>

#include "ruleset/connection.h"

/** A line of net/tcp or net/tcp6; the other end is the client. */
struct mg_socket {
	struct mg_connection connection;
	bool listens; /* else it is established */
	unsigned long inode;
};

struct mg_sockets {
	struct mg_socket *items;
	size_t count;
	size_t capacity;
};

/** Numbers of sockets that some processes hold. */
struct mg_inodes {
	unsigned long *items;
	size_t count;
	size_t capacity;
};

/**
 * Read the established and the listening sockets of the network namespace.
 * @proc: "/proc", or a folder for tests
 * A table that cannot be read is empty. Returns 0 or -ENOMEM.
 */
int mg_sockets_read(const char *proc, struct mg_sockets *out);
/** The same for connections that come in just now, which nobody has accepted yet. */
int mg_sockets_read_coming(const char *proc, struct mg_sockets *out);
void mg_sockets_clear(struct mg_sockets *sockets);

/** Does anybody listen on this TCP port? */
bool mg_sockets_listen(const struct mg_sockets *sockets, uint16_t port);

/** Append the sockets of a process; of one that cannot be looked into, none. */
int mg_inodes_of(const char *proc, pid_t pid, struct mg_inodes *inodes);
bool mg_inodes_have(const struct mg_inodes *inodes, unsigned long inode);
void mg_inodes_clear(struct mg_inodes *inodes);

/** An IPv4-mapped IPv6 address (::ffff:a.b.c.d) becomes IPv4. */
void mg_connection_unmap(struct mg_connection *connection);

#endif
