/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Objects for a trial. See trial_objects.h.
 *
 * Owns its socket for the time of one call.
 */
#include "trial_objects.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_cttimeout.h>
#include <linux/netfilter/xt_CT.h>
#include <linux/netfilter/xt_nfacct.h>
#include <string.h>

#include "family.h"

/* Room for a message: a few attributes, the longest of which is a name. */
enum { MESSAGE_SIZE = 512, ANSWER_SIZE = 4096 };

static struct nlmsghdr *begin(char *buffer, uint16_t subsystem, uint16_t command)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct nfgenmsg *generic;

	header->nlmsg_type = (uint16_t)(subsystem << 8 | command);
	header->nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_ACK;
	generic = mnl_nlmsg_put_extra_header(header, sizeof(*generic));
	*generic = (struct nfgenmsg){ .nfgen_family = NFPROTO_UNSPEC, .version = NFNETLINK_V0 };
	return header;
}

/* What the kernel answers does not matter, but only then it has been done. */
static void ask(struct mnl_socket *socket, const struct nlmsghdr *header)
{
	char answer[ANSWER_SIZE];

	if (mnl_socket_sendto(socket, header, header->nlmsg_len) >= 0)
		(void)mnl_socket_recvfrom(socket, answer, sizeof(answer));
}

/* A name in a rule need not end within its field. */
static void put_name(struct nlmsghdr *header, uint16_t type, const char *name, size_t size)
{
	char copy[64] = "";

	memcpy(copy, name, size < sizeof(copy) ? strnlen(name, size) : sizeof(copy) - 1);
	mnl_attr_put_strz(header, type, copy);
}

static void make_account(struct mnl_socket *socket, const struct xt_entry_match *match)
{
	const struct xt_nfacct_match_info *info = (const void *)match->data;
	char buffer[MESSAGE_SIZE];
	struct nlmsghdr *header = begin(buffer, NFNL_SUBSYS_ACCT, NFNL_MSG_ACCT_NEW);

	put_name(header, NFACCT_NAME, info->name, sizeof(info->name));
	ask(socket, header);
}

/* A policy is for one family and protocol: those of the rule, or the kernel refuses it. */
static void make_timeouts(struct mnl_socket *socket, const struct mg_family_ops *ops,
			  uint16_t protocol, const struct xt_entry_target *target)
{
	const struct xt_ct_target_info_v1 *info = (const void *)target->data;
	char buffer[MESSAGE_SIZE];
	struct nlmsghdr *header = begin(buffer, NFNL_SUBSYS_CTNETLINK_TIMEOUT,
					IPCTNL_MSG_TIMEOUT_NEW);

	put_name(header, CTA_TIMEOUT_NAME, info->timeout, sizeof(info->timeout));
	mnl_attr_put_u16(header, CTA_TIMEOUT_L3PROTO, htons(ops->nfproto));
	mnl_attr_put_u8(header, CTA_TIMEOUT_L4PROTO, (uint8_t)protocol);
	mnl_attr_nest_end(header, mnl_attr_nest_start(header, CTA_TIMEOUT_DATA));
	ask(socket, header);
}

static bool is_account(const struct xt_entry_match *match)
{
	return strcmp(match->u.user.name, "nfacct") == 0 &&
	       match->u.match_size >=
		       sizeof(*match) + sizeof(((struct xt_nfacct_match_info *)0)->name);
}

static bool has_timeouts(const struct mg_entry *entry, const struct xt_entry_target *target)
{
	const struct xt_ct_target_info_v1 *info = (const void *)target->data;

	return !entry->standard && strcmp(entry->target, "CT") == 0 &&
	       target->u.user.revision >= 1 &&
	       target->u.target_size >= sizeof(*target) + sizeof(*info) && info->timeout[0];
}

/* The socket is opened for the first rule that needs it: hardly any does. */
static bool is_open(struct mnl_socket **socket)
{
	if (!*socket)
		*socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	return *socket;
}

void mg_trial_make_objects(const struct mg_image *image)
{
	const struct mg_family_ops *ops = mg_family_ops(image->family);
	struct mnl_socket *socket = NULL;
	size_t i;

	for (i = 0; i < image->entry_count; i++) {
		const struct mg_entry *entry = &image->entries[i];
		const struct xt_entry_target *target;
		const unsigned char *at;
		struct mg_entry_view view;

		ops->view((void *)entry->bytes, &view);
		target = mg_entry_target(&view, ops);
		for (at = view.elements; at < (const unsigned char *)target;
		     at += ((const struct xt_entry_match *)at)->u.match_size)
			if (is_account((const void *)at) && is_open(&socket))
				make_account(socket, (const void *)at);
		if (has_timeouts(entry, target) && is_open(&socket))
			make_timeouts(socket, ops, *view.protocol, target);
	}
	if (socket)
		mnl_socket_close(socket);
}
