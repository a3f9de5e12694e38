/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Options by name. See vocabulary.h.
 *
 * Must not touch the kernel, libxtables or Lua.
 */
#include "analysis/vocabulary.h"

#include <netinet/in.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct mg_word options[] = {
	{ "source", MG_WORD_OF_IPTABLES, MG_WORD_SOURCE, 1 },
	{ "src", MG_WORD_OF_IPTABLES, MG_WORD_SOURCE, 1 },
	{ "destination", MG_WORD_OF_IPTABLES, MG_WORD_DESTINATION, 1 },
	{ "dst", MG_WORD_OF_IPTABLES, MG_WORD_DESTINATION, 1 },
	{ "in-interface", MG_WORD_OF_IPTABLES, MG_WORD_IN, 1 },
	{ "out-interface", MG_WORD_OF_IPTABLES, MG_WORD_OUT, 1 },
	{ "protocol", MG_WORD_OF_IPTABLES, MG_WORD_PROTOCOL, 1 },
	{ "match", MG_WORD_OF_IPTABLES, MG_WORD_MATCH, 1 },
	{ "jump", MG_WORD_OF_IPTABLES, MG_WORD_JUMP, 1 },
	{ "goto", MG_WORD_OF_IPTABLES, MG_WORD_GOTO, 1 },
	{ "fragments", MG_WORD_OF_IPTABLES, MG_WORD_FRAGMENT, 0 },
	{ "set-counters", MG_WORD_OF_IPTABLES, MG_WORD_COUNTERS, 2 },
	{ "ipv4", MG_WORD_OF_IPTABLES, MG_WORD_NOTHING, 0 },
	{ "ipv6", MG_WORD_OF_IPTABLES, MG_WORD_NOTHING, 0 },

	{ "source-port", MG_WORD_OF_TCP, MG_WORD_SOURCE_PORT, 1 },
	{ "sport", MG_WORD_OF_TCP, MG_WORD_SOURCE_PORT, 1 },
	{ "destination-port", MG_WORD_OF_TCP, MG_WORD_DESTINATION_PORT, 1 },
	{ "dport", MG_WORD_OF_TCP, MG_WORD_DESTINATION_PORT, 1 },
	{ "syn", MG_WORD_OF_TCP, MG_WORD_SYN, 0 },
	{ "tcp-flags", MG_WORD_OF_TCP, MG_WORD_TCP_FLAGS, 2 },
	{ "tcp-option", MG_WORD_OF_TCP, MG_WORD_OPAQUE, 1 },

	{ "source-port", MG_WORD_OF_UDP, MG_WORD_SOURCE_PORT, 1 },
	{ "sport", MG_WORD_OF_UDP, MG_WORD_SOURCE_PORT, 1 },
	{ "destination-port", MG_WORD_OF_UDP, MG_WORD_DESTINATION_PORT, 1 },
	{ "dport", MG_WORD_OF_UDP, MG_WORD_DESTINATION_PORT, 1 },

	{ "source-ports", MG_WORD_OF_MULTIPORT, MG_WORD_SOURCE_PORT, 1 },
	{ "sports", MG_WORD_OF_MULTIPORT, MG_WORD_SOURCE_PORT, 1 },
	{ "destination-ports", MG_WORD_OF_MULTIPORT, MG_WORD_DESTINATION_PORT, 1 },
	{ "dports", MG_WORD_OF_MULTIPORT, MG_WORD_DESTINATION_PORT, 1 },
	{ "ports", MG_WORD_OF_MULTIPORT, MG_WORD_PORTS, 1 },

	{ "ctstate", MG_WORD_OF_CONNTRACK, MG_WORD_STATE, 1 },
	{ "ctproto", MG_WORD_OF_CONNTRACK, MG_WORD_OPAQUE, 1 },
	{ "ctorigsrc", MG_WORD_OF_CONNTRACK, MG_WORD_OPAQUE, 1 },
	{ "ctorigdst", MG_WORD_OF_CONNTRACK, MG_WORD_OPAQUE, 1 },
	{ "ctreplsrc", MG_WORD_OF_CONNTRACK, MG_WORD_OPAQUE, 1 },
	{ "ctrepldst", MG_WORD_OF_CONNTRACK, MG_WORD_OPAQUE, 1 },
	{ "ctorigsrcport", MG_WORD_OF_CONNTRACK, MG_WORD_OPAQUE, 1 },
	{ "ctorigdstport", MG_WORD_OF_CONNTRACK, MG_WORD_OPAQUE, 1 },
	{ "ctreplsrcport", MG_WORD_OF_CONNTRACK, MG_WORD_OPAQUE, 1 },
	{ "ctrepldstport", MG_WORD_OF_CONNTRACK, MG_WORD_OPAQUE, 1 },
	{ "ctstatus", MG_WORD_OF_CONNTRACK, MG_WORD_OPAQUE, 1 },
	{ "ctexpire", MG_WORD_OF_CONNTRACK, MG_WORD_OPAQUE, 1 },
	{ "ctdir", MG_WORD_OF_CONNTRACK, MG_WORD_OPAQUE, 1 },

	{ "state", MG_WORD_OF_STATE, MG_WORD_STATE, 1 },
	{ "icmp-type", MG_WORD_OF_ICMP, MG_WORD_ICMP_TYPE, 1 },
	{ "icmpv6-type", MG_WORD_OF_ICMP6, MG_WORD_ICMP_TYPE, 1 },
	{ "comment", MG_WORD_OF_COMMENT, MG_WORD_NOTHING, 1 },

	{ "hl-eq", MG_WORD_OF_HL, MG_WORD_HOPS_EQUAL, 1 },
	{ "hl-lt", MG_WORD_OF_HL, MG_WORD_HOPS_LESS, 1 },
	{ "hl-gt", MG_WORD_OF_HL, MG_WORD_HOPS_MORE, 1 },
	{ "ttl-eq", MG_WORD_OF_TTL, MG_WORD_HOPS_EQUAL, 1 },
	{ "ttl", MG_WORD_OF_TTL, MG_WORD_HOPS_EQUAL, 1 },
	{ "ttl-lt", MG_WORD_OF_TTL, MG_WORD_HOPS_LESS, 1 },
	{ "ttl-gt", MG_WORD_OF_TTL, MG_WORD_HOPS_MORE, 1 },

	{ "src-range", MG_WORD_OF_IPRANGE, MG_WORD_SOURCE_RANGE, 1 },
	{ "dst-range", MG_WORD_OF_IPRANGE, MG_WORD_DESTINATION_RANGE, 1 },

	{ "limit", MG_WORD_OF_LIMIT, MG_WORD_UNDER, 1 },
	{ "limit-burst", MG_WORD_OF_LIMIT, MG_WORD_NOTHING, 1 },

	{ "hashlimit-upto", MG_WORD_OF_HASHLIMIT, MG_WORD_UNDER, 1 },
	{ "hashlimit", MG_WORD_OF_HASHLIMIT, MG_WORD_UNDER, 1 },
	{ "hashlimit-above", MG_WORD_OF_HASHLIMIT, MG_WORD_OVER, 1 },
	{ "hashlimit-burst", MG_WORD_OF_HASHLIMIT, MG_WORD_NOTHING, 1 },
	{ "hashlimit-mode", MG_WORD_OF_HASHLIMIT, MG_WORD_NOTHING, 1 },
	{ "hashlimit-name", MG_WORD_OF_HASHLIMIT, MG_WORD_NOTHING, 1 },
	{ "hashlimit-srcmask", MG_WORD_OF_HASHLIMIT, MG_WORD_NOTHING, 1 },
	{ "hashlimit-dstmask", MG_WORD_OF_HASHLIMIT, MG_WORD_NOTHING, 1 },
	{ "hashlimit-htable-size", MG_WORD_OF_HASHLIMIT, MG_WORD_NOTHING, 1 },
	{ "hashlimit-htable-max", MG_WORD_OF_HASHLIMIT, MG_WORD_NOTHING, 1 },
	{ "hashlimit-htable-expire", MG_WORD_OF_HASHLIMIT, MG_WORD_NOTHING, 1 },
	{ "hashlimit-htable-gcinterval", MG_WORD_OF_HASHLIMIT, MG_WORD_NOTHING, 1 },
	{ "hashlimit-rate-match", MG_WORD_OF_HASHLIMIT, MG_WORD_OPAQUE, 0 },
	{ "hashlimit-rate-interval", MG_WORD_OF_HASHLIMIT, MG_WORD_NOTHING, 1 },

	{ "connlimit-upto", MG_WORD_OF_CONNLIMIT, MG_WORD_UNDER, 1 },
	{ "connlimit-above", MG_WORD_OF_CONNLIMIT, MG_WORD_OVER, 1 },
	{ "connlimit-mask", MG_WORD_OF_CONNLIMIT, MG_WORD_NOTHING, 1 },
	{ "connlimit-saddr", MG_WORD_OF_CONNLIMIT, MG_WORD_NOTHING, 0 },
	{ "connlimit-daddr", MG_WORD_OF_CONNLIMIT, MG_WORD_NOTHING, 0 },

	{ "set", MG_WORD_OF_RECENT, MG_WORD_RECENT_SET, 0 },
	{ "rcheck", MG_WORD_OF_RECENT, MG_WORD_RECENT_CHECK, 0 },
	{ "update", MG_WORD_OF_RECENT, MG_WORD_RECENT_CHECK, 0 },
	{ "remove", MG_WORD_OF_RECENT, MG_WORD_RECENT_CHECK, 0 },
	{ "hitcount", MG_WORD_OF_RECENT, MG_WORD_RECENT_HITS, 1 },
	{ "seconds", MG_WORD_OF_RECENT, MG_WORD_NOTHING, 1 },
	{ "name", MG_WORD_OF_RECENT, MG_WORD_NOTHING, 1 },
	{ "mask", MG_WORD_OF_RECENT, MG_WORD_NOTHING, 1 },
	{ "reap", MG_WORD_OF_RECENT, MG_WORD_NOTHING, 0 },
	{ "rttl", MG_WORD_OF_RECENT, MG_WORD_NOTHING, 0 },
	{ "rsource", MG_WORD_OF_RECENT, MG_WORD_NOTHING, 0 },
	{ "rdest", MG_WORD_OF_RECENT, MG_WORD_NOTHING, 0 },

	{ "match-set", MG_WORD_OF_SET, MG_WORD_IN_SET, 2 },
	{ "set", MG_WORD_OF_SET, MG_WORD_IN_SET, 2 },
	{ "return-nomatch", MG_WORD_OF_SET, MG_WORD_UNSURE_OF_SET, 0 },
	{ "update-counters", MG_WORD_OF_SET, MG_WORD_NOTHING, 0 },
	{ "update-subcounters", MG_WORD_OF_SET, MG_WORD_NOTHING, 0 },
	{ "packets-eq", MG_WORD_OF_SET, MG_WORD_UNSURE_OF_SET, 1 },
	{ "packets-lt", MG_WORD_OF_SET, MG_WORD_UNSURE_OF_SET, 1 },
	{ "packets-gt", MG_WORD_OF_SET, MG_WORD_UNSURE_OF_SET, 1 },
	{ "bytes-eq", MG_WORD_OF_SET, MG_WORD_UNSURE_OF_SET, 1 },
	{ "bytes-lt", MG_WORD_OF_SET, MG_WORD_UNSURE_OF_SET, 1 },
	{ "bytes-gt", MG_WORD_OF_SET, MG_WORD_UNSURE_OF_SET, 1 },
};

