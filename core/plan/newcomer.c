/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The proof of a new connection. See newcomer.h.
 *
 * sshd starts a process for each connection. With privilege separation that
 * one has a child, which holds the connection too, and the sockets of what the
 * user forwards besides; the one that listens holds neither.
 */
#include "plan/newcomer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plan/ancestors.h"
#include "plan/sockets.h"
#include "plan/ssh_connection.h"
#include "ruleset/failure.h"

/* The start of a process is told in steps of this many nanoseconds. */
#define TICK INT64_C(10000000)

/* One that has more than this is not serving a single user. */
#define CONNECTIONS 64

struct newcomer {
	const char *proc;
	const char *ssh_connection;
	const struct mg_host *host;
	struct mg_ancestors ancestors;
	const struct mg_process *sshd;	/* the nearest; NULL: none */
	const struct mg_process *above; /* the sshd right above it; NULL: none */
	struct mg_sockets sockets;
	struct mg_inodes inodes;       /* of sshd */
	struct mg_inodes above_inodes; /* of the one above */
	/* Indices in sockets: usually one, else which of them it is cannot be told. */
	size_t connections[CONNECTIONS];
	size_t count;
};

static const char anew[] = "open a new one from another machine and confirm there (ssh -o "
			   "ControlPath=none, where ssh shares connections)";

static int look(const struct mg_newcomer_view *view, struct newcomer *out)
{
	static const struct mg_newcomer_view own;
	const char *ssh_connection;
	size_t nearest;
	int err = 0;

	if (!view)
		view = &own;
	ssh_connection = view->ssh_connection ? view->ssh_connection : getenv("SSH_CONNECTION");
	*out = (struct newcomer){
		.proc = view->proc ? view->proc : "/proc",
		.ssh_connection = ssh_connection ? ssh_connection : "",
		.host = view->host,
	};
	mg_ancestors_read(out->proc, view->pid ? view->pid : getpid(), &out->ancestors);
	nearest = mg_ancestors_sshd(&out->ancestors);
	if (nearest == out->ancestors.count)
		return 0;
	out->sshd = &out->ancestors.items[nearest];
	if (nearest + 1 < out->ancestors.count && out->sshd[1].is_sshd &&
	    !out->sshd[1].is_elsewhere)
		out->above = &out->sshd[1];
	err = mg_sockets_read(out->proc, &out->sockets);
	if (err == 0)
		err = mg_inodes_of(out->proc, out->sshd->pid, &out->inodes);
	if (err == 0 && out->above)
		err = mg_inodes_of(out->proc, out->above->pid, &out->above_inodes);
	return err;
}

static void forget(struct newcomer *newcomer)
{
	mg_sockets_clear(&newcomer->sockets);
	mg_inodes_clear(&newcomer->inodes);
	mg_inodes_clear(&newcomer->above_inodes);
}

/* Does the sshd that serves a user listen there itself, for what is forwarded? */
static bool is_forwarded(const struct newcomer *newcomer, uint16_t port)
{
	for (size_t i = 0; i < newcomer->sockets.count; i++) {
		const struct mg_socket *socket = &newcomer->sockets.items[i];

		if (socket->listens && socket->connection.server_port == port &&
		    mg_inodes_have(&newcomer->inodes, socket->inode))
			return true;
	}
	return false;
}

/*
 * How likely is it the one by which the user has come? Both processes hold
 * that; somebody listens on its port, unless he has stopped since.
 */
static int weigh(const struct newcomer *newcomer, const struct mg_socket *socket)
{
	const uint16_t port = socket->connection.server_port;

	if (socket->listens || !mg_inodes_have(&newcomer->inodes, socket->inode) ||
	    is_forwarded(newcomer, port))
		return 0;
	return 1 + mg_sockets_listen(&newcomer->sockets, port) +
	       2 * mg_inodes_have(&newcomer->above_inodes, socket->inode);
}

static void find_connections(struct newcomer *newcomer)
{
	int most = 1;

	newcomer->count = 0;
	for (size_t i = 0; i < newcomer->sockets.count; i++) {
		const int weight = weigh(newcomer, &newcomer->sockets.items[i]);

		if (weight > most)
			newcomer->count = 0;
		if (weight >= most && newcomer->count < CONNECTIONS) {
			newcomer->connections[newcomer->count++] = i;
			most = weight;
		}
	}
}

