/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sockets and packets of an attempt. See attempt.h.
 */
#include "attempt.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Of the same ports a second connection would be the first one's to conntrack. */
enum { MOST_ATTEMPTS = 10000 };

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t make_address(enum mg_family family, const unsigned char *bytes, uint16_t port,
			      union address *out)
{
	memset(out, 0, sizeof(*out));
	if (family == MG_IPV4) {
		out->v4.sin_family = AF_INET;
		out->v4.sin_port = htons(port);
		if (bytes)
			memcpy(&out->v4.sin_addr, bytes, 4);
		return sizeof(out->v4);
	}
	out->v6.sin6_family = AF_INET6;
	out->v6.sin6_port = htons(port);
	if (bytes)
		memcpy(&out->v6.sin6_addr, bytes, 16);
	return sizeof(out->v6);
}

static int stream_socket(enum mg_family family)
{
	return socket(family == MG_IPV4 ? AF_INET : AF_INET6,
		      SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

int mg_way_listen(const struct mg_probe_way *way)
{
	const enum mg_family family = way->connection.family;
	const int fd = stream_socket(family), on = 1;
	union address address;
	const socklen_t size = make_address(family, NULL, way->connection.server_port, &address);
	int err = 0;

	if (fd < 0)
		return -errno;
	/* not SO_REUSEPORT: of two listeners either could get the connection */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    (family == MG_IPV6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on))) ||
	    bind(fd, &address.any, size) || listen(fd, 8))
		err = -errno;
	if (err)
		close(fd);
	return err ? err : fd;
}

static bool is_link_local(enum mg_family family, const unsigned char *address)
{
	return family == MG_IPV6 && address[0] == 0xfe && (address[1] & 0xc0) == 0x80;
}

static unsigned int width(enum mg_family family)
{
	return family == MG_IPV4 ? 32 : 128;
}

static int prepare_local(struct mg_space *space, const struct mg_probe_way *way)
{
	const enum mg_family family = way->connection.family;
	int err = mg_space_address(space, NULL, family, way->connection.server, width(family));

	return err ? err
		   : mg_space_address(space, NULL, family, way->connection.client, width(family));
}

int mg_way_prepare(struct mg_space *space, const struct mg_probe_way *way)
{
	const enum mg_family family = way->connection.family;
	const unsigned char *server = way->connection.server, *client = way->original.source;
	struct mg_probe_device *device;
	unsigned int prefix = is_link_local(family, server) ? 64 : width(family);
	int err;

	if (strcmp(way->in, "lo") == 0)
		return prepare_local(space, way);
	err = mg_space_device(space, way->in, &device);
	if (!err)
		err = mg_space_address(space, device, family, server, prefix);
	if (!err &&
	    memcmp(server, way->original.destination, sizeof(way->original.destination)) != 0)
		err = mg_space_address(space, device, family, way->original.destination,
				       width(family));
	if (!err)
		err = mg_space_device(space, way->out, &device);
	if (!err && !is_link_local(family, client))
		err = mg_space_route(space, device, family, client, width(family));
	return err;
}

/* Without the tables, and so without NAT, he would have to come to the server's own address. */
static struct mg_probe_packet packet_of(const struct mg_attempt *attempt, uint8_t flags)
{
	const struct mg_connection *connection = &attempt->way->connection;
	const struct mg_tuple *tuple = &attempt->way->original;
	struct mg_probe_packet packet = {
		.family = attempt->way->connection.family,
		.protocol = IPPROTO_TCP,
		.source_port = attempt->port,
		.destination_port = tuple->destination_port,
		.flags = flags,
		.sequence = 1000,
	};

	memcpy(packet.source, tuple->source, sizeof(packet.source));
	memcpy(packet.destination, tuple->destination, sizeof(packet.destination));
	if (attempt->plain) {
		memcpy(packet.destination, connection->server, sizeof(packet.destination));
		packet.destination_port = connection->server_port;
	}
	return packet;
}

static int inject(struct mg_attempt *attempt, const struct mg_probe_packet *packet)
{
	struct mg_probe_device *device;
	int err = mg_space_device(attempt->space, attempt->way->in, &device);

	return err ? err : mg_space_inject(device, packet);
}

/* The next packet that goes to the client's port with one of these flags, or with a payload. */
static bool hear(struct mg_attempt *attempt, uint8_t flags, struct mg_probe_packet *out)
{
	const enum mg_family family = attempt->way->connection.family;

	while (mg_space_receive(attempt->space, attempt->patience, out) == 1) {
		if (out->family != family || out->protocol != IPPROTO_TCP ||
		    out->destination_port != attempt->port)
			continue; /* "destination unreachable", say: whoever sent it is found */
		if (out->flags & MG_PROBE_RST) {
			attempt->reset = true;
			return flags & MG_PROBE_RST;
		}
		if (flags ? (out->flags & flags) == flags : out->payload > 0)
			return true;
	}
	return false;
}

