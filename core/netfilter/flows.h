/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Flows that conntrack knows in this network namespace: looked up, listed and
 * ended, through libnetfilter_conntrack.
 *
 * A question to conntrack would load the kernel's module for it; where nothing
 * tracks, none is asked.
 */
#ifndef MG_FLOWS_H
#define MG_FLOWS_H

#include <moongate.h>

/** One end and another, as one direction has them. */
struct mg_tuple {
	unsigned char source[16], destination[16]; /* network order; IPv4 uses the first four */
	uint16_t source_port, destination_port;	   /* host order; ICMP: identifier, and type */
};

struct mg_flow {
	enum mg_family family;
	uint8_t protocol;
	bool counted; /* else bytes and packets say nothing */
	uint32_t id, timeout;
	struct mg_tuple original, reply;
	uint64_t bytes, packets; /* both directions */
};

/** How many there are; 0 where nothing tracks, or it cannot be known. */
size_t mg_flows_known(void);

/** The flow of TCP or UDP whose answers are like this. 0; -ENOENT; or -errno. */
int mg_flow_find(enum mg_family family, uint8_t protocol, const struct mg_tuple *reply,
		 struct mg_flow *out);

/** Is it still the same flow that conntrack has? */
bool mg_flow_is_there(const struct mg_flow *flow);

/** In a namespace of our own: have conntrack believe in an established TCP flow. 0 or -errno. */
int mg_flow_pretend(enum mg_family family, const struct mg_tuple *original);

/**
 * Those that are established: both ends have spoken, and TCP has not been closed.
 * @families: bits 1 << MG_IPV4, 1 << MG_IPV6
 * @out:      to be freed with free(3)
 */
int mg_flows_read(unsigned int families, struct mg_flow **out, size_t *count);

struct mg_flow_watch;

/**
 * Hear of each flow that begins in this network namespace from now on: of each
 * first packet that got to its end. 0 or -errno.
 */
int mg_flow_watch_open(struct mg_flow_watch **out);

/** Has this one begun since the last question? What else has begun is forgotten. */
bool mg_flow_has_begun(struct mg_flow_watch *watch, const struct mg_flow *flow);

/** In a namespace of our own: forget all flows, so that the table does not fill. */
void mg_flow_watch_flush(struct mg_flow_watch *watch);
void mg_flow_watch_close(struct mg_flow_watch *watch);

/** End these flows, if they are still the same. Returns how many ended, or -errno. */
int mg_flows_end(const struct mg_flow *flows, size_t count);

#endif
