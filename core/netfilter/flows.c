/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Questions to conntrack. See flows.h.
 *
 * Owns a handle for the time of one call.
 */
#include "flows_inner.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack_tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ruleset/growable.h"

size_t mg_flows_known(void)
{
	FILE *file = fopen("/proc/sys/net/netfilter/nf_conntrack_count", "re");
	size_t count = 0;

	if (!file)
		return 0;
	if (fscanf(file, "%zu", &count) != 1)
		count = 0;
	fclose(file);
	return count;
}

int mg_flow_open(unsigned int groups, struct nfct_handle **out)
{
	struct nfct_handle *handle = nfct_open(CONNTRACK, groups);

	if (!handle)
		return errno > 0 ? -errno : -EIO;
	fcntl(nfct_fd(handle), F_SETFD, FD_CLOEXEC);
	*out = handle;
	return 0;
}

static uint8_t number(enum mg_family family)
{
	return family == MG_IPV4 ? AF_INET : AF_INET6;
}

static bool is_icmp(uint8_t protocol)
{
	return protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
}

/* The attributes of one direction; the library's are the original's or the reply's. */
static void put_tuple(struct nf_conntrack *flow, enum mg_family family, uint8_t protocol,
		      const struct mg_tuple *tuple, bool reply)
{
	const bool v4 = family == MG_IPV4;

	nfct_set_attr_u8(flow, reply ? ATTR_REPL_L3PROTO : ATTR_ORIG_L3PROTO, number(family));
	nfct_set_attr_u8(flow, reply ? ATTR_REPL_L4PROTO : ATTR_ORIG_L4PROTO, protocol);
	nfct_set_attr(flow,
		      v4      ? reply ? ATTR_REPL_IPV4_SRC : ATTR_ORIG_IPV4_SRC
		      : reply ? ATTR_REPL_IPV6_SRC
			      : ATTR_ORIG_IPV6_SRC,
		      tuple->source);
	nfct_set_attr(flow,
		      v4      ? reply ? ATTR_REPL_IPV4_DST : ATTR_ORIG_IPV4_DST
		      : reply ? ATTR_REPL_IPV6_DST
			      : ATTR_ORIG_IPV6_DST,
		      tuple->destination);
	if (is_icmp(protocol)) {
		nfct_set_attr_u16(flow, ATTR_ICMP_ID, htons(tuple->source_port));
		nfct_set_attr_u8(flow, ATTR_ICMP_TYPE, (uint8_t)tuple->destination_port);
		nfct_set_attr_u8(flow, ATTR_ICMP_CODE, 0);
		return;
	}
	nfct_set_attr_u16(flow, reply ? ATTR_REPL_PORT_SRC : ATTR_ORIG_PORT_SRC,
			  htons(tuple->source_port));
	nfct_set_attr_u16(flow, reply ? ATTR_REPL_PORT_DST : ATTR_ORIG_PORT_DST,
			  htons(tuple->destination_port));
}

static void get_tuple(const struct nf_conntrack *flow, enum mg_family family, uint8_t protocol,
		      bool reply, struct mg_tuple *out)
{
	const size_t size = family == MG_IPV4 ? 4 : 16;
	const enum nf_conntrack_attr first = family == MG_IPV4 ? reply ? ATTR_REPL_IPV4_SRC
								       : ATTR_ORIG_IPV4_SRC
					     : reply	       ? ATTR_REPL_IPV6_SRC
							       : ATTR_ORIG_IPV6_SRC;
	const enum nf_conntrack_attr second = family == MG_IPV4 ? reply ? ATTR_REPL_IPV4_DST
									: ATTR_ORIG_IPV4_DST
					      : reply		? ATTR_REPL_IPV6_DST
								: ATTR_ORIG_IPV6_DST;
	const void *source = nfct_get_attr(flow, first), *destination = nfct_get_attr(flow, second);

	memset(out, 0, sizeof(*out));
	if (source)
		memcpy(out->source, source, size);
	if (destination)
		memcpy(out->destination, destination, size);
	if (is_icmp(protocol)) {
		out->source_port = ntohs(nfct_get_attr_u16(flow, ATTR_ICMP_ID));
		out->destination_port = nfct_get_attr_u8(flow, ATTR_ICMP_TYPE);
		return;
	}
	out->source_port =
		ntohs(nfct_get_attr_u16(flow, reply ? ATTR_REPL_PORT_SRC : ATTR_ORIG_PORT_SRC));
	out->destination_port =
		ntohs(nfct_get_attr_u16(flow, reply ? ATTR_REPL_PORT_DST : ATTR_ORIG_PORT_DST));
}

