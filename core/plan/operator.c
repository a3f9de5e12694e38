/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finding the operator's ssh connections. See operator.h.
 *
 * All of it is read from proc(5). A process can lie about its name and its
 * environment; that can only add a connection to be kept open.
 *
 * Must not touch the tables, print or exit.
 */
#include "plan/operator.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plan/ancestors.h"
#include "plan/sockets.h"
#include "plan/ssh_connection.h"
#include "ruleset/failure.h"
#include "ruleset/growable.h"

#define SSH_PORT 22

struct search {
	struct mg_sockets sockets; /* once need_sockets() was called */
	bool sockets_read;
	const char *proc;
	pid_t pid;
	const struct mg_host *host; /* NULL: not known */
	struct mg_ancestors ancestors;
	struct mg_operator *found;
};

static int add(struct mg_operator *found, const struct mg_connection *connection)
{
	int err;

	for (size_t i = 0; i < found->count; i++)
		if (mg_ssh_connection_equal(&found->connections[i], connection))
			return 0;
	err = mg_make_room((void **)&found->connections, &found->capacity, found->count + 1,
			   sizeof(*connection));
	if (err == 0)
		found->connections[found->count++] = *connection;
	return err;
}

/*
 * "ip netns exec" in an ssh session: the environment tells of a connection to
 * another network namespace, whose packets do not come through these tables.
 */
static bool is_to_here(const struct search *search, const struct mg_connection *connection)
{
	return !search->host || !mg_ancestors_log_in_elsewhere(&search->ancestors) ||
	       mg_host_owner(search->host, connection->family, connection->server);
}

static int from_ancestor_environment(struct search *search)
{
	struct mg_connection connection;

	for (size_t i = 0; i < search->ancestors.count; i++) {
		const struct mg_process *process = &search->ancestors.items[i];

		if (!process->is_elsewhere &&
		    mg_ssh_connection_of(search->proc, process->pid, &connection) &&
		    is_to_here(search, &connection))
			return add(search->found, &connection);
	}
	return 0;
}

/* The kernel walks its whole table of connections for them: only where they count. */
static int need_sockets(struct search *search)
{
	int err;

	if (search->sockets_read)
		return 0;
	err = mg_sockets_read(search->proc, &search->sockets);
	search->sockets_read = err == 0;
	return err;
}

/*
 * Established sockets that these processes hold. sshd's forwarded
 * connections are among them, but their port here is one that nobody
 * listens on.
 */
static int from_inodes(struct search *search, const struct mg_sockets *sockets,
		       const struct mg_inodes *inodes)
{
	int err = 0;

	for (size_t i = 0; i < sockets->count && err == 0; i++) {
		const struct mg_socket *socket = &sockets->items[i];

		if (!socket->listens && mg_inodes_have(inodes, socket->inode) &&
		    mg_sockets_listen(sockets, socket->connection.server_port))
			err = add(search->found, &socket->connection);
	}
	return err;
}

static int from_ancestor_sockets(struct search *search)
{
	const struct mg_sockets *sockets = &search->sockets;
	struct mg_inodes inodes = { 0 };
	int err = need_sockets(search);

	for (size_t i = 0; i < search->ancestors.count && err == 0; i++) {
		const struct mg_process *process = &search->ancestors.items[i];

		if (process->is_sshd && !process->is_elsewhere)
			err = mg_inodes_of(search->proc, process->pid, &inodes);
	}
	if (err == 0)
		err = from_inodes(search, sockets, &inodes);
	mg_inodes_clear(&inodes);
	return err;
}

/* The sockets of every sshd on this host. */
static int inodes_of_sshd(const struct search *search, struct mg_inodes *inodes)
{
	struct dirent *entry;
	int err = 0;
	DIR *folder = opendir(search->proc);

	if (!folder)
		return 0;
	while (err == 0 && (entry = readdir(folder))) {
		char *end;
		long pid = strtol(entry->d_name, &end, 10);

		if (*end == '\0' && pid > 0 && pid <= INT_MAX &&
		    mg_process_is_sshd(search->proc, (pid_t)pid))
			err = mg_inodes_of(search->proc, (pid_t)pid, inodes);
	}
	closedir(folder);
	return err;
}

/* Does sshd listen on this port? @any: an sshd that listens was found at all. */
static bool is_ssh_port(const struct mg_sockets *sockets, const struct mg_inodes *inodes,
			uint16_t port, bool *any)
{
	bool found = false;

	*any = false;
	for (size_t i = 0; i < sockets->count; i++) {
		if (!sockets->items[i].listens || !mg_inodes_have(inodes, sockets->items[i].inode))
			continue;
		*any = true;
		found |= sockets->items[i].connection.server_port == port;
	}
	return found;
}

