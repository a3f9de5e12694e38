/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading and committing a table: the one interface behind which a backend
 * stands. libiptc is the first.
 */
#ifndef MG_TABLE_H
#define MG_TABLE_H

#include "image.h"

/** Where an entry of a new image comes from in the live one. */
struct mg_source {
	uint32_t live; /* index of an equal live entry, or MG_NO_RULE: it is new */
	bool kept;     /* it stays where it is, and the kernel keeps counting */
};

/**
 * Read a table of the network namespace that the process is in. A table that
 * does not exist there is not created: it reads as empty, with ACCEPT.
 * Errors: MG_ENVIRONMENT (not privileged, no backend), MG_KERNEL.
 */
int mg_table_read(enum mg_family family, const char *table, struct mg_image **out,
		  struct mg_error *error);

/**
 * Turn the live table into @wanted, in one commit.
 * The caller holds the xtables lock since it read @live, and knows what is there.
 * @live:    just read; it is edited, so afterwards it can only be freed
 * @sources: one for each entry of @wanted; kept entries are in the same
 *           chain and in the same order in both. Moved ones (live, not kept)
 *           take their counters along, as they were read.
 * @touched: set to true just before the commit; may be NULL
 * Errors: -EAGAIN with MG_BUSY: the table has changed since. MG_KERNEL: the
 * kernel refused; the table is as it was.
 */
int mg_table_write(struct mg_image *live, const struct mg_image *wanted,
		   const struct mg_source *sources, bool *touched, struct mg_error *error);

/**
 * Load @wanted, up to @limit of its entries, into a table whose chains are
 * empty, as a first commit in a fresh namespace does. For trials.
 * Returns 0 or the kernel's -errno.
 */
int mg_table_fill(const struct mg_image *wanted, size_t limit);

#endif
