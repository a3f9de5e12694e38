/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The four calls by which the kernel gives and takes a table (struct
 * ipt_replace and its relatives in linux/netfilter_ipv4/ip_tables.h, which
 * ip6_tables.h repeats for IPv6), and what their failures mean.
 *
 * A table is one piece of memory: entry after entry, chains by offset.
 * GET_INFO on a table that does not exist creates it.
 */
#ifndef MG_XT_SOCKET_H
#define MG_XT_SOCKET_H

#include "family.h"

/* linux/netfilter_ipv4/ip_tables.h */
struct ipt_getinfo;
struct ipt_replace;

/** A socket for these calls in the current network namespace; -errno. To be closed. */
int mg_xt_open(const struct mg_family_ops *ops);

/** Size, hooks and number of entries; loads the kernel's module if need be. 0 or -errno. */
int mg_xt_info(int fd, const struct mg_family_ops *ops, const char *table, struct ipt_getinfo *out);

/**
 * The table and its counters.
 * @info: in: of a moment ago; out: of the moment of the copy
 * @out:  a struct ipt_get_entries, to be freed
 * Returns 0 or -errno.
 */
int mg_xt_entries(int fd, const struct mg_family_ops *ops, struct ipt_getinfo *info, void **out);

/**
 * Put a table in place of the old one. The kernel writes the old one's
 * counters, as they were at that moment, to @replace->counters.
 * @size: of what follows the structure
 * Returns 0 or -errno; -EAGAIN where the old one has another number of
 * entries than @replace->num_counters.
 */
int mg_xt_replace(int fd, const struct mg_family_ops *ops, const struct ipt_replace *replace);

/** Add to the counters of the table, whose entries are new and at zero. 0 or -errno. */
int mg_xt_add_counters(int fd, const struct mg_family_ops *ops,
		       const struct xt_counters_info *counters);

/** What the kernel means by -@err when it refuses a table. */
const char *mg_xt_words(int err);

/** Fill @error for a failed call: @doing is "read" or "write". Returns @err. */
int mg_xt_failed(const struct mg_family_ops *ops, const char *table, const char *doing, int err,
		 struct mg_error *error);

#endif