static const struct mg_socket *socket_at(const struct newcomer *newcomer, size_t i)
{
	return &newcomer->sockets.items[newcomer->connections[i]];
}

/* When the connection was taken up: at the start of the oldest process that holds it. */
static int64_t taken_up(const struct newcomer *newcomer)
{
	const struct mg_process *process = newcomer->sshd;

	if (newcomer->above &&
	    mg_inodes_have(&newcomer->above_inodes, socket_at(newcomer, 0)->inode) &&
	    newcomer->above->started < process->started)
		process = newcomer->above;
	return process->started;
}

/* A connection within this host has both of its ends here. */
static bool has_both_ends(const struct newcomer *newcomer, const struct mg_connection *connection)
{
	struct mg_connection other_end = {
		.family = connection->family,
		.client_port = connection->server_port,
		.server_port = connection->client_port,
	};

	memcpy(other_end.client, connection->server, 16);
	memcpy(other_end.server, connection->client, 16);
	for (size_t i = 0; i < newcomer->sockets.count; i++)
		if (!newcomer->sockets.items[i].listens &&
		    mg_ssh_connection_equal(&newcomer->sockets.items[i].connection, &other_end))
			return true;
	return false;
}

static bool is_of_this_host(const struct newcomer *newcomer, const struct mg_connection *connection)
{
	return mg_connection_is_local(connection) || has_both_ends(newcomer, connection) ||
	       (newcomer->host &&
		mg_host_owner(newcomer->host, connection->family, connection->client));
}

/* One to another network namespace, from where "ip netns exec" came, is none to here. */
static bool is_to_here(const struct newcomer *newcomer, const struct mg_connection *connection)
{
	return !newcomer->host || !mg_ancestors_log_in_elsewhere(&newcomer->ancestors) ||
	       mg_host_owner(newcomer->host, connection->family, connection->server);
}

/* Does an environment say that somebody has come by ssh, once? */
static bool says_ssh(const struct newcomer *newcomer)
{
	struct mg_connection connection;

	if (mg_ssh_connection_read(newcomer->ssh_connection, &connection) &&
	    is_to_here(newcomer, &connection))
		return true;
	for (size_t i = 0; i < newcomer->ancestors.count; i++) {
		const struct mg_process *process = &newcomer->ancestors.items[i];

		if (!process->is_elsewhere &&
		    mg_ssh_connection_of(newcomer->proc, process->pid, &connection) &&
		    is_to_here(newcomer, &connection))
			return true;
	}
	return false;
}

static int refuse_without_sshd(const struct newcomer *newcomer, struct mg_error *error)
{
	if (mg_ancestors_multiplexed(&newcomer->ancestors, newcomer->ancestors.count))
		return mg_fail(error, -EPERM, MG_UNSAFE,
			       "this runs under tmux, screen or the like, and whoever looks at it "
			       "may do so over an old connection: log in anew, and confirm there, "
			       "outside of it");
	if (says_ssh(newcomer))
		return mg_fail(
			error, -EPERM, MG_UNSAFE,
			"no sshd is above this process any more, so it is not known over "
			"which connection this comes: log in anew by ssh, and confirm there");
	return mg_fail(error, -EPERM, MG_UNSAFE,
		       "this does not come by ssh: log in by ssh from another machine and confirm "
		       "there, or say --console if you sit at this one");
}

static int refuse_old(bool is_that_of_apply, struct mg_error *error)
{
	return mg_fail(error, -EPERM, MG_UNSAFE, "%s, which survives any ruleset: %s",
		       is_that_of_apply ? "this is the connection over which it was applied"
					: "this is a connection from before the apply",
		       anew);
}

static int check_age(const struct newcomer *newcomer, const struct mg_pending *pending,
		     bool is_listed, struct mg_error *error)
{
	const int64_t since = taken_up(newcomer);

	if (since >= pending->committed && !is_listed)
		return 0;
	if (since >= 0 && since + TICK > pending->committed)
		return mg_fail(
			error, -EPERM, MG_UNSAFE,
			"this connection was being opened while the rules were committed, so "
			"it is not known which ones have let it in: open another one and "
			"confirm there");
	return refuse_old(is_listed, error);
}

