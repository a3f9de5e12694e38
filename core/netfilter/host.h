/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What this host is: its name, interfaces and addresses, read over rtnetlink
 * in the network namespace of the caller. No privilege is needed.
 *
 * Must not change anything, print or exit.
 */
#ifndef MG_HOST_READ_H
#define MG_HOST_READ_H

#include "ruleset/host.h"

/** Errors: MG_ENVIRONMENT. */
int mg_host_read(struct mg_host **out, struct mg_error *error);
void mg_host_free(struct mg_host *host);

/** The interface that has this address, or NULL. */
const struct mg_host_interface *mg_host_owner(const struct mg_host *host, enum mg_family family,
					      const unsigned char address[16]);

#endif
