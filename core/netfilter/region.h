/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory for a whole table: as much as the kernel says, all at once.
 *
 * A large one has pages of its own. Fresh ones cost less than recycled ones in a
 * process that has forked: those are shared with the child and would be copied
 * first, only to be overwritten.
 */
#ifndef MG_REGION_H
#define MG_REGION_H

#include <stddef.h>

/** Zero-initialise; end with mg_region_free(). */
struct mg_region {
	void *bytes; /* zeroed, aligned for any structure */
	size_t size;
};

/** Returns 0 or -ENOMEM. */
int mg_region_take(struct mg_region *region, size_t size);
void mg_region_free(struct mg_region *region);

#endif
