/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A TCP connection to this host, as plain data: who came, from where, to
 * what. It stands here so that both the finder of the operator's session
 * (plan/) and the diagnoses that protect it (analysis/) can speak of it.
 *
 * Owns nothing. Must not touch the kernel, libxtables or Lua.
 */
#ifndef MG_CONNECTION_H
#define MG_CONNECTION_H

#include <moongate.h>
#include <string.h>

struct mg_connection {
	enum mg_family family;	  /* IPv4-mapped IPv6 addresses are IPv4 here */
	unsigned char client[16]; /* network byte order; IPv4 uses the first four */
	unsigned char server[16];
	uint16_t client_port; /* host byte order */
	uint16_t server_port;
	char interface[16]; /* by which it comes in, "" where that is not known */
};

/** Does it come from this host itself, that is, by loopback? */
static inline bool mg_connection_is_local(const struct mg_connection *connection)
{
	static const unsigned char loopback6[16] = { [15] = 1 };

	if (memcmp(connection->client, connection->server, 16) == 0)
		return true;
	if (connection->family == MG_IPV4)
		return connection->client[0] == 127;
	return memcmp(connection->client, loopback6, 16) == 0;
}

#endif
