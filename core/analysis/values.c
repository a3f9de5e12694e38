/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading the values of iptables' options. See values.h.
 *
 * The tables of names are those of iptables-extensions(8) and of
 * `iptables -p icmp -h`; numbers are IANA's.
 */
#include "analysis/values.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

struct name_number {
	const char *name;
	uint8_t number;
};

static const struct name_number protocols[] = {
	{ "tcp", 6 },	    { "udp", 17 },
	{ "icmp", 1 },	    { "ipv6-icmp", 58 },
	{ "icmpv6", 58 },   { "icmp6", 58 },
	{ "all", 0 },	    { "sctp", 132 },
	{ "udplite", 136 }, { "dccp", 33 },
	{ "esp", 50 },	    { "ah", 51 },
	{ "gre", 47 },	    { "igmp", 2 },
	{ "ipip", 94 },	    { "ipencap", 4 },
	{ "ipv6", 41 },	    { "ospf", 89 },
	{ "vrrp", 112 },    { "pim", 103 },
	{ "mh", 135 },	    { "ipv6-mh", 135 },
	{ "l2tp", 115 },    { "ipcomp", 108 },
	{ "eigrp", 88 },    { "mobility-header", 135 },
};

/* A name of an ICMP type, and of a code where code is not -1. */
struct icmp_name {
	const char *name;
	uint8_t type;
	int code;
};

static const struct icmp_name icmp4_names[] = {
	{ "echo-reply", 0, -1 },
	{ "pong", 0, -1 },
	{ "destination-unreachable", 3, -1 },
	{ "network-unreachable", 3, 0 },
	{ "host-unreachable", 3, 1 },
	{ "protocol-unreachable", 3, 2 },
	{ "port-unreachable", 3, 3 },
	{ "fragmentation-needed", 3, 4 },
	{ "source-route-failed", 3, 5 },
	{ "network-unknown", 3, 6 },
	{ "host-unknown", 3, 7 },
	{ "network-prohibited", 3, 9 },
	{ "host-prohibited", 3, 10 },
	{ "TOS-network-unreachable", 3, 11 },
	{ "TOS-host-unreachable", 3, 12 },
	{ "communication-prohibited", 3, 13 },
	{ "host-precedence-violation", 3, 14 },
	{ "precedence-cutoff", 3, 15 },
	{ "source-quench", 4, -1 },
	{ "redirect", 5, -1 },
	{ "network-redirect", 5, 0 },
	{ "host-redirect", 5, 1 },
	{ "TOS-network-redirect", 5, 2 },
	{ "TOS-host-redirect", 5, 3 },
	{ "echo-request", 8, -1 },
	{ "ping", 8, -1 },
	{ "router-advertisement", 9, -1 },
	{ "router-solicitation", 10, -1 },
	{ "time-exceeded", 11, -1 },
	{ "ttl-exceeded", 11, -1 },
	{ "ttl-zero-during-transit", 11, 0 },
	{ "ttl-zero-during-reassembly", 11, 1 },
	{ "parameter-problem", 12, -1 },
	{ "ip-header-bad", 12, 0 },
	{ "required-option-missing", 12, 1 },
	{ "timestamp-request", 13, -1 },
	{ "timestamp-reply", 14, -1 },
	{ "address-mask-request", 17, -1 },
	{ "address-mask-reply", 18, -1 },
};

static const struct icmp_name icmp6_names[] = {
	{ "destination-unreachable", 1, -1 },
	{ "no-route", 1, 0 },
	{ "communication-prohibited", 1, 1 },
	{ "beyond-scope", 1, 2 },
	{ "address-unreachable", 1, 3 },
	{ "port-unreachable", 1, 4 },
	{ "failed-policy", 1, 5 },
	{ "reject-route", 1, 6 },
	{ "packet-too-big", 2, -1 },
	{ "time-exceeded", 3, -1 },
	{ "ttl-exceeded", 3, -1 },
	{ "ttl-zero-during-transit", 3, 0 },
	{ "ttl-zero-during-reassembly", 3, 1 },
	{ "parameter-problem", 4, -1 },
	{ "bad-header", 4, 0 },
	{ "unknown-header-type", 4, 1 },
	{ "unknown-option", 4, 2 },
	{ "echo-request", 128, -1 },
	{ "ping", 128, -1 },
	{ "echo-reply", 129, -1 },
	{ "pong", 129, -1 },
	{ "mld-listener-query", 130, -1 },
	{ "mld-listener-report", 131, -1 },
	{ "mld-listener-done", 132, -1 },
	{ "mld-listener-reduction", 132, -1 },
	{ "router-solicitation", 133, -1 },
	{ "router-advertisement", 134, -1 },
	{ "neighbor-solicitation", 135, -1 },
	{ "neighbour-solicitation", 135, -1 },
	{ "neighbor-advertisement", 136, -1 },
	{ "neighbour-advertisement", 136, -1 },
	{ "redirect", 137, -1 },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

bool mg_value_number(const char *text, unsigned long highest, unsigned long *out)
{
	unsigned long value = 0;

	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return false;
		value = value * 10 + (unsigned long)(*text - '0');
		if (value > highest)
			return false;
	}
	*out = value;
	return true;
}

