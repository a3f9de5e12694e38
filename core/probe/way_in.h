/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One way in, tried: a handshake, and a byte each way. See probe.h.
 */
#ifndef MG_PROBE_WAY_IN_H
#define MG_PROBE_WAY_IN_H

#include "probe.h"
#include "space.h"

/** Devices, addresses and routes for a way. 0 or -errno. */
int mg_way_prepare(struct mg_space *space, const struct mg_probe_way *way);

/** A listener where the server's is; its descriptor or -errno. */
int mg_way_listen(const struct mg_probe_way *way);

/** Before the tables are there: does the namespace let him in at all? */
bool mg_way_control(struct mg_space *space, const struct mg_probe_way *way, int listener);

/** Judge. */
void mg_way_judge(struct mg_space *space, struct mg_probe_tables *tables,
		  const struct mg_probe_way *way, int listener, struct mg_probe_result *out);

#endif
