/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading and committing a table: the one interface behind which a backend
 * stands. The first is the kernel's own interface to x_tables, without libiptc:
 * that has a list element for each rule, edits by number, and gives up exact
 * counters where a chain is written anew. Here a table is read where it lies
 * and written in one piece, and every rule that stays, wherever to, keeps its
 * counters as they are at the moment of the commit.
 */
#ifndef MG_TABLE_H
#define MG_TABLE_H

#include "image.h"

struct ipt_getinfo; /* linux/netfilter_ipv4/ip_tables.h */

/** Where an entry of a new image comes from in the live one. */
struct mg_source {
	uint32_t live; /* index of an equal live entry, or MG_NO_RULE: it is new */
	bool kept;     /* it stays where it is among those that stay */
};

/**
 * Does the table exist in this network namespace? It is not opened for that:
 * opening would create it.
 * Returns 1, 0 or -errno; -EACCES in a namespace of a plain user's own, where
 * the list of tables is not his to read.
 */
int mg_table_exists(enum mg_family family, const char *table);

/** The same for whoever reads: where it is not known, the table is asked for. 1, 0 or -errno. */
int mg_table_is_there(enum mg_family family, const char *table, struct mg_error *error);

/**
 * Fetch the kernel's own copy of a table that is there.
 * @info: what the kernel says about the copy
 * @out:  a struct ipt_get_entries, to be freed
 * Errors: as mg_table_read()
 */
int mg_table_fetch(const struct mg_family_ops *ops, const char *table, struct ipt_getinfo *info,
		   void **out, struct mg_error *error);

/**
 * Read a table of the network namespace that the process is in. A table that
 * does not exist there is not created: it reads as empty, with ACCEPT.
 * Errors: MG_ENVIRONMENT (not privileged, no backend), MG_KERNEL.
 */
int mg_table_read(enum mg_family family, const char *table, struct mg_image **out,
		  struct mg_error *error);

/**
 * Read a table from the kernel's copy of it.
 * @image: a new one; its entries point into @bytes afterwards
 * @info:  what the kernel says about the copy; of both families alike
 * @bytes: info->size bytes, aligned as entries are
 * Errors: MG_KERNEL, with the byte: the copy makes no sense. No byte beyond it is
 * looked at, whatever it says.
 */
int mg_table_parse(struct mg_image *image, const struct ipt_getinfo *info, const void *bytes,
		   struct mg_error *error);

/**
 * Turn the live table into @wanted, in one commit.
 * The caller holds the xtables lock since it read @live, and knows what is there.
 * @live:    just read; of it only chains and numbers are needed
 * @sources: one for each entry of @wanted. One with a live entry takes that
 *           one's counters along, packets in flight included; the others begin
 *           with those of their own bytes.
 * @touched: set to true just before the commit, and to false if the kernel refuses it; may be
 *           NULL
 * Errors: -EAGAIN with MG_BUSY: the table has changed since. MG_KERNEL: the
 * kernel refused; the table is as it was.
 */
int mg_table_write(const struct mg_image *live, const struct mg_image *wanted,
		   const struct mg_source *sources, bool *touched, struct mg_error *error);

/**
 * Load @wanted, up to @limit of its entries, into a table whose chains are
 * empty, as a first commit in a fresh namespace does. For trials.
 * Returns 0 or the kernel's -errno.
 */
int mg_table_fill(const struct mg_image *wanted, size_t limit);

#endif