bool mg_value_protocol(const char *text, uint8_t *out)
{
	unsigned long number;

	if (mg_value_number(text, 255, &number)) {
		*out = (uint8_t)number;
		return true;
	}
	for (size_t i = 0; i < COUNT(protocols); i++) {
		if (strcasecmp(text, protocols[i].name) == 0) {
			*out = protocols[i].number;
			return true;
		}
	}
	return false;
}

/*
 * A dotted IPv4 address. libxtables completes a shortened one with zeros on
 * the right ("10/8", "192.168/16"), unlike inet_aton(3).
 */
static bool dotted(const char *text, unsigned char out[4])
{
	unsigned int parts = 0;

	memset(out, 0, 4);
	while (parts < 4) {
		unsigned int value = 0, digits = 0;

		for (; *text >= '0' && *text <= '9' && digits < 4; text++, digits++)
			value = value * 10 + (unsigned int)(*text - '0');
		if (digits == 0 || value > 255)
			return false;
		out[parts++] = (unsigned char)value;
		if (*text == '\0')
			return true;
		if (*text++ != '.')
			return false;
	}
	return false;
}

bool mg_value_address(enum mg_family family, const char *text, unsigned char address[16])
{
	memset(address, 0, 16);
	if (family == MG_IPV4)
		return dotted(text, address);
	return inet_pton(AF_INET6, text, address) == 1;
}

static void prefix_to_mask(unsigned long prefix, unsigned char mask[16])
{
	memset(mask, 0, 16);
	for (unsigned long bit = 0; bit < prefix; bit++)
		mask[bit / 8] |= (unsigned char)(0x80 >> (bit % 8));
}

bool mg_value_network(enum mg_family family, const char *text, unsigned char address[16],
		      unsigned char mask[16])
{
	const unsigned long bits = family == MG_IPV4 ? 32 : 128;
	const char *slash = strchr(text, '/');
	char name[64];
	unsigned long prefix;
	size_t length;

	length = slash ? (size_t)(slash - text) : strlen(text);
	if (length >= sizeof(name))
		return false;
	memcpy(name, text, length);
	name[length] = '\0';

	if (!slash)
		prefix_to_mask(bits, mask);
	else if (mg_value_number(slash + 1, bits, &prefix))
		prefix_to_mask(prefix, mask);
	else if ((family == MG_IPV4 && !strchr(slash, '.')) ||
		 !mg_value_address(family, slash + 1, mask))
		return false;

	/* With an empty mask iptables ignores what stands in front of it. */
	if (slash && mg_value_number(slash + 1, 0, &prefix)) {
		memset(address, 0, 16);
		return true;
	}
	return mg_value_address(family, name, address);
}

static bool one_port(const char *text, size_t length, uint8_t protocol, uint16_t *out)
{
	const char *name = protocol == IPPROTO_UDP ? "udp" : "tcp";
	const struct servent *service;
	char copy[64];
	unsigned long number;

	if (length == 0 || length >= sizeof(copy))
		return false;
	memcpy(copy, text, length);
	copy[length] = '\0';
	if (mg_value_number(copy, 65535, &number)) {
		*out = (uint16_t)number;
		return true;
	}
	/* The same file, /etc/services, that libxtables asks. */
	service = getservbyname(copy, name);
	if (!service)
		return false;
	*out = ntohs((uint16_t)service->s_port);
	return true;
}

