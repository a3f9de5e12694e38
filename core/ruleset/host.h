/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Facts about a host, as plain data: what a policy may ask about the machine
 * that it is for. netfilter/host.c reads them from the kernel.
 *
 * Owns nothing. Must not touch the kernel, libxtables or Lua.
 */
#ifndef MG_HOST_H
#define MG_HOST_H

#include <moongate.h>

struct mg_host_address {
	enum mg_family family;
	unsigned char bytes[16]; /* network byte order; IPv4 uses the first four */
	unsigned int prefix;
	char text[52]; /* "192.0.2.1/24" */
};

struct mg_host_interface {
	char name[16];
	bool up;
	bool loopback;
	/* An IPv4 address with a lifetime: DHCP gave it, nothing else does. */
	bool leased;
	/* A global IPv6 /128 with a lifetime, as DHCPv6 gives it; addresses
	 * that the host makes itself (SLAAC) have the network's prefix. */
	bool leased6;
	struct mg_host_address *addresses; /* by family, then as bytes */
	size_t address_count;
	size_t address_capacity; /* not for reading */
	int index;
};

struct mg_host {
	char name[256];
	struct mg_host_interface *interfaces; /* by name */
	size_t interface_count;
	size_t interface_capacity; /* not for reading */
	bool has_ipv6;		   /* the kernel has IPv6, and it is not switched off */
};

#endif
