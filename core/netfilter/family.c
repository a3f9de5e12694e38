/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The two instances of struct mg_family_ops.
 */
#include "family.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <stdio.h>
#include <string.h>
#include <xtables.h>

#include "ruleset/digits.h"

_Static_assert(MG_NOT_IN == IPT_INV_VIA_IN && MG_NOT_IN == IP6T_INV_VIA_IN, "in");
_Static_assert(MG_NOT_OUT == IPT_INV_VIA_OUT && MG_NOT_OUT == IP6T_INV_VIA_OUT, "out");
_Static_assert(MG_NOT_SOURCE == IPT_INV_SRCIP && MG_NOT_SOURCE == IP6T_INV_SRCIP, "source");
_Static_assert(MG_NOT_DESTINATION == IPT_INV_DSTIP && MG_NOT_DESTINATION == IP6T_INV_DSTIP,
	       "destination");
_Static_assert(MG_NOT_FRAGMENT == IPT_INV_FRAG, "fragment");
_Static_assert(MG_NOT_PROTOCOL == XT_INV_PROTO, "protocol");

/* The two structures have the same fields; only the types differ. */
#define DEFINE_VIEW(PREFIX, ENTRY, IP)                                                             \
	static void PREFIX##_view(void *bytes, struct mg_entry_view *out)                          \
	{                                                                                          \
		ENTRY *entry = bytes;                                                              \
		out->source = &entry->IP.src;                                                      \
		out->destination = &entry->IP.dst;                                                 \
		out->source_mask = &entry->IP.smsk;                                                \
		out->destination_mask = &entry->IP.dmsk;                                           \
		out->in = entry->IP.iniface;                                                       \
		out->out = entry->IP.outiface;                                                     \
		out->in_mask = entry->IP.iniface_mask;                                             \
		out->out_mask = entry->IP.outiface_mask;                                           \
		out->protocol = &entry->IP.proto;                                                  \
		out->flags = &entry->IP.flags;                                                     \
		out->inverse = &entry->IP.invflags;                                                \
		out->target_offset = &entry->target_offset;                                        \
		out->next_offset = &entry->next_offset;                                            \
		out->counters = &entry->counters;                                                  \
		out->elements = entry->elems;                                                      \
	}

DEFINE_VIEW(ipv4, struct ipt_entry, ip)
DEFINE_VIEW(ipv6, struct ip6t_entry, ipv6)

/* A mask of @bits leading ones, @size bytes long. */
static void prefix_mask(unsigned int bits, unsigned char *mask, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++) {
		unsigned int here = bits > 8 ? 8 : bits;

		mask[i] = (unsigned char)(0xFF00U >> here);
		bits -= here;
	}
}

static int split_address(const char *text, char *host, size_t size, const char **mask)
{
	const char *slash = strrchr(text, '/');
	size_t length = slash ? (size_t)(slash - text) : strlen(text);

	if (length >= size)
		return -EINVAL;
	memcpy(host, text, length);
	host[length] = '\0';
	*mask = slash ? slash + 1 : NULL;
	return 0;
}

static void apply_mask(unsigned char *address, const unsigned char *mask, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		address[i] &= mask[i];
}

static bool is_any(const unsigned char *mask, size_t size)
{
	while (size--)
		if (mask[size])
			return false;
	return true;
}

/*
 * The two libxtables functions are numeric only, and read partial dotted
 * addresses ("10.1/16") the way iptables does.
 */
static int parse_ipv4(const char *text, void *address, void *mask)
{
	char host[64];
	const char *mask_text;
	unsigned int bits;
	struct in_addr *found;

	if (split_address(text, host, sizeof(host), &mask_text))
		return -EINVAL;
	prefix_mask(32, mask, 4);
	if (mask_text) {
		found = xtables_numeric_to_ipmask(mask_text);
		if (found)
			memcpy(mask, found, 4);
		else if (xtables_strtoui(mask_text, NULL, &bits, 0, 32))
			prefix_mask(bits, mask, 4);
		else
			return -ERANGE;
	}
	if (is_any(mask, 4)) { /* iptables does not look at the address then */
		memset(address, 0, 4);
		return 0;
	}
	found = xtables_numeric_to_ipaddr(host);
	if (!found)
		return -EINVAL;
	memcpy(address, found, 4);
	apply_mask(address, mask, 4);
	return 0;
}