static int check_connections(const struct newcomer *newcomer, const struct mg_pending *pending,
			     struct mg_error *error)
{
	struct mg_connection said;
	char client[INET6_ADDRSTRLEN] = "";
	bool is_listed = false;
	int err;

	for (size_t i = 0; i < newcomer->count; i++)
		is_listed |= mg_ssh_connection_listed(pending->connections,
						      &socket_at(newcomer, i)->connection);
	err = check_age(newcomer, pending, is_listed, error);
	if (err == 0 && mg_ssh_connection_read(newcomer->ssh_connection, &said) &&
	    mg_ssh_connection_listed(pending->connections, &said))
		err = refuse_old(true, error);
	for (size_t i = 0; i < newcomer->count && err == 0; i++) {
		const struct mg_connection *connection = &socket_at(newcomer, i)->connection;

		if (!is_of_this_host(newcomer, connection))
			continue;
		inet_ntop(connection->family == MG_IPV4 ? AF_INET : AF_INET6, connection->client,
			  client, sizeof(client));
		err = mg_fail(
			error, -EPERM, MG_UNSAFE,
			"this connection comes from this very host (%s), which proves nothing "
			"about the way in from outside: %s",
			client, anew);
	}
	return err;
}

int mg_newcomer_check(const struct mg_newcomer_view *view, const struct mg_pending *pending,
		      struct mg_error *error)
{
	struct newcomer newcomer;
	int err = look(view, &newcomer);

	if (err) {
		err = mg_fail(error, err, MG_ENVIRONMENT, "out of memory");
	} else if (!newcomer.sshd) {
		err = refuse_without_sshd(&newcomer, error);
	} else if (mg_ancestors_multiplexed(&newcomer.ancestors,
					    (size_t)(newcomer.sshd - newcomer.ancestors.items))) {
		newcomer.sshd = NULL;
		err = refuse_without_sshd(&newcomer, error);
	} else {
		find_connections(&newcomer);
		if (newcomer.count)
			err = check_connections(&newcomer, pending, error);
		else
			err = mg_fail(error, -EPERM, MG_UNSAFE,
				      "the sshd above this (process %d) holds no TCP connection "
				      "that could be seen: confirm as root, over a connection from "
				      "another machine",
				      (int)newcomer.sshd->pid);
	}
	forget(&newcomer);
	return err;
}

int mg_newcomer_check_console(const struct mg_newcomer_view *view, struct mg_error *error)
{
	struct newcomer newcomer;
	int err = look(view, &newcomer);

	if (err)
		err = mg_fail(error, err, MG_ENVIRONMENT, "out of memory");
	if (err == 0 && newcomer.sshd)
		find_connections(&newcomer);
	/* sshd serves consoles too: of a virtual machine, over a socket that is none of TCP */
	if (err == 0 && newcomer.count)
		err = mg_fail(
			error, -EPERM, MG_UNSAFE,
			"--console is for who sits at the machine, and this comes by ssh: "
			"leave it out, over a connection that was opened after the apply (ssh "
			"-o ControlPath=none, where ssh shares connections)");
	else if (err == 0 && says_ssh(&newcomer))
		err = mg_fail(error, -EPERM, MG_UNSAFE,
			      "--console is for who sits at the machine, and SSH_CONNECTION says "
			      "that you have come by ssh: log in anew, at the machine with "
			      "--console, by ssh without");
	forget(&newcomer);
	return err;
}

void mg_newcomer_list_coming(const char *proc, char *list, size_t size)
{
	size_t used = strlen(list);
	struct mg_sockets sockets;

	if (mg_sockets_read_coming(proc, &sockets))
		return;
	for (size_t i = 0; i < sockets.count; i++) {
		char words[MG_SSH_CONNECTION_SIZE];

		mg_ssh_connection_write(&sockets.items[i].connection, words);
		if (used + strlen(words) + 2 > size)
			break;
		used += (size_t)sprintf(list + used, "%s\n", words);
	}
	mg_sockets_clear(&sockets);
}
