/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Questions to rtnetlink(7). See routes.h.
 *
 * Owns its socket, and the names of the interfaces that it has met.
 */
#include "routes.h"

#include <net/if.h>

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { MESSAGE_SIZE = 256, ANSWER_SIZE = 4096, NAMES = 16 };

struct mg_routes {
	struct mnl_socket *socket;
	/* a question of a name is a call as dear as the route's: keep some */
	struct {
		unsigned int index;
		char name[IF_NAMESIZE];
	} names[NAMES];
};

int mg_routes_open(struct mg_routes **out)
{
	struct mg_routes *routes = calloc(1, sizeof(*routes));

	if (!routes)
		return -ENOMEM;
	routes->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!routes->socket) {
		free(routes);
		return -errno;
	}
	*out = routes;
	return 0;
}

void mg_routes_close(struct mg_routes *routes)
{
	if (!routes)
		return;
	mnl_socket_close(routes->socket);
	free(routes);
}

static void find_name(struct mg_routes *routes, unsigned int index, char out[IF_NAMESIZE])
{
	const size_t slot = index % NAMES;

	if (routes->names[slot].index != index) {
		if (!if_indextoname(index, routes->names[slot].name))
			routes->names[slot].name[0] = '\0';
		routes->names[slot].index = index;
	}
	memcpy(out, routes->names[slot].name, IF_NAMESIZE);
}

struct answer {
	unsigned char type;
	unsigned int index;
};

static int read_route(const struct nlmsghdr *header, void *context)
{
	const struct rtmsg *message = mnl_nlmsg_get_payload(header);
	struct answer *answer = context;
	const struct nlattr *attr;

	if (header->nlmsg_type != RTM_NEWROUTE)
		return MNL_CB_OK;
	answer->type = message->rtm_type;
	mnl_attr_for_each (attr, header, sizeof(*message)) {
		if (mnl_attr_get_type(attr) == RTA_OIF &&
		    mnl_attr_validate(attr, MNL_TYPE_U32) == 0)
			answer->index = mnl_attr_get_u32(attr);
	}
	return MNL_CB_OK;
}

int mg_route_find(struct mg_routes *routes, enum mg_family family, const unsigned char *destination,
		  const unsigned char *source, struct mg_route *out)
{
	const size_t size = family == MG_IPV4 ? 4 : 16;
	char buffer[MESSAGE_SIZE], answer[ANSWER_SIZE];
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct rtmsg *message = mnl_nlmsg_put_extra_header(header, sizeof(*message));
	struct answer found = { 0 };
	ssize_t length;

	header->nlmsg_type = RTM_GETROUTE;
	header->nlmsg_flags = NLM_F_REQUEST;
	message->rtm_family = family == MG_IPV4 ? AF_INET : AF_INET6;
	message->rtm_dst_len = (unsigned char)(8 * size);
	mnl_attr_put(header, RTA_DST, size, destination);
	if (source) {
		message->rtm_src_len = (unsigned char)(8 * size);
		mnl_attr_put(header, RTA_SRC, size, source);
	}
	if (mnl_socket_sendto(routes->socket, header, header->nlmsg_len) < 0)
		return -errno;
	length = mnl_socket_recvfrom(routes->socket, answer, sizeof(answer));
	if (length < 0 || mnl_cb_run(answer, (size_t)length, 0, 0, read_route, &found) < 0)
		return -errno;
	*out = (struct mg_route){ .local = found.type == RTN_LOCAL };
	if (found.type != RTN_LOCAL && found.type != RTN_UNICAST)
		return -ENETUNREACH;
	if (!out->local)
		find_name(routes, found.index, out->interface);
	return 0;
}