bool mg_flow_take(const struct nf_conntrack *from, struct mg_flow *out)
{
	const uint8_t l3 = nfct_get_attr_u8(from, ATTR_ORIG_L3PROTO);

	*out = (struct mg_flow){ .family = l3 == AF_INET6 ? MG_IPV6 : MG_IPV4 };
	if (l3 != AF_INET && l3 != AF_INET6)
		return false;
	out->protocol = nfct_get_attr_u8(from, ATTR_ORIG_L4PROTO);
	out->id = nfct_get_attr_u32(from, ATTR_ID);
	out->timeout = nfct_get_attr_u32(from, ATTR_TIMEOUT);
	out->counted = nfct_attr_is_set(from, ATTR_ORIG_COUNTER_BYTES) > 0;
	if (out->counted) {
		out->bytes = nfct_get_attr_u64(from, ATTR_ORIG_COUNTER_BYTES) +
			     nfct_get_attr_u64(from, ATTR_REPL_COUNTER_BYTES);
		out->packets = nfct_get_attr_u64(from, ATTR_ORIG_COUNTER_PACKETS) +
			       nfct_get_attr_u64(from, ATTR_REPL_COUNTER_PACKETS);
	}
	get_tuple(from, out->family, out->protocol, false, &out->original);
	get_tuple(from, out->family, out->protocol, true, &out->reply);
	return true;
}

static int take_one(enum nf_conntrack_msg_type type, struct nf_conntrack *flow, void *context)
{
	(void)type;
	if (!mg_flow_take(flow, context))
		return NFCT_CB_FAILURE;
	return NFCT_CB_CONTINUE;
}

bool mg_flow_is_there(const struct mg_flow *flow)
{
	struct nf_conntrack *asked = nfct_new();
	struct nfct_handle *handle = NULL;
	struct mg_flow now = { .id = 0 };
	bool is = false;

	if (asked && mg_flow_open(0, &handle) == 0) {
		put_tuple(asked, flow->family, flow->protocol, &flow->original, false);
		nfct_callback_register(handle, NFCT_T_ALL, take_one, &now);
		is = nfct_query(handle, NFCT_Q_GET, asked) == 0 && now.id == flow->id;
		nfct_close(handle);
	}
	if (asked)
		nfct_destroy(asked);
	return is;
}

static struct mg_tuple turned(const struct mg_tuple *tuple)
{
	struct mg_tuple other = {
		.source_port = tuple->destination_port,
		.destination_port = tuple->source_port,
	};

	memcpy(other.source, tuple->destination, sizeof(other.source));
	memcpy(other.destination, tuple->source, sizeof(other.destination));
	return other;
}