static const struct {
	char letter;
	struct mg_word option;
} short_options[] = {
	{ 's', { "s", MG_WORD_OF_IPTABLES, MG_WORD_SOURCE, 1 } },
	{ 'd', { "d", MG_WORD_OF_IPTABLES, MG_WORD_DESTINATION, 1 } },
	{ 'i', { "i", MG_WORD_OF_IPTABLES, MG_WORD_IN, 1 } },
	{ 'o', { "o", MG_WORD_OF_IPTABLES, MG_WORD_OUT, 1 } },
	{ 'p', { "p", MG_WORD_OF_IPTABLES, MG_WORD_PROTOCOL, 1 } },
	{ 'm', { "m", MG_WORD_OF_IPTABLES, MG_WORD_MATCH, 1 } },
	{ 'j', { "j", MG_WORD_OF_IPTABLES, MG_WORD_JUMP, 1 } },
	{ 'g', { "g", MG_WORD_OF_IPTABLES, MG_WORD_GOTO, 1 } },
	{ 'f', { "f", MG_WORD_OF_IPTABLES, MG_WORD_FRAGMENT, 0 } },
	{ 'c', { "c", MG_WORD_OF_IPTABLES, MG_WORD_COUNTERS, 2 } },
	{ '4', { "4", MG_WORD_OF_IPTABLES, MG_WORD_NOTHING, 0 } },
	{ '6', { "6", MG_WORD_OF_IPTABLES, MG_WORD_NOTHING, 0 } },
};

