/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Small regions come from the heap, where tools that look for bad accesses see
 * their ends.
 */
#include "region.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { LARGE = 1024 * 1024 };

int mg_region_take(struct mg_region *region, size_t size)
{
	void *bytes;

	if (size < LARGE) {
		bytes = calloc(1, size);
	} else {
		bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			     0);
		if (bytes == MAP_FAILED)
			bytes = NULL;
	}
	if (!bytes)
		return -ENOMEM;
	region->bytes = bytes;
	region->size = size;
	return 0;
}

void mg_region_free(struct mg_region *region)
{
	if (!region->bytes)
		return;
	if (region->size < LARGE)
		free(region->bytes);
	else
		munmap(region->bytes, region->size);
	*region = (struct mg_region){ 0 };
}
