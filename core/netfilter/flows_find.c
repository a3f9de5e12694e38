/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One flow out of many, by its answers. libnetfilter_conntrack would put an
 * original into the question, too, and the kernel look for that; so the question
 * is made here, and the library reads what comes back.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <sys/socket.h>

#include "flows_inner.h"

enum { MESSAGE_SIZE = 512, ANSWER_SIZE = 8192 };

static struct nlmsghdr *ask_for(char *buffer, enum mg_family family, uint8_t protocol,
				const struct mg_tuple *reply)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct nfgenmsg *generic = mnl_nlmsg_put_extra_header(header, sizeof(*generic));
	const size_t size = family == MG_IPV4 ? 4 : 16;
	struct nlattr *tuple, *inner;

	header->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET;
	header->nlmsg_flags = NLM_F_REQUEST;
	*generic = (struct nfgenmsg){
		.nfgen_family = family == MG_IPV4 ? AF_INET : AF_INET6,
		.version = NFNETLINK_V0,
	};
	tuple = mnl_attr_nest_start(header, CTA_TUPLE_REPLY);
	inner = mnl_attr_nest_start(header, CTA_TUPLE_IP);
	mnl_attr_put(header, family == MG_IPV4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, size,
		     reply->source);
	mnl_attr_put(header, family == MG_IPV4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, size,
		     reply->destination);
	mnl_attr_nest_end(header, inner);
	inner = mnl_attr_nest_start(header, CTA_TUPLE_PROTO);
	mnl_attr_put_u8(header, CTA_PROTO_NUM, protocol);
	mnl_attr_put_u16(header, CTA_PROTO_SRC_PORT, htons(reply->source_port));
	mnl_attr_put_u16(header, CTA_PROTO_DST_PORT, htons(reply->destination_port));
	mnl_attr_nest_end(header, inner);
	mnl_attr_nest_end(header, tuple);
	return header;
}

static int read_answer(const struct nlmsghdr *header, void *context)
{
	struct nf_conntrack *flow = nfct_new();
	bool taken = flow && nfct_nlmsg_parse(header, flow) == 0 && mg_flow_take(flow, context);

	if (flow)
		nfct_destroy(flow);
	errno = taken ? 0 : EBADMSG;
	return taken ? MNL_CB_OK : MNL_CB_ERROR;
}

int mg_flow_find(enum mg_family family, uint8_t protocol, const struct mg_tuple *reply,
		 struct mg_flow *out)
{
	char question[MESSAGE_SIZE], answer[ANSWER_SIZE];
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	const struct nlmsghdr *header;
	ssize_t size;
	int err = 0;

	if (!socket)
		return -errno;
	header = ask_for(question, family, protocol, reply);
	if (mnl_socket_sendto(socket, header, header->nlmsg_len) < 0 ||
	    (size = mnl_socket_recvfrom(socket, answer, sizeof(answer))) < 0 ||
	    mnl_cb_run(answer, (size_t)size, 0, 0, read_answer, out) < 0)
		err = -errno;
	mnl_socket_close(socket);
	return err;
}
