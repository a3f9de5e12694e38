/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Flows that are established: would they be admitted if they began now? The first
 * packet of each is let through the tables of the probe's namespace, and conntrack
 * there begins a flow just if all of them let it pass.
 */
#ifndef MG_PROBE_ADMISSION_H
#define MG_PROBE_ADMISSION_H

#include "netfilter/flows.h"
#include "space.h"
#include "tables.h"

/** A flow, and the way that its first packet takes. */
struct mg_probe_flow {
	struct mg_flow flow;
	bool from_here, to_here; /* its addresses are this host's */
	char in[16], out[16];	 /* interfaces; "" where it is from or to here */
	bool is_known;		 /* what is above; else it cannot be judged */
};

enum mg_admission { MG_ADMISSION_UNKNOWN, MG_ADMISSION_GRANTED, MG_ADMISSION_DENIED };

/** Can a first packet of this protocol be made? */
bool mg_is_judged_protocol(uint8_t protocol);

/**
 * Judge, until it takes more than @ms: then the rest is unknown.
 * @out: one for each flow
 * Returns 0 or -errno.
 */
int mg_flows_judge(struct mg_space *space, struct mg_probe_tables *tables,
		   const struct mg_probe_flow *flows, size_t count, int ms, uint8_t *out);

#endif