static bool is_ready(int fd, short events, int patience)
{
	struct pollfd ready = { .fd = fd, .events = events };

	return poll(&ready, 1, patience) == 1 && (ready.revents & events);
}

/* Close without a farewell: a FIN would be one more packet to be judged. */
static void hang_up(int fd)
{
	const struct linger none = { .l_onoff = 1 };

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	close(fd);
}

/* The connection is there: a byte comes, and one goes. */
static bool talk(struct mg_attempt *attempt, int fd)
{
	struct mg_probe_packet answer;
	char byte;

	attempt->stage = MG_PROBE_PACKETS;
	if (!is_ready(fd, POLLIN, attempt->patience) || read(fd, &byte, 1) != 1)
		return false;
	attempt->stage = MG_PROBE_ANSWERS;
	return write(fd, "x", 1) == 1 && hear(attempt, 0, &answer);
}

/* What an attempt before this one left behind. */
static void clear_listener(int listener)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
		hang_up(fd);
}

static bool shake_hands(struct mg_attempt *attempt)
{
	struct mg_probe_packet packet = packet_of(attempt, MG_PROBE_SYN), answer;
	bool through;
	int fd;

	mg_space_drain(attempt->space);
	attempt->stage = MG_PROBE_CONNECT;
	if (inject(attempt, &packet) || !hear(attempt, MG_PROBE_SYN | MG_PROBE_ACK, &answer))
		return false;
	packet.flags = MG_PROBE_ACK | MG_PROBE_PSH;
	packet.sequence++;
	packet.acknowledged = answer.sequence + 1;
	packet.payload = 1;
	attempt->stage = MG_PROBE_PACKETS;
	if (inject(attempt, &packet) || !is_ready(attempt->listener, POLLIN, attempt->patience))
		return false;
	fd = accept4(attempt->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return false;
	through = talk(attempt, fd);
	hang_up(fd);
	return through;
}

/* From this host itself: by a socket, and the loopback device. */
static bool connect_here(struct mg_attempt *attempt)
{
	const struct mg_connection *connection = &attempt->way->connection;
	union address client, server;
	const socklen_t size = make_address(connection->family, connection->client, 0, &client);
	const int fd = stream_socket(connection->family);
	int other = -1;
	char byte;

	make_address(connection->family, connection->server, connection->server_port, &server);
	attempt->stage = MG_PROBE_CONNECT;
	if (fd >= 0 && bind(fd, &client.any, size) == 0 &&
	    (connect(fd, &server.any, size) == 0 || errno == EINPROGRESS) &&
	    is_ready(attempt->listener, POLLIN, attempt->patience))
		other = accept4(attempt->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (other >= 0) {
		attempt->stage = MG_PROBE_PACKETS;
		if (write(fd, "x", 1) == 1 && is_ready(other, POLLIN, attempt->patience) &&
		    read(other, &byte, 1) == 1)
			attempt->stage = MG_PROBE_ANSWERS;
		if (attempt->stage == MG_PROBE_ANSWERS && write(other, "x", 1) == 1 &&
		    !is_ready(fd, POLLIN, attempt->patience))
			attempt->stage = MG_PROBE_PACKETS;
		hang_up(other);
	}
	if (fd >= 0)
		hang_up(fd);
	return attempt->stage == MG_PROBE_ANSWERS;
}

bool mg_attempt_connect(struct mg_attempt *attempt)
{
	attempt->reset = false;
	attempt->port = (uint16_t)(attempt->base + attempt->space->attempts++ % MOST_ATTEMPTS);
	clear_listener(attempt->listener);
	return strcmp(attempt->way->in, "lo") == 0 ? connect_here(attempt) : shake_hands(attempt);
}

bool mg_attempt_session_comes(struct mg_attempt *attempt)
{
	struct mg_probe_packet packet = packet_of(attempt, MG_PROBE_ACK), answer;

	packet.sequence = packet.acknowledged = 5000;
	mg_space_drain(attempt->space);
	attempt->stage = MG_PROBE_PACKETS;
	return inject(attempt, &packet) == 0 && hear(attempt, MG_PROBE_RST, &answer);
}

bool mg_attempt_session_goes(struct mg_attempt *attempt)
{
	const struct mg_connection *connection = &attempt->way->connection;
	struct mg_probe_packet packet = packet_of(attempt, MG_PROBE_ACK | MG_PROBE_PSH), answer;

	memcpy(packet.source, connection->server, sizeof(packet.source));
	memcpy(packet.destination, connection->client, sizeof(packet.destination));
	packet.source_port = connection->server_port;
	packet.destination_port = connection->client_port;
	packet.sequence = packet.acknowledged = 5000;
	packet.payload = 1;
	mg_space_drain(attempt->space);
	return mg_space_send(attempt->space, &packet) == 0 && hear(attempt, 0, &answer);
}
