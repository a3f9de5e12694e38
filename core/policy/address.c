/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading addresses, strictly: what inet_pton(3) takes, and a prefix.
 */
#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The length of a prefix: "24", or "255.255.255.0" for IPv4. -1: neither. */
static int prefix_length(const char *text, int af, int longest)
{
	struct in_addr mask;
	uint32_t bits;
	char *end;
	long number;

	if (*text >= '0' && *text <= '9') {
		number = strtol(text, &end, 10);
		if (!*end)
			return number <= longest ? (int)number : -1;
	}
	if (af != AF_INET || inet_pton(AF_INET, text, &mask) != 1)
		return -1;
	bits = ntohl(mask.s_addr);
	if (bits & (~bits >> 1)) /* a mask with holes is no prefix */
		return -1;
	return __builtin_popcount(bits);
}

/* Clear what lies behind the prefix; returns whether there was something. */
static bool clear_host_bits(unsigned char *address, int prefix, int longest)
{
	bool had = false;
	int i;

	for (i = 0; i < longest / 8; i++) {
		int bits = prefix - 8 * i;
		unsigned char mask = bits >= 8	 ? 0xFF
				     : bits <= 0 ? 0
						 : (unsigned char)(0xFF00 >> bits);

		had = had || (address[i] & ~mask & 0xFF);
		address[i] &= mask;
	}
	return had;
}

/* "HOST/PREFIX", without the cost of a format string: a policy may have 100,000. */
static void write_text(struct mg_policy_address *out, const char *host)
{
	size_t length = strlen(host);
	int prefix = out->prefix;
	char *at = out->text + length;

	memcpy(out->text, host, length);
	*at++ = '/';
	if (prefix >= 100)
		*at++ = (char)('0' + prefix / 100);
	if (prefix >= 10)
		*at++ = (char)('0' + prefix / 10 % 10);
	*at++ = (char)('0' + prefix % 10);
	*at = '\0';
}

int mg_policy_address(const char *text, struct mg_policy_address *out, char *wrong, size_t size)
{
	const char *slash = strchr(text, '/');
	size_t length = slash ? (size_t)(slash - text) : strlen(text);
	char host[INET6_ADDRSTRLEN];
	unsigned char address[16];
	int af = memchr(text, ':', length) ? AF_INET6 : AF_INET;
	int longest = af == AF_INET ? 32 : 128;

	if (length >= sizeof(host)) {
		snprintf(wrong, size, "too long for an address");
		return -EINVAL;
	}
	memcpy(host, text, length);
	host[length] = '\0';
	if (inet_pton(af, host, address) != 1) {
		snprintf(wrong, size, "not an IPv4 or IPv6 address or network");
		return -EINVAL;
	}
	out->prefix = slash ? prefix_length(slash + 1, af, longest) : longest;
	if (out->prefix < 0) {
		snprintf(wrong, size, "\"/%.60s\" is not a prefix length from 0 to %d", slash + 1,
			 longest);
		return -EINVAL;
	}
	out->families = af == AF_INET ? 1 : 2;
	out->had_host_bits = clear_host_bits(address, out->prefix, longest);
	/* inet_pton() takes an IPv4 address in one form only: it is canonical already */
	if (out->had_host_bits || af != AF_INET)
		inet_ntop(af, address, host, sizeof(host));
	write_text(out, host);
	return 0;
}
