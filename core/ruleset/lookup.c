/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hash table with open addressing, at most half full.
 */
#include "lookup.h"

#include <errno.h>
#include <stdlib.h>

uint32_t mg_lookup_hash(uint32_t hash, const char *name)
{
	/* FNV-1a, with the end of the name as a byte of its own */
	hash ^= 2166136261U;
	do
		hash = (hash ^ (unsigned char)*name) * 16777619U;
	while (*name++);
	return hash;
}

static void put(struct mg_lookup *lookup, struct mg_lookup_slot slot)
{
	size_t at = slot.hash & lookup->mask;

	while (lookup->slots[at].number)
		at = (at + 1) & lookup->mask;
	lookup->slots[at] = slot;
}

static int grow(struct mg_lookup *lookup)
{
	const size_t old = lookup->slots ? lookup->mask + 1 : 0;
	struct mg_lookup bigger = { .count = lookup->count };
	size_t i;

	bigger.mask = (old ? 2 * old : 16) - 1;
	bigger.slots = calloc(bigger.mask + 1, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (i = 0; i < old; i++)
		if (lookup->slots[i].number)
			put(&bigger, lookup->slots[i]);
	free(lookup->slots);
	*lookup = bigger;
	return 0;
}

int mg_lookup_add(struct mg_lookup *lookup, uint32_t hash, uint32_t index)
{
	if ((!lookup->slots || 2 * (lookup->count + 1) > lookup->mask + 1) && grow(lookup))
		return -ENOMEM;
	put(lookup, (struct mg_lookup_slot){ hash, index + 1 });
	lookup->count++;
	return 0;
}

uint32_t mg_lookup_find(const struct mg_lookup *lookup, uint32_t hash,
			bool (*is)(const void *context, uint32_t index), const void *context)
{
	size_t at = hash & lookup->mask;

	if (!lookup->slots)
		return MG_NOT_FOUND;
	for (; lookup->slots[at].number; at = (at + 1) & lookup->mask)
		if (lookup->slots[at].hash == hash && is(context, lookup->slots[at].number - 1))
			return lookup->slots[at].number - 1;
	return MG_NOT_FOUND;
}

void mg_lookup_clear(struct mg_lookup *lookup)
{
	free(lookup->slots);
	*lookup = (struct mg_lookup){ .count = 0 };
}