enum mg_word_owner mg_word_owner(const char *match)
{
	static const struct {
		const char *name;
		enum mg_word_owner owner;
	} owners[] = {
		{ "tcp", MG_WORD_OF_TCP },
		{ "udp", MG_WORD_OF_UDP },
		{ "udplite", MG_WORD_OF_UDP },
		{ "multiport", MG_WORD_OF_MULTIPORT },
		{ "conntrack", MG_WORD_OF_CONNTRACK },
		{ "state", MG_WORD_OF_STATE },
		{ "icmp", MG_WORD_OF_ICMP },
		{ "icmp6", MG_WORD_OF_ICMP6 },
		{ "icmpv6", MG_WORD_OF_ICMP6 },
		{ "ipv6-icmp", MG_WORD_OF_ICMP6 },
		{ "comment", MG_WORD_OF_COMMENT },
		{ "hl", MG_WORD_OF_HL },
		{ "ttl", MG_WORD_OF_TTL },
		{ "iprange", MG_WORD_OF_IPRANGE },
		{ "limit", MG_WORD_OF_LIMIT },
		{ "hashlimit", MG_WORD_OF_HASHLIMIT },
		{ "connlimit", MG_WORD_OF_CONNLIMIT },
		{ "recent", MG_WORD_OF_RECENT },
		{ "set", MG_WORD_OF_SET },
	};

