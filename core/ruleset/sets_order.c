/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The order of members. They are sorted by one byte after the other, the last one
 * first, since a blocklist has a hundred thousand of them; and found by halving.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sets.h"

/* The bytes of a member in the order in which they count; the prefix is the last. */
enum { BYTES = sizeof(struct mg_set_member), FEW = 256 };

_Static_assert(BYTES == 17, "no padding: members are compared and sorted as bytes");

/* Put @from in the order of its byte @at into @to. Returns false where all have the same there. */
static bool pass(const struct mg_set_member *from, struct mg_set_member *to, uint32_t count,
		 size_t at)
{
	uint32_t next[256] = { 0 }, total = 0, value, i;

	for (i = 0; i < count; i++)
		next[((const unsigned char *)&from[i])[at]]++;
	if (next[((const unsigned char *)from)[at]] == count)
		return false;
	for (value = 0; value < 256; value++) {
		const uint32_t here = next[value];

		next[value] = total;
		total += here;
	}
	for (i = 0; i < count; i++)
		to[next[((const unsigned char *)&from[i])[at]]++] = from[i];
	return true;
}

static int compare(const void *one, const void *other)
{
	return mg_set_member_compare(one, other);
}

int mg_set_members_sort(struct mg_set_member *members, uint32_t count)
{
	struct mg_set_member *spare, *from = members, *to, *other;
	size_t at = BYTES;

	if (count < FEW) {
		if (count > 1)
			qsort(members, count, sizeof(*members), compare);
		return 0;
	}
	spare = malloc(count * sizeof(*spare));
	if (!spare)
		return -ENOMEM;
	to = spare;
	while (at-- > 0) {
		if (!pass(from, to, count, at))
			continue;
		other = from;
		from = to;
		to = other;
	}
	if (from != members)
		memcpy(members, from, count * sizeof(*members));
	free(spare);
	return 0;
}

/* One network after the other that the address is in, from itself to half of all. */
bool mg_set_holds(const struct mg_set_member *members, uint32_t count, enum mg_family family,
		  const uint8_t address[16])
{
	struct mg_set_member wanted = { .prefix = (uint8_t)mg_set_width(family) };

	memcpy(wanted.address, address, mg_set_width(family) / 8);
	for (; wanted.prefix; wanted.prefix--) {
		if (bsearch(&wanted, members, count, sizeof(wanted), compare))
			return true;
		wanted.address[(wanted.prefix - 1) / 8] &= (uint8_t) ~(0x80U >>
								       (wanted.prefix - 1) % 8);
	}
	return false;
}
