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

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plan/sockets.h"
#include "ruleset/failure.h"
#include "ruleset/growable.h"

/* More ancestors than anybody has; ends a loop in a made-up tree. */
#define ANCESTORS 256

#define SSH_PORT 22

struct search {
	struct mg_sockets sockets; /* once need_sockets() was called */
	bool sockets_read;
	const char *proc;
	pid_t pid;
	pid_t ancestors[ANCESTORS]; /* the nearest first, pid itself included */
	size_t ancestor_count;
	bool under_sshd;
	bool under_multiplexer;
	struct mg_operator *found;
};

/* A process's name and its parent, from its status file. */
static bool read_status(const char *proc, pid_t pid, char name[32], pid_t *parent)
{
	char path[PATH_MAX], line[256];
	int number = 0;
	bool complete = false;
	FILE *file;

	name[0] = '\0';
	if (snprintf(path, sizeof(path), "%s/%d/status", proc, (int)pid) >= (int)sizeof(path))
		return false;
	file = fopen(path, "re");
	if (!file)
		return false;
	while (!complete && fgets(line, sizeof(line), file)) {
		if (strncmp(line, "Name:\t", 6) == 0)
			snprintf(name, 32, "%.*s", (int)strcspn(line + 6, "\n"), line + 6);
		else if (sscanf(line, "PPid: %d", &number) == 1)
			complete = true;
	}
	fclose(file);
	*parent = number;
	return complete;
}

static bool is_one_of(const char *name, const char *const *names)
{
	for (; *names; names++)
		if (strcmp(name, *names) == 0)
			return true;
	return false;
}

/* OpenSSH 9.8 gave each session a program of its own, sshd-session. */
static bool is_sshd(const char *proc, pid_t pid, const char *name)
{
	static const char *const names[] = { "sshd", "sshd-session", "dropbear", NULL };
	char path[PATH_MAX], target[PATH_MAX];
	const char *base;
	ssize_t length;

	if (is_one_of(name, names))
		return true;
	if (snprintf(path, sizeof(path), "%s/%d/exe", proc, (int)pid) >= (int)sizeof(path))
		return false;
	length = readlink(path, target, sizeof(target) - 1);
	if (length < 0)
		return false;
	target[length] = '\0';
	/* What an upgrade replaced goes on under its old name. */
	if (length > 10 && strcmp(target + length - 10, " (deleted)") == 0)
		target[length - 10] = '\0';
	base = strrchr(target, '/');
	return is_one_of(base ? base + 1 : target, names);
}

static bool is_multiplexer(const char *name)
{
	static const char *const names[] = { "tmux: server", "tmux",   "screen", "SCREEN",
					     "zellij",	     "abduco", "dtach",	 NULL };

	return is_one_of(name, names);
}

static void walk_up(struct search *search)
{
	pid_t pid = search->pid, parent;
	char name[32];

	while (pid > 0 && search->ancestor_count < ANCESTORS &&
	       read_status(search->proc, pid, name, &parent)) {
		search->ancestors[search->ancestor_count++] = pid;
		/* An sshd that is process 1 of a container adopts all orphans. */
		search->under_sshd |= pid != 1 && is_sshd(search->proc, pid, name);
		search->under_multiplexer |= is_multiplexer(name);
		pid = parent;
	}
}

static int add(struct mg_operator *found, const struct mg_connection *connection)
{
	int err;

	for (size_t i = 0; i < found->count; i++) {
		const struct mg_connection *other = &found->connections[i];

		if (other->family == connection->family &&
		    other->client_port == connection->client_port &&
		    other->server_port == connection->server_port &&
		    memcmp(other->client, connection->client, 16) == 0 &&
		    memcmp(other->server, connection->server, 16) == 0)
			return 0;
	}
	err = mg_make_room((void **)&found->connections, &found->capacity, found->count + 1,
			   sizeof(*connection));
	if (err == 0)
		found->connections[found->count++] = *connection;
	return err;
}

/* "fe80::1%eth0": the scope says by which interface the packets come. */
static bool parse_address(const char *text, struct mg_connection *connection,
			  unsigned char address[16])
{
	char copy[INET6_ADDRSTRLEN + IF_NAMESIZE + 1];
	char *scope;

	if (snprintf(copy, sizeof(copy), "%s", text) >= (int)sizeof(copy))
		return false;
	scope = strchr(copy, '%');
	if (scope) {
		*scope++ = '\0';
		if (strlen(scope) < sizeof(connection->interface))
			strcpy(connection->interface, scope);
	}
	memset(address, 0, 16);
	return inet_pton(connection->family == MG_IPV4 ? AF_INET : AF_INET6, copy, address) == 1;
}