int mg_flow_pretend(enum mg_family family, const struct mg_tuple *original)
{
	const struct mg_tuple reply = turned(original);
	struct nf_conntrack *flow = nfct_new();
	struct nfct_handle *handle = NULL;
	int err = flow ? mg_flow_open(0, &handle) : -ENOMEM;

	if (!err) {
		put_tuple(flow, family, IPPROTO_TCP, original, false);
		put_tuple(flow, family, IPPROTO_TCP, &reply, true);
		nfct_set_attr_u8(flow, ATTR_TCP_STATE, TCP_CONNTRACK_ESTABLISHED);
		nfct_set_attr_u32(flow, ATTR_TIMEOUT, 600);
		nfct_set_attr_u32(flow, ATTR_STATUS, IPS_SEEN_REPLY | IPS_ASSURED);
		/* its sequence numbers are not known */
		nfct_set_attr_u8(flow, ATTR_TCP_FLAGS_ORIG, IP_CT_TCP_FLAG_BE_LIBERAL);
		nfct_set_attr_u8(flow, ATTR_TCP_MASK_ORIG, IP_CT_TCP_FLAG_BE_LIBERAL);
		nfct_set_attr_u8(flow, ATTR_TCP_FLAGS_REPL, IP_CT_TCP_FLAG_BE_LIBERAL);
		nfct_set_attr_u8(flow, ATTR_TCP_MASK_REPL, IP_CT_TCP_FLAG_BE_LIBERAL);
		err = nfct_query(handle, NFCT_Q_CREATE, flow) ? -errno : 0;
		nfct_close(handle);
	}
	if (flow)
		nfct_destroy(flow);
	return err;
}

struct reading {
	struct mg_flow *items;
	size_t count, capacity;
	int err;
};

/* One that has only begun, or is at its end, is none that goes on. */
static bool is_established(const struct nf_conntrack *flow, uint8_t protocol)
{
	if (protocol == IPPROTO_TCP)
		return nfct_get_attr_u8(flow, ATTR_TCP_STATE) == TCP_CONNTRACK_ESTABLISHED;
	return nfct_get_attr_u32(flow, ATTR_STATUS) & IPS_SEEN_REPLY;
}

static int take_established(enum nf_conntrack_msg_type type, struct nf_conntrack *flow,
			    void *context)
{
	struct reading *reading = context;
	struct mg_flow found;

	(void)type;
	if (!is_established(flow, nfct_get_attr_u8(flow, ATTR_ORIG_L4PROTO)) ||
	    !mg_flow_take(flow, &found))
		return NFCT_CB_CONTINUE;
	reading->err = mg_make_room((void **)&reading->items, &reading->capacity,
				    reading->count + 1, sizeof(found));
	if (reading->err)
		return NFCT_CB_FAILURE;
	reading->items[reading->count++] = found;
	return NFCT_CB_CONTINUE;
}

int mg_flows_read(unsigned int families, struct mg_flow **out, size_t *count)
{
	struct nfct_handle *handle = NULL;
	struct reading reading = { 0 };
	int family, err = mg_flow_open(0, &handle);

	if (err)
		return err;
	nfct_callback_register(handle, NFCT_T_ALL, take_established, &reading);
	for (family = 0; family < MG_FAMILIES && !err; family++) {
		const uint32_t l3 = number((enum mg_family)family);

		if (families & 1U << family && nfct_query(handle, NFCT_Q_DUMP, &l3))
			err = reading.err ? reading.err : -errno;
	}
	nfct_close(handle);
	if (err) {
		free(reading.items);
		return err;
	}
	*out = reading.items;
	*count = reading.count;
	return 0;
}

static int end_flow(struct nfct_handle *handle, const struct mg_flow *flow)
{
	struct nf_conntrack *named = nfct_new();
	int err;

	if (!named)
		return -ENOMEM;
	put_tuple(named, flow->family, flow->protocol, &flow->original, false);
	/* another one may have taken its place */
	nfct_set_attr_u32(named, ATTR_ID, flow->id);
	err = nfct_query(handle, NFCT_Q_DESTROY, named) ? -errno : 0;
	nfct_destroy(named);
	return err;
}

int mg_flows_end(const struct mg_flow *flows, size_t count)
{
	struct nfct_handle *handle = NULL;
	size_t i;
	int ended = 0, err = mg_flow_open(0, &handle);

	if (err)
		return err;
	for (i = 0; i < count; i++)
		ended += end_flow(handle, &flows[i]) == 0;
	nfct_close(handle);
	return ended;
}
