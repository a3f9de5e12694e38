/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Connections in words. See ssh_connection.h.
 */
#include "plan/ssh_connection.h"

#include <arpa/inet.h>
#include <limits.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "plan/sockets.h"

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

bool mg_ssh_connection_read(const char *text, struct mg_connection *out)
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

void mg_ssh_connection_write(const struct mg_connection *connection,
			     char out[MG_SSH_CONNECTION_SIZE])
{
	const int family = connection->family == MG_IPV4 ? AF_INET : AF_INET6;
	char client[INET6_ADDRSTRLEN], server[INET6_ADDRSTRLEN];

	inet_ntop(family, connection->client, client, sizeof(client));
	inet_ntop(family, connection->server, server, sizeof(server));
	snprintf(out, MG_SSH_CONNECTION_SIZE, "%s %u %s %u", client, connection->client_port,
		 server, connection->server_port);
}

bool mg_ssh_connection_of(const char *proc, pid_t pid, struct mg_connection *out)
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
			mg_ssh_connection_read(entry + sizeof(key) - 1, out);
	free(entry);
	fclose(file);
	return found;
}

bool mg_ssh_connection_equal(const struct mg_connection *a, const struct mg_connection *b)
{
	return a->family == b->family && a->client_port == b->client_port &&
	       a->server_port == b->server_port && memcmp(a->client, b->client, 16) == 0 &&
	       memcmp(a->server, b->server, 16) == 0;
}

bool mg_ssh_connection_listed(const char *list, const struct mg_connection *connection)
{
	char line[MG_SSH_CONNECTION_SIZE];
	struct mg_connection other;

	for (; *list; list += strcspn(list, "\n"), list += *list == '\n') {
		snprintf(line, sizeof(line), "%.*s", (int)strcspn(list, "\n"), list);
		if (mg_ssh_connection_read(line, &other) &&
		    mg_ssh_connection_equal(&other, connection))
			return true;
	}
	return false;
}
