/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One attempt to get in: a handshake and a byte each way, or a packet of a session
 * that is open already.
 *
 * What comes in by a TUN device has been dealt with when write(2) returns, the
 * answer included; the patience is for kernels that steer packets to other CPUs.
 */
#ifndef MG_PROBE_ATTEMPT_H
#define MG_PROBE_ATTEMPT_H

#include "probe.h"
#include "space.h"

struct mg_attempt {
	struct mg_space *space;
	const struct mg_probe_way *way;
	int listener;
	int patience;
	uint16_t base, port; /* the client's: the port is the base and a number that is new */
	bool plain;	     /* there are no tables */
	bool reset;	     /* a RST came */
	enum mg_probe_stage stage;
};

/** Devices, addresses and routes for a way. 0 or -errno. */
int mg_way_prepare(struct mg_space *space, const struct mg_probe_way *way);

/** A listener where the server's is; its descriptor or -errno. */
int mg_way_listen(const struct mg_probe_way *way);

/** A new connection; else @stage says how far it got. Its port is another one each time. */
bool mg_attempt_connect(struct mg_attempt *attempt);

/** A packet of the session comes in; the listener, to which it says nothing, resets it. */
bool mg_attempt_session_comes(struct mg_attempt *attempt);

/** A packet of the session goes out, as the server sends it. */
bool mg_attempt_session_goes(struct mg_attempt *attempt);

#endif
