/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets as bytes: made to be injected, and read when they come out. What comes
 * out was made by the kernel of our own namespace, so of its form no more is
 * checked than not to read beyond it.
 *
 * Owns nothing. Must not touch the kernel.
 */
#ifndef MG_PROBE_PACKET_H
#define MG_PROBE_PACKET_H

#include <moongate.h>

enum { MG_PROBE_PACKET_MOST = 256 };

/** TCP's flags, as in its header. */
enum { MG_PROBE_FIN = 1, MG_PROBE_SYN = 2, MG_PROBE_RST = 4, MG_PROBE_PSH = 8, MG_PROBE_ACK = 16 };

struct mg_probe_packet {
	enum mg_family family;
	uint8_t protocol;
	unsigned char source[16], destination[16]; /* IPv4 uses the first four */
	uint16_t source_port, destination_port;	   /* or ICMP's identifier and type; host order */
	uint8_t flags;				   /* TCP */
	uint32_t sequence, acknowledged;	   /* TCP; host order */
	uint16_t payload;			   /* TCP: bytes of it */
};

/** Write @packet to @out, which has MG_PROBE_PACKET_MOST bytes. Returns its length. */
size_t mg_probe_write(const struct mg_probe_packet *packet, unsigned char *out);

/** Read one. False for what is none of ours: of another protocol than IP, or too short. */
bool mg_probe_read(const unsigned char *bytes, size_t size, struct mg_probe_packet *out);

#endif