static int parse_ipv6(const char *text, void *address, void *mask)
{
	char host[128];
	const char *mask_text;
	unsigned int bits;

	if (split_address(text, host, sizeof(host), &mask_text))
		return -EINVAL;
	prefix_mask(128, mask, 16);
	if (mask_text) {
		if (xtables_strtoui(mask_text, NULL, &bits, 0, 128))
			prefix_mask(bits, mask, 16);
		else if (inet_pton(AF_INET6, mask_text, mask) != 1)
			return -ERANGE;
	}
	if (is_any(mask, 16)) {
		memset(address, 0, 16);
		return 0;
	}
	if (inet_pton(AF_INET6, host, address) != 1)
		return -EINVAL;
	apply_mask(address, mask, 16);
	return 0;
}

/* The length of the prefix that @mask is, or -1 if it has holes. */
static int prefix_length(const unsigned char *mask, size_t size)
{
	size_t bits = 0, i;

	while (bits < size * 8 && mask[bits / 8] & (0x80 >> bits % 8))
		bits++;
	for (i = bits; i < size * 8; i++)
		if (mask[i / 8] & (0x80 >> i % 8))
			return -1;
	return (int)bits;
}

/* "! -s", the address and its mask. */
static size_t put_address(char *out, char letter, enum mg_family family, const void *address,
			  const void *mask, int length, bool inverse)
{
	char *at = out;

	if (inverse)
		at = stpcpy(at, " !");
	*at++ = ' ';
	*at++ = '-';
	*at++ = letter;
	*at++ = ' ';
	at = mg_put_host(at, family, address);
	*at++ = '/';
	at = length >= 0 ? mg_put_number(at, (unsigned int)length) : mg_put_host(at, family, mask);
	*at = '\0';
	return (size_t)(at - out);
}

/* iptables-save prints an IPv4 address unless address and mask are all zero ... */
static size_t format_ipv4(char *out, char letter, const void *address, const void *mask,
			  bool inverse)
{
	*out = '\0';
	if (!inverse && is_any(mask, 4) && is_any(address, 4))
		return 0;
	return put_address(out, letter, MG_IPV4, address, mask, prefix_length(mask, 4), inverse);
}

/* ... and an IPv6 address unless its prefix is empty. */
static size_t format_ipv6(char *out, char letter, const void *address, const void *mask,
			  bool inverse)
{
	int length = prefix_length(mask, 16);

	*out = '\0';
	if (!inverse && length == 0)
		return 0;
	return put_address(out, letter, MG_IPV6, address, mask, length, inverse);
}

const struct mg_family_ops mg_families[MG_FAMILIES] = {
	[MG_IPV4] = {
		.family = MG_IPV4,
		.name = "IPv4",
		.short_name = "v4",
		.nfproto = NFPROTO_IPV4,
		.socket_level = SOL_IP,
		.revision_match = IPT_SO_GET_REVISION_MATCH,
		.revision_target = IPT_SO_GET_REVISION_TARGET,
		.tables_path = "/proc/net/ip_tables_names",
		.kernel_module = "ip_tables",
		.entry_size = sizeof(struct ipt_entry),
		.address_size = sizeof(struct in_addr),
		.goto_flag = IPT_F_GOTO,
		.fragment_flag = IPT_F_FRAG,
		.view = ipv4_view,
		.parse_address = parse_ipv4,
		.format_address = format_ipv4,
	},
	[MG_IPV6] = {
		.family = MG_IPV6,
		.name = "IPv6",
		.short_name = "v6",
		.nfproto = NFPROTO_IPV6,
		.socket_level = SOL_IPV6,
		.revision_match = IP6T_SO_GET_REVISION_MATCH,
		.revision_target = IP6T_SO_GET_REVISION_TARGET,
		.tables_path = "/proc/net/ip6_tables_names",
		.kernel_module = "ip6_tables",
		.entry_size = sizeof(struct ip6t_entry),
		.address_size = sizeof(struct in6_addr),
		.goto_flag = IP6T_F_GOTO,
		.protocol_flag = IP6T_F_PROTO,
		.view = ipv6_view,
		.parse_address = parse_ipv6,
		.format_address = format_ipv6,
	},
};