/*
 * "client port server port", as sshd writes it. Behind a proxy it can be
 * "UNKNOWN 65535 UNKNOWN 65535", which says nothing.
 */
static bool parse_ssh_connection(const char *text, struct mg_connection *out)
{
	char client[80], server[80], more;
	unsigned int client_port, server_port;

	if (sscanf(text, "%79s %u %79s %u %c", client, &client_port, server, &server_port, &more) !=
		    4 ||
	    client_port > UINT16_MAX || server_port > UINT16_MAX)
		return false;
	*out = (struct mg_connection){
		.family = strchr(client, ':') ? MG_IPV6 : MG_IPV4,
		.client_port = (uint16_t)client_port,
		.server_port = (uint16_t)server_port,
	};
	if (!parse_address(client, out, out->client) || !parse_address(server, out, out->server))
		return false;
	mg_connection_unmap(out);
	return true;
}

/* SSH_CONNECTION of a process, as it was when it started. */
static bool read_environment(const char *proc, pid_t pid, struct mg_connection *out)
{
	static const char key[] = "SSH_CONNECTION=";
	char path[PATH_MAX], *entry = NULL;
	size_t capacity = 0;
	bool found = false;
	FILE *file;

	if (snprintf(path, sizeof(path), "%s/%d/environ", proc, (int)pid) >= (int)sizeof(path))
		return false;
	file = fopen(path, "re");
	if (!file)
		return false;
	while (!found && getdelim(&entry, &capacity, '\0', file) >= 0)
		found = strncmp(entry, key, sizeof(key) - 1) == 0 &&
			parse_ssh_connection(entry + sizeof(key) - 1, out);
	free(entry);
	fclose(file);
	return found;
}

/*
 * Is an ancestor in another network namespace than the process itself ("ip
 * netns exec")? Then its connection does not come through the tables here.
 */
static bool is_elsewhere(const struct search *search, pid_t ancestor)
{
	char path[PATH_MAX], own[64], other[64];
	ssize_t own_length, other_length;

	if (snprintf(path, sizeof(path), "%s/%d/ns/net", search->proc, (int)search->pid) >=
	    (int)sizeof(path))
		return false;
	own_length = readlink(path, own, sizeof(own));
	if (snprintf(path, sizeof(path), "%s/%d/ns/net", search->proc, (int)ancestor) >=
	    (int)sizeof(path))
		return false;
	other_length = readlink(path, other, sizeof(other));
	return own_length > 0 && other_length > 0 &&
	       (own_length != other_length || memcmp(own, other, (size_t)own_length) != 0);
}

static int from_ancestor_environment(struct search *search)
{
	struct mg_connection connection;

	for (size_t i = 0; i < search->ancestor_count; i++) {
		const pid_t pid = search->ancestors[i];

		if (!is_elsewhere(search, pid) && read_environment(search->proc, pid, &connection))
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

	for (size_t i = 0; i < search->ancestor_count && err == 0; i++) {
		const pid_t pid = search->ancestors[i];
		char name[32];
		pid_t parent;

		if (read_status(search->proc, pid, name, &parent) &&
		    is_sshd(search->proc, pid, name) && !is_elsewhere(search, pid))
			err = mg_inodes_of(search->proc, pid, &inodes);
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
		char name[32], *end;
		long pid = strtol(entry->d_name, &end, 10);
		pid_t parent;

		if (*end == '\0' && pid > 0 && pid <= INT_MAX &&
		    read_status(search->proc, (pid_t)pid, name, &parent) &&
		    is_sshd(search->proc, (pid_t)pid, name))
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
	struct mg_connection own;
	int err = 0;

	walk_up(search);
	/* What a multiplexer's shells have in their environment is the
	 * connection of the day when they were started. */
	if (search->under_multiplexer && !search->under_sshd)
		err = from_all_peers(search);
	if (err == 0 && search->found->count == 0 && parse_ssh_connection(ssh_connection, &own))
		err = add(search->found, &own);
	if (err == 0 && search->found->count == 0)
		err = from_ancestor_environment(search);
	if (err == 0 && search->found->count == 0 && search->under_sshd)
		err = from_ancestor_sockets(search);
	if (err == 0 && comes_from_here(search->found))
		err = from_all_peers(search);
	mg_sockets_clear(&search->sockets);
	return err;
}

static void name_interfaces(const struct mg_host *host, struct mg_operator *found)
{
	for (size_t i = 0; host && i < found->count; i++) {
		struct mg_connection *connection = &found->connections[i];
		const struct mg_host_interface *owner;

		if (connection->interface[0] != '\0')
			continue;
		owner = mg_host_owner(host, connection->family, connection->server);
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
