/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The values of iptables' options, read the way iptables reads them:
 * addresses with masks, ports, protocols, states, flags, ICMP types.
 *
 * Each function returns false for what it cannot read; the caller then knows
 * nothing, which is not an error here. Host names are never resolved.
 * Must not touch the kernel, libxtables or Lua.
 */
#ifndef MG_VALUES_H
#define MG_VALUES_H

#include "analysis/packet.h"

/** "tcp", "IPv6-ICMP", "17", "all" (gives 0). */
bool mg_value_protocol(const char *text, uint8_t *out);

/** One address, with a prefix length or a mask behind "/", or alone. */
bool mg_value_network(enum mg_family family, const char *text, unsigned char address[16],
		      unsigned char mask[16]);

/** One bare address. */
bool mg_value_address(enum mg_family family, const char *text, unsigned char address[16]);

/** "22", "ssh", "1024:65535", ":1023", "1024:". @protocol: for service names. */
bool mg_value_ports(const char *text, uint8_t protocol, struct mg_ports *out);

/**
 * "NEW,ESTABLISHED". @nat: it also names SNAT or DNAT, which a packet of any
 * state can be besides.
 */
bool mg_value_states(const char *text, unsigned int *out, bool *nat);

/** "SYN,ACK", "ALL", "NONE". */
bool mg_value_tcp_flags(const char *text, uint8_t *out);

/** "echo-request", "3", "3/4", "any" (all types). */
bool mg_value_icmp(enum mg_family family, const char *text, uint8_t types[2], uint8_t codes[2]);

/** A plain decimal number that is at most @highest. */
bool mg_value_number(const char *text, unsigned long highest, unsigned long *out);

#endif
