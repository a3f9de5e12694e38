/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finding an element of an array by its name, however many there are: chains,
 * mostly, of which a generated policy may have thousands.
 *
 * Holds indices only; what an element is called, its owner says.
 */
#ifndef MG_LOOKUP_H
#define MG_LOOKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Zero-initialise; end with mg_lookup_clear(). */
struct mg_lookup {
	struct mg_lookup_slot {
		uint32_t hash;
		uint32_t number; /* index + 1; 0: free */
	} * slots;
	size_t mask, count;
};

#define MG_NOT_FOUND UINT32_MAX

/** Go on with @hash (0 to begin) over a name. */
uint32_t mg_lookup_hash(uint32_t hash, const char *name);

/** Add an element that is not there yet. Returns 0 or -ENOMEM. */
int mg_lookup_add(struct mg_lookup *lookup, uint32_t hash, uint32_t index);

/** The element with this hash for which @is says yes, or MG_NOT_FOUND. */
uint32_t mg_lookup_find(const struct mg_lookup *lookup, uint32_t hash,
			bool (*is)(const void *context, uint32_t index), const void *context);

void mg_lookup_clear(struct mg_lookup *lookup);

#endif
