/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addresses in their order, searched by halves. See reach.h.
 */
#include "reach.h"

#include <stdlib.h>
#include <string.h>

#include "ruleset/growable.h"

int mg_reach_add(struct mg_reach *reach, const unsigned char *address)
{
	int err = mg_make_room((void **)&reach->items, &reach->capacity, reach->count + 1,
			       sizeof(*reach->items));

	if (err)
		return err;
	memset(reach->items[reach->count], 0, sizeof(*reach->items));
	memcpy(reach->items[reach->count++], address, reach->size);
	return 0;
}

/* What is behind an address of IPv4 is zero. */
static int compare(const void *one, const void *other)
{
	return memcmp(one, other, sizeof(*((struct mg_reach *)0)->items));
}

void mg_reach_seal(struct mg_reach *reach)
{
	size_t kept = 0, i;

	if (reach->count)
		qsort(reach->items, reach->count, sizeof(*reach->items), compare);
	for (i = 0; i < reach->count; i++)
		if (!i || compare(reach->items[i], reach->items[kept - 1]) != 0)
			memmove(reach->items[kept++], reach->items[i], sizeof(*reach->items));
	reach->count = kept;
}

/* Is one of them from @low to @high? */
static bool meets(const struct mg_reach *reach, const unsigned char *low, const unsigned char *high)
{
	size_t from = 0, to = reach->count;

	while (from < to) {
		const size_t middle = from + (to - from) / 2;

		if (memcmp(reach->items[middle], low, reach->size) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from < reach->count && memcmp(reach->items[from], high, reach->size) <= 0;
}

static bool is_prefix(const unsigned char *mask, size_t size)
{
	size_t i = 0;

	while (i < size && mask[i] == 0xff)
		i++;
	if (i < size && (unsigned char)~mask[i] & ((unsigned char)~mask[i] + 1))
		return false;
	for (i++; i < size; i++)
		if (mask[i])
			return false;
	return true;
}

bool mg_reach_meets(const struct mg_reach *reach, const void *address, const void *mask)
{
	const unsigned char *bytes = address, *bits = mask;
	unsigned char low[16], high[16];
	size_t i;

	if (reach->all || !is_prefix(bits, reach->size))
		return true;
	for (i = 0; i < reach->size; i++) {
		low[i] = bytes[i] & bits[i];
		high[i] = (unsigned char)(low[i] | (unsigned char)~bits[i]);
	}
	return meets(reach, low, high);
}

bool mg_reach_meets_prefix(const struct mg_reach *reach, const void *address, unsigned int prefix)
{
	unsigned char mask[16] = { 0 };
	size_t i;

	for (i = 0; i < reach->size && prefix > 8 * i; i++)
		mask[i] = prefix >= 8 * i + 8 ? 0xff : (unsigned char)(0xff00 >> (prefix - 8 * i));
	return mg_reach_meets(reach, address, mask);
}

void mg_reach_clear(struct mg_reach *reach)
{
	free(reach->items);
	*reach = (struct mg_reach){ 0 };
}
