/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Facts about a host, as plain data: what a policy may ask about the machine
 * that it is for. netfilter/host.c reads them from the kernel,
 * engine/facts_read.c from a file.
 *
 * Must not touch the kernel, libxtables or Lua.
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

/** Zero-initialise. */
struct mg_host_addresses {
	struct mg_host_address *items; /* sorted: by family, then as bytes */
	size_t count;
	size_t capacity; /* not for reading */
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
	struct mg_host_addresses addresses;
	int index; /* 0: unknown */
};

enum mg_fact_kind {
	MG_FACT_BOOLEAN,
	MG_FACT_INTEGER,
	MG_FACT_NUMBER,
	MG_FACT_TEXT,
	MG_FACT_LIST,
	MG_FACT_TABLE,
};

/** A fact of the administrator's own ("role", "rack"): what JSON can say, less null. */
struct mg_fact {
	enum mg_fact_kind kind;
	char *key; /* in a TABLE; else NULL */
	bool boolean;
	int64_t integer;
	double number;
	char *text;
	struct mg_fact *items; /* of a LIST or TABLE, in the order of the file */
	size_t count;
};

/** Does the kernel pass packets on between interfaces? */
enum mg_forwarding {
	MG_FORWARDING_UNKNOWN,
	MG_FORWARDING_OFF,
	MG_FORWARDING_ON,
};

struct mg_host {
	char name[256];
	struct mg_host_interface *interfaces; /* sorted: by name */
	size_t interface_count;
	size_t interface_capacity;	    /* not for reading */
	struct mg_host_addresses addresses; /* of no interface that is known */
	bool has_ipv6;			    /* the kernel has IPv6, and it is not switched off */
	enum mg_forwarding forwarding[MG_FAMILIES];
	struct mg_fact facts; /* a TABLE, empty unless a file gave some */
};

/** A host of which nothing is known. NULL without memory. */
struct mg_host *mg_host_new(void);
void mg_host_free(struct mg_host *host);

/** Add an interface of which only the name is known, not over 15 bytes. NULL without memory. */
struct mg_host_interface *mg_host_add_interface(struct mg_host *host, const char *name);

/** Forget all interfaces. */
void mg_host_forget_interfaces(struct mg_host *host);

/**
 * Add an address.
 * @bytes: 4 or 16 of them
 * Returns 0 or -ENOMEM.
 */
int mg_host_add_address(struct mg_host_addresses *list, enum mg_family family,
			const unsigned char *bytes, unsigned int prefix);

/** Put everything in the order that the fields promise. */
void mg_host_sort(struct mg_host *host);

/** The interface that has this address, or NULL. */
const struct mg_host_interface *mg_host_owner(const struct mg_host *host, enum mg_family family,
					      const unsigned char address[16]);

/** Is an address in a network of one that the interface has? Point to point is none. */
bool mg_host_is_near(const struct mg_host_interface *interface, enum mg_family family,
		     const unsigned char address[16]);

#endif