/* Every established ssh peer of this host. */
static int from_all_peers(struct search *search)
{
	const struct mg_sockets *sockets = &search->sockets;
	struct mg_inodes inodes = { 0 };
	int err = need_sockets(search);

	if (err == 0)
		err = inodes_of_sshd(search, &inodes);

	/* systemd may listen in sshd's stead, so what its sessions hold counts too. */
	if (err == 0)
		err = from_inodes(search, sockets, &inodes);
	for (size_t i = 0; i < sockets->count && err == 0; i++) {
		const struct mg_connection *connection = &sockets->items[i].connection;
		bool any;

		if (sockets->items[i].listens)
			continue;
		if (is_ssh_port(sockets, &inodes, connection->server_port, &any) ||
		    (!any && connection->server_port == SSH_PORT))
			err = add(search->found, connection);
	}
	mg_inodes_clear(&inodes);
	return err;
}

static bool comes_from_here(const struct mg_operator *found)
{
	for (size_t i = 0; i < found->count; i++)
		if (mg_connection_is_local(&found->connections[i]))
			return true;
	return false;
}

static int find(struct search *search, const char *ssh_connection)
{
	const struct mg_ancestors *ancestors = &search->ancestors;
	struct mg_connection own;
	bool under_sshd = false;
	int err = 0;

	mg_ancestors_read(search->proc, search->pid, &search->ancestors);
	for (size_t i = 0; i < ancestors->count; i++)
		under_sshd |= ancestors->items[i].is_sshd;
	/* What a multiplexer's shells have in their environment is the
	 * connection of the day when they were started. */
	if (mg_ancestors_multiplexed(ancestors, ancestors->count) && !under_sshd)
		err = from_all_peers(search);
	if (err == 0 && search->found->count == 0 && mg_ssh_connection_read(ssh_connection, &own) &&
	    is_to_here(search, &own))
		err = add(search->found, &own);
	if (err == 0 && search->found->count == 0)
		err = from_ancestor_environment(search);
	if (err == 0 && search->found->count == 0 && under_sshd)
		err = from_ancestor_sockets(search);
	if (err == 0 && comes_from_here(search->found))
		err = from_all_peers(search);
	mg_sockets_clear(&search->sockets);
	return err;
}

/* The only other interface in whose network the client is; NULL: none, or several. */
static const struct mg_host_interface *find_near(const struct mg_host *host,
						 const struct mg_connection *connection)
{
	const struct mg_host_interface *found = NULL;

	for (size_t i = 0; i < host->interface_count; i++) {
		const struct mg_host_interface *interface = &host->interfaces[i];

		if (interface->loopback ||
		    !mg_host_is_near(interface, connection->family, connection->client))
			continue;
		if (found)
			return NULL;
		found = interface;
	}
	return found;
}

/*
 * A host answers for all of its addresses on each interface: a neighbour comes
 * by that of his network, whichever address he has asked for.
 */
static void name_interfaces(const struct mg_host *host, struct mg_operator *found)
{
	for (size_t i = 0; host && i < found->count; i++) {
		struct mg_connection *connection = &found->connections[i];
		const struct mg_host_interface *owner;

		if (connection->interface[0] != '\0')
			continue;
		owner = mg_host_owner(host, connection->family, connection->server);
		if (owner && (owner->loopback ||
			      !mg_host_is_near(owner, connection->family, connection->client))) {
			const struct mg_host_interface *near = find_near(host, connection);

			owner = near ? near : owner;
		}
		if (owner && !owner->loopback)
			strcpy(connection->interface, owner->name);
	}
}

int mg_operator_find(const struct mg_operator_view *view, struct mg_operator *out,
		     struct mg_error *error)
{
	static const struct mg_operator_view own;
	struct mg_operator found = { 0 };
	struct search search = { .found = &found };
	const char *ssh_connection;
	int err;

	if (!view)
		view = &own;
	search.proc = view->proc ? view->proc : "/proc";
	search.pid = view->pid ? view->pid : getpid();
	search.host = view->host;
	ssh_connection = view->ssh_connection ? view->ssh_connection : getenv("SSH_CONNECTION");
	err = find(&search, ssh_connection ? ssh_connection : "");
	if (err) {
		mg_operator_clear(&found);
		return mg_fail(error, err, MG_ENVIRONMENT, "out of memory");
	}
	name_interfaces(view->host, &found);
	*out = found;
	return 0;
}

void mg_operator_clear(struct mg_operator *found)
{
	if (!found)
		return;
	free(found->connections);
	*found = (struct mg_operator){ 0 };
}
