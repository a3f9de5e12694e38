/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The addresses that the injected packets have: a rule about others cannot
 * concern them, and need not be loaded, nor need a member of a set.
 */
#ifndef MG_PROBE_REACH_H
#define MG_PROBE_REACH_H

#include <moongate.h>

/** Zero-initialise; end with mg_reach_clear(). */
struct mg_reach {
	unsigned char (*items)[16]; /* of IPv4 the first four count; sorted by mg_reach_seal() */
	size_t count, capacity;
	size_t size; /* of an address: 4 or 16 */
	bool all;    /* a packet may become one of any other address on its way */
};

int mg_reach_add(struct mg_reach *reach, const unsigned char *address);

/** Sort, before the questions. */
void mg_reach_seal(struct mg_reach *reach);

/** Is one of them in a network? @mask: one that is no prefix may have any. */
bool mg_reach_meets(const struct mg_reach *reach, const void *address, const void *mask);

/** The same with the length of a prefix. */
bool mg_reach_meets_prefix(const struct mg_reach *reach, const void *address, unsigned int prefix);

void mg_reach_clear(struct mg_reach *reach);

#endif