	for (size_t i = 0; i < COUNT(owners); i++)
		if (match[0] == owners[i].name[0] && strcmp(match, owners[i].name) == 0)
			return owners[i].owner;
	return MG_WORD_OF_UNKNOWN;
}

/* iptables loads the match of -p by itself once one of its options is met. */
static unsigned int with_protocol(unsigned int loaded, uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_TCP: return loaded | 1U << MG_WORD_OF_TCP;
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE: return loaded | 1U << MG_WORD_OF_UDP;
	case IPPROTO_ICMP: return loaded | 1U << MG_WORD_OF_ICMP;
	case IPPROTO_ICMPV6: return loaded | 1U << MG_WORD_OF_ICMP6;
	default: return loaded;
	}
}

/*
 * The long option that [@name, @name + @length) names: exactly, or as the
 * beginning of one only. What an unknown match would make of a beginning
 * cannot be told, so with one loaded only whole names count.
 */
static const struct mg_word *find_long(const char *name, size_t length, unsigned int loaded)
{
	const bool whole = loaded & (1U << MG_WORD_OF_UNKNOWN);
	const struct mg_word *found = NULL;
	bool ambiguous = false;

	for (size_t i = 0; i < COUNT(options); i++) {
		const struct mg_word *option = &options[i];

		if (!(loaded & (1U << option->owner)) || option->name[0] != name[0] ||
		    strncmp(option->name, name, length) != 0)
			continue;
		if (option->name[length] == '\0')
			return option;
		ambiguous |= found != NULL;
		found = option;
	}
	return whole || ambiguous ? NULL : found;
}

const struct mg_word *mg_word_find(const char *argument, unsigned int loaded, uint8_t protocol,
				   const char **attached)
{
	*attached = NULL;
	if (argument[0] != '-' || argument[1] == '\0')
		return NULL;
	if (argument[1] == '-') {
		const size_t length = strcspn(argument + 2, "=");

		if (length == 0)
			return NULL;
		if (argument[2 + length] == '=')
			*attached = argument + 2 + length + 1;
		loaded |= 1U << MG_WORD_OF_IPTABLES;
		return find_long(argument + 2, length, with_protocol(loaded, protocol));
	}
	for (size_t i = 0; i < COUNT(short_options); i++) {
		const struct mg_word *option = &short_options[i].option;

		if (short_options[i].letter != argument[1])
			continue;
		if (argument[2] == '\0')
			return option;
		/* "-ptcp"; a cluster such as "-f4" is not worth the trouble. */
		if (option->values != 1)
			return NULL;
		*attached = argument + 2;
		return option;
	}
	return NULL;
}
