/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addresses and networks as a policy writes them.
 *
 * Must not touch Lua, nor resolve names.
 */
#ifndef MG_POLICY_ADDRESS_H
#define MG_POLICY_ADDRESS_H

#include <moongate.h>

struct mg_policy_address {
	int families;	    /* 1: IPv4, 2: IPv6, as the language counts */
	int prefix;	    /* its length in bits */
	bool had_host_bits; /* bits behind the prefix were set; they are cleared */
	char text[64];	    /* canonical: "192.0.2.0/24" */
};

/**
 * Read "192.0.2.1", "192.0.2.0/24", "192.0.2.0/255.255.255.0", "2001:db8::/48".
 * @wrong: what is the matter, if it is none of these
 * Returns 0 or -EINVAL.
 */
int mg_policy_address(const char *text, struct mg_policy_address *out, char *wrong, size_t size);

#endif
