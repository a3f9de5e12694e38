/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Netlink dumps. See dump.h.
 *
 * Owns its socket for the time of one call. Must not change anything.
 */
#include "netfilter/dump.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Larger than any dump message the kernel makes (NLMSG_GOODSIZE is at most
 * 8 kB; a dump may use up to 32 kB if the reader offers it). */
#define BUFFER_SIZE 32768

static int receive(struct mnl_socket *socket, unsigned int sequence, char *buffer, mnl_cb_t each,
		   void *context)
{
	const unsigned int port = mnl_socket_get_portid(socket);
	int more;

	do {
		const ssize_t size = mnl_socket_recvfrom(socket, buffer, BUFFER_SIZE);

		if (size < 0)
			return -errno;
		/* mnl_cb_run() reports NLM_F_DUMP_INTR as EINTR. */
		more = mnl_cb_run(buffer, (size_t)size, sequence, port, each, context);
		if (more < 0)
			return -errno;
	} while (more > 0);
	return 0;
}

int mg_dump(int bus, uint16_t type, const void *payload, size_t size, mnl_cb_t each, void *context)
{
	const unsigned int sequence = 1; /* one request a socket */
	struct mnl_socket *socket = NULL;
	char *buffer = malloc(BUFFER_SIZE);
	struct nlmsghdr *header;
	int ret;

	if (!buffer)
		return -ENOMEM;
	socket = mnl_socket_open2(bus, SOCK_CLOEXEC);
	if (!socket || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		ret = -errno;
		goto out;
	}
	header = mnl_nlmsg_put_header(buffer);
	header->nlmsg_type = type;
	header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	header->nlmsg_seq = sequence;
	memcpy(mnl_nlmsg_put_extra_header(header, size), payload, size);
	if (mnl_socket_sendto(socket, header, header->nlmsg_len) < 0)
		ret = -errno;
	else
		ret = receive(socket, sequence, buffer, each, context);
out:
	if (socket)
		mnl_socket_close(socket);
	free(buffer);
	return ret;
}
