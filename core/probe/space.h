/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The namespace in which packets are judged: devices with the names of the
 * host's, which are TUN devices, so that we are the wire; the host's addresses;
 * and routes by which the answers come back to us.
 *
 * To be called in a network namespace of the process's own, which ends soon. The
 * devices are persistent: they go with the namespace, for which nobody waits; taken
 * away one by one each would cost 25 ms.
 */
#ifndef MG_PROBE_SPACE_H
#define MG_PROBE_SPACE_H

#include <moongate.h>

#include "packet.h"

struct mg_probe_device {
	char name[16];
	int index, fd;
};

/** Zero-initialise. What it opens ends with the process. */
struct mg_space {
	struct mg_probe_device *devices;
	size_t count, capacity;
	int control;		    /* + 1; a socket for ioctl */
	struct mnl_socket *netlink; /* for addresses and routes */
	uint16_t attempts;	    /* so far: each takes ports of its own */
	int raw[MG_FAMILIES];	    /* + 1; for what this host itself sends */
};

/**
 * Switch off what would drop a packet before a rule can: reverse path filter,
 * martians, duplicate address detection. What cannot be switched stays.
 * @loose: nf_conntrack_tcp_loose
 */
void mg_space_settings(bool loose);

/** From now on packets are passed on, and conntrack tells of flows that begin. */
void mg_space_forward(void);

/** Bring up the loopback device, and begin. 0 or -errno. */
int mg_space_open(struct mg_space *space);

/** The device called @name, made if it is not there yet. 0 or -errno. */
int mg_space_device(struct mg_space *space, const char *name, struct mg_probe_device **out);

/** Give @device an address. One that is there already is no error. 0 or -errno. */
int mg_space_address(struct mg_space *space, const struct mg_probe_device *device,
		     enum mg_family family, const unsigned char *address, unsigned int prefix);

/** Send what goes to @address (with @prefix 0: all else) by @device. 0 or -errno. */
int mg_space_route(struct mg_space *space, const struct mg_probe_device *device,
		   enum mg_family family, const unsigned char *address, unsigned int prefix);

/** Let a packet come in by @device. 0 or -errno. */
int mg_space_inject(const struct mg_probe_device *device, const struct mg_probe_packet *packet);

/** Let a packet go out as this host's own. 0 or -errno. */
int mg_space_send(struct mg_space *space, const struct mg_probe_packet *packet);

/**
 * Wait for a packet that goes out, by any device, @milliseconds at most.
 * Returns 1; 0 when the time is up; or -errno.
 */
int mg_space_receive(const struct mg_space *space, int milliseconds, struct mg_probe_packet *out);

/** Forget what has gone out so far. */
void mg_space_drain(const struct mg_space *space);

#endif
