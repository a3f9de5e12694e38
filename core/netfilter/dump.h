/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Asking the kernel for a list over netlink.
 *
 * Owns its socket for the time of one call. Must not change anything.
 */
#ifndef MG_DUMP_H
#define MG_DUMP_H

#include <libmnl/libmnl.h>
#include <stddef.h>

/**
 * Send a dump request and hand each message of the answer to @each.
 * @bus:     NETLINK_ROUTE, NETLINK_NETFILTER
 * @type:    of the message
 * @payload: what follows the netlink header
 * @each:    returns MNL_CB_OK, or MNL_CB_ERROR with errno set
 * @context: handed to @each
 * Returns 0 or -errno; -EINTR: the list changed meanwhile, so ask again.
 */
int mg_dump(int bus, uint16_t type, const void *payload, size_t size, mnl_cb_t each, void *context);

#endif
