/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which way a packet would take, as the kernel's routing says, policy routing
 * included. Must not change anything.
 */
#ifndef MG_ROUTES_H
#define MG_ROUTES_H

#include <moongate.h>

struct mg_routes;

/** To be closed; belongs to the network namespace in which it was opened. 0 or -errno. */
int mg_routes_open(struct mg_routes **out);
void mg_routes_close(struct mg_routes *routes);

struct mg_route {
	bool local;	    /* to this host itself */
	char interface[16]; /* by which it goes; "" if local */
};

/**
 * @source: that the packet would have; NULL: any
 * Returns 0 or -errno; -ENETUNREACH and the like where there is no way.
 */
int mg_route_find(struct mg_routes *routes, enum mg_family family, const unsigned char *destination,
		  const unsigned char *source, struct mg_route *out);

#endif
