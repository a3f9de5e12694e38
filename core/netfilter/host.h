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

/** To be freed with mg_host_free(). Errors: MG_ENVIRONMENT. */
int mg_host_read(struct mg_host **out, struct mg_error *error);

/** The name of this host alone; "" where there is none. */
void mg_host_read_name(char *out, size_t size);

#endif