bool mg_value_ports(const char *text, uint8_t protocol, struct mg_ports *out)
{
	const char *colon = strchr(text, ':');

	if (!colon) {
		if (!one_port(text, strlen(text), protocol, &out->low))
			return false;
		out->high = out->low;
		return true;
	}
	out->low = 0;
	out->high = 65535;
	if (colon != text && !one_port(text, (size_t)(colon - text), protocol, &out->low))
		return false;
	if (colon[1] != '\0' && !one_port(colon + 1, strlen(colon + 1), protocol, &out->high))
		return false;
	return out->low <= out->high;
}

/* Is the word [@text, @text + @length) @name, in any case? */
static bool word_is(const char *text, size_t length, const char *name)
{
	return strlen(name) == length && strncasecmp(text, name, length) == 0;
}

bool mg_value_states(const char *text, unsigned int *out, bool *nat)
{
	static const struct name_number states[] = {
		{ "NEW", MG_CT_NEW },
		{ "ESTABLISHED", MG_CT_ESTABLISHED },
		{ "RELATED", MG_CT_RELATED },
		{ "INVALID", MG_CT_INVALID },
		{ "UNTRACKED", MG_CT_UNTRACKED },
	};
	size_t length, i;

	*out = 0;
	*nat = false;
	for (;; text += length + 1) {
		length = strcspn(text, ",");
		for (i = 0; i < COUNT(states); i++)
			if (word_is(text, length, states[i].name))
				break;
		if (i < COUNT(states))
			*out |= states[i].number;
		else if (word_is(text, length, "SNAT") || word_is(text, length, "DNAT"))
			*nat = true;
		else
			return false;
		if (text[length] == '\0')
			return true;
	}
}

bool mg_value_tcp_flags(const char *text, uint8_t *out)
{
	static const struct name_number flags[] = {
		{ "FIN", MG_TCP_FIN }, { "SYN", MG_TCP_SYN }, { "RST", MG_TCP_RST },
		{ "PSH", MG_TCP_PSH }, { "ACK", MG_TCP_ACK }, { "URG", MG_TCP_URG },
		{ "ALL", 63 },	       { "NONE", 0 },
	};
	size_t length, i;

	*out = 0;
	for (;; text += length + 1) {
		length = strcspn(text, ",");
		for (i = 0; i < COUNT(flags); i++)
			if (word_is(text, length, flags[i].name))
				break;
		if (i == COUNT(flags))
			return false;
		*out |= flags[i].number;
		if (text[length] == '\0')
			return true;
	}
}

/* "3" or "3/4". */
static bool icmp_numbers(const char *text, uint8_t types[2], uint8_t codes[2])
{
	const char *slash = strchr(text, '/');
	unsigned long type, code;
	char copy[4];
	size_t length = slash ? (size_t)(slash - text) : strlen(text);

	if (length >= sizeof(copy))
		return false;
	memcpy(copy, text, length);
	copy[length] = '\0';
	if (!mg_value_number(copy, 255, &type))
		return false;
	types[0] = types[1] = (uint8_t)type;
	codes[0] = 0;
	codes[1] = 255;
	if (!slash)
		return true;
	if (!mg_value_number(slash + 1, 255, &code))
		return false;
	codes[0] = codes[1] = (uint8_t)code;
	return true;
}

bool mg_value_icmp(enum mg_family family, const char *text, uint8_t types[2], uint8_t codes[2])
{
	const struct icmp_name *names = family == MG_IPV4 ? icmp4_names : icmp6_names;
	size_t count = family == MG_IPV4 ? COUNT(icmp4_names) : COUNT(icmp6_names);
	const struct icmp_name *found = NULL;

	if (icmp_numbers(text, types, codes)) {
		/* ipt_icmp takes the type 255 for "any"; ip6t_icmp6 does not. */
		if (family == MG_IPV4 && types[0] == 255)
			types[0] = 0;
		return true;
	}
	types[0] = codes[0] = 0;
	types[1] = codes[1] = 255;
	if (family == MG_IPV4 && strcasecmp(text, "any") == 0)
		return true;

	/* iptables takes a beginning of a name as well, if only one has it. */
	for (size_t i = 0; i < count; i++) {
		if (strncasecmp(names[i].name, text, strlen(text)) != 0)
			continue;
		if (strlen(names[i].name) == strlen(text)) {
			found = &names[i];
			break;
		}
		if (found)
			return false;
		found = &names[i];
	}
	if (!found)
		return false;
	types[0] = types[1] = found->type;
	if (found->code >= 0)
		codes[0] = codes[1] = (uint8_t)found->code;
	return true;
}
