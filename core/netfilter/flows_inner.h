/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What flows.c and flows_watch.c share; nobody else includes it.
 */
#ifndef MG_FLOWS_INNER_H
#define MG_FLOWS_INNER_H

#include <libnetfilter_conntrack/libnetfilter_conntrack.h>

#include "flows.h"

/** @groups: of events, 0 for questions. The handle closes on exec. 0 or -errno. */
int mg_flow_open(unsigned int groups, struct nfct_handle **out);

/** Read a flow; false for one that is neither of IPv4 nor of IPv6. */
bool mg_flow_take(const struct nf_conntrack *from, struct mg_flow *out);

#endif
