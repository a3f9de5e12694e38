/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What differs between IPv4 and IPv6 in x_tables, as one structure with two
 * instances: the layout of an entry, and the numbers that go with it.
 *
 * Nothing outside family.c asks which family it has.
 */
#ifndef MG_FAMILY_H
#define MG_FAMILY_H

/* before linux/if.h, which gets along with it in this order only */
#include <net/if.h>

#include <linux/netfilter/x_tables.h>
#include <moongate.h>
#include <netinet/in.h>

/** The fields of a struct ipt_entry or ip6t_entry, wherever they lie. */
struct mg_entry_view {
	void *source, *destination; /* struct in_addr or in6_addr */
	void *source_mask, *destination_mask;
	char *in, *out;			   /* IFNAMSIZ bytes each */
	unsigned char *in_mask, *out_mask; /* IFNAMSIZ bytes each */
	uint16_t *protocol;
	uint8_t *flags, *inverse; /* inverse: XT_INV_PROTO, IPT_INV_... */
	uint16_t *target_offset, *next_offset;
	struct xt_counters *counters;
	unsigned char *elements; /* matches, then the target */
};

/**
 * The bits of the inverse field. linux/netfilter_ipv4/ip_tables.h and
 * linux/netfilter_ipv6/ip6_tables.h give both families the same values.
 */
enum mg_inverse {
	MG_NOT_IN = 0x01,
	MG_NOT_OUT = 0x02,
	MG_NOT_SOURCE = 0x08,
	MG_NOT_DESTINATION = 0x10,
	MG_NOT_FRAGMENT = 0x20,
	MG_NOT_PROTOCOL = 0x40,
};

enum { MG_ADDRESS_TEXT = 128 };

struct mg_family_ops {
	enum mg_family family;
	const char *name;	/* "IPv4" */
	const char *short_name; /* "v4" */
	uint8_t nfproto;	/* NFPROTO_IPV4; equals AF_INET */
	int socket_level;	/* SOL_IP, SOL_IPV6 */
	int revision_match;	/* getsockopt names of the revision queries */
	int revision_target;
	const char *tables_path;   /* tables that exist in this namespace */
	const char *kernel_module; /* "ip_tables" */
	size_t entry_size;	   /* of the entry's head */
	size_t address_size;	   /* 4 or 16 */
	uint8_t goto_flag;	   /* in flags */
	uint8_t fragment_flag;	   /* in flags; 0: the family has no -f */
	uint8_t protocol_flag;	   /* in flags when a protocol is given; 0: none */

	void (*view)(void *entry, struct mg_entry_view *out);
	/*
	 * "192.0.2.0/24" to address and mask, numeric only. Returns 0, or
	 * -EINVAL when @text is no numeric address, -ERANGE when its mask is wrong.
	 */
	int (*parse_address)(const char *text, void *address, void *mask);
	/*
	 * " -s 192.0.2.0/24" as iptables-save prints it, or nothing if any, into
	 * @out, which has MG_ADDRESS_TEXT bytes. Returns the length.
	 */
	size_t (*format_address)(char *out, char letter, const void *address, const void *mask,
				 bool inverse);
};

extern const struct mg_family_ops mg_families[MG_FAMILIES];

static inline const struct mg_family_ops *mg_family_ops(enum mg_family family)
{
	return &mg_families[family];
}

/** The target of an entry. */
static inline struct xt_entry_target *mg_entry_target(const struct mg_entry_view *view,
						      const struct mg_family_ops *ops)
{
	return (struct xt_entry_target *)(view->elements + *view->target_offset - ops->entry_size);
}

#endif
