/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A packet as a question: what is known of it, and what is left open. What
 * is left open makes a rule that asks for it "may match", never "does not".
 *
 * Owns nothing: the strings are the caller's.
 */
#ifndef MG_PACKET_H
#define MG_PACKET_H

#include <moongate.h>

enum mg_hook { MG_HOOK_INPUT, MG_HOOK_FORWARD, MG_HOOK_OUTPUT };

/** Conntrack states, as bits; a packet has exactly one. */
enum mg_ct_state {
	MG_CT_NEW = 1,
	MG_CT_ESTABLISHED = 2,
	MG_CT_RELATED = 4,
	MG_CT_INVALID = 8,
	MG_CT_UNTRACKED = 16,
};

/** TCP flags, where RFC 9293 has them in the header's 14th byte. */
enum mg_tcp_flag {
	MG_TCP_FIN = 1,
	MG_TCP_SYN = 2,
	MG_TCP_RST = 4,
	MG_TCP_PSH = 8,
	MG_TCP_ACK = 16,
	MG_TCP_URG = 32,
};

/** The ports that a packet may have; { 0, 65535 } leaves it open. */
struct mg_ports {
	uint16_t low, high;
};

struct mg_packet {
	enum mg_family family;
	enum mg_hook hook;
	/* Interfaces. NULL: some interface, but not loopback. INPUT has no
	 * out and OUTPUT no in, whatever stands here. */
	const char *in, *out;
	uint8_t protocol; /* number, never 0 */
	bool source_known, destination_known;
	unsigned char source[16], destination[16];
	struct mg_ports source_port, destination_port; /* tcp, udp and their like */
	uint8_t icmp_type, icmp_code;		       /* icmp, ipv6-icmp */
	enum mg_ct_state state;
	uint8_t tcp_flags;
	int hop_limit; /* or TTL; -1 leaves it open */
	/* Rate limits are taken as not reached and connection counts as low:
	 * the question is then what happens on a quiet day. */
	bool quiet;
};

#endif
