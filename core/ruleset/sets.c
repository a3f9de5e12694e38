/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See sets.h. Records, one array of members and one area of origins, tied by
 * offsets.
 */
#include "sets.h"

#include <stdio.h>
#include <string.h>

#include "failure.h"
#include "growable.h"

struct mg_set_record {
	enum mg_family family;
	char name[MG_SET_NAME_SIZE];
	bool needs_net; /* there is a network, or the address of zeros, which hash:ip refuses */
	size_t first;	/* in members */
	uint32_t count;
	size_t origin; /* in origins */
};

unsigned int mg_set_width(enum mg_family family)
{
	return family == MG_IPV6 ? 128 : 32;
}

/* The power of two that is at least @count, from @least on. */
static uint32_t power_of_two(uint32_t least, uint32_t count)
{
	while (least < count && least < UINT32_C(1) << 31)
		least *= 2;
	return least;
}

uint32_t mg_set_room(uint32_t count)
{
	return power_of_two(65536, count);
}

uint32_t mg_set_hash_size(uint32_t count)
{
	/* a bucket holds a few; from here on the kernel need not sort anew while it is filled */
	return power_of_two(1024, count / 4);
}

int mg_set_member_compare(const struct mg_set_member *one, const struct mg_set_member *other)
{
	/* the prefix stands right behind the address */
	return memcmp(one, other, sizeof(*one));
}

bool mg_set_is_ours(const char *name)
{
	return strncmp(name, "mg4-", 4) == 0 || strncmp(name, "mg6-", 4) == 0;
}

void mg_set_base(const char *name, char out[MG_SET_NAME_SIZE])
{
	const char *dot = mg_set_is_ours(name) ? strrchr(name, '.') : NULL;
	size_t length = strlen(name);

	if (dot && dot[1] && strspn(dot + 1, "0123456789") == strlen(dot + 1))
		length = (size_t)(dot - name);
	snprintf(out, MG_SET_NAME_SIZE, "%.*s", (int)length, name);
}

static int no_memory(struct mg_error *error)
{
	return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for address sets");
}

void mg_sets_clear(struct mg_sets *sets)
{
	if (!sets)
		return;
	free(sets->records);
	free(sets->members);
	free(sets->origins);
	mg_lookup_clear(&sets->names);
	*sets = (struct mg_sets){ 0 };
}

uint32_t mg_sets_count(const struct mg_sets *sets)
{
	return (uint32_t)sets->count;
}

void mg_sets_at(const struct mg_sets *sets, uint32_t index, struct mg_set_view *out)
{
	const struct mg_set_record *record = &sets->records[index];

	*out = (struct mg_set_view){
		.family = record->family,
		.name = record->name,
		.type = record->needs_net ? "hash:net" : "hash:ip",
		.members = sets->members + record->first,
		.count = record->count,
		.origin = sets->origins + record->origin,
	};
}

/* What a set is looked for by. */
struct wanted {
	const struct mg_sets *sets;
	enum mg_family family;
	const char *name;
};

static bool is_set(const void *context, uint32_t index)
{
	const struct wanted *wanted = context;
	const struct mg_set_record *record = &wanted->sets->records[index];

	return record->family == wanted->family && strcmp(record->name, wanted->name) == 0;
}

static uint32_t hash_set(enum mg_family family, const char *name)
{
	return mg_lookup_hash((uint32_t)family, name);
}

uint32_t mg_sets_find(const struct mg_sets *sets, enum mg_family family, const char *name)
{
	const struct wanted wanted = { sets, family, name };

	return mg_lookup_find(&sets->names, hash_set(family, name), is_set, &wanted);
}

/* Are there no bits behind the prefix, and none behind the address? */
static bool is_network(const struct mg_set_member *member, unsigned int width)
{
	static const uint8_t nothing[16];
	unsigned int whole = member->prefix / 8, rest = member->prefix % 8;

	if (member->prefix > width)
		return false;
	if (rest) {
		if (member->address[whole] & 0xff >> rest)
			return false;
		whole++;
	}
	return memcmp(member->address + whole, nothing, sizeof(nothing) - whole) == 0;
}

static bool is_zero(const struct mg_set_member *member)
{
	static const uint8_t nothing[sizeof(member->address)];

	return memcmp(member->address, nothing, sizeof(nothing)) == 0;
}

/* Put @set's members behind those of all sets. The room for them is there. */
static int copy_members(struct mg_sets *sets, const struct mg_set_view *set,
			struct mg_set_record *record, struct mg_error *error)
{
	const unsigned int width = mg_set_width(set->family);
	struct mg_set_member *to = sets->members + sets->member_count;
	bool sorted = true;
	size_t count = 0, kept = 0, i;

	for (i = 0; i < set->count; i++) {
		if (!is_network(&set->members[i], width))
			return mg_fail(error, -EINVAL, MG_INVALID,
				       "set %s: member %zu is no network of its family", set->name,
				       i + 1);
		to[count++] = set->members[i];
		if (!set->members[i].prefix) {
			to[count - 1].prefix = 1;
			to[count] = to[count - 1];
			to[count++].address[0] = 0x80;
		}
	}
	for (i = 1; i < count && sorted; i++)
		sorted = mg_set_member_compare(&to[i - 1], &to[i]) < 0;
	if (!sorted && mg_set_members_sort(to, (uint32_t)count))
		return no_memory(error);
	for (i = 0; i < count; i++) {
		record->needs_net |= to[i].prefix < width || is_zero(&to[i]);
		if (!kept || mg_set_member_compare(&to[kept - 1], &to[i]) != 0)
			to[kept++] = to[i];
	}
	record->count = (uint32_t)kept;
	return 0;
}

/* Are the members that copy_members() has put behind all others those of a set? */
static bool has_members(const struct mg_sets *sets, uint32_t index, uint32_t count)
{
	const struct mg_set_record *known = &sets->records[index];

	return known->count == count &&
	       (!count || memcmp(sets->members + known->first, sets->members + sets->member_count,
				 count * sizeof(*sets->members)) == 0);
}

/* A set of this name is there: it must be the same. */
static int check_same(const struct mg_sets *sets, uint32_t index, uint32_t count,
		      const struct mg_set_view *set, struct mg_error *error)
{
	struct mg_set_view known;

	if (has_members(sets, index, count))
		return 0;
	mg_sets_at(sets, index, &known);
	mg_set_error(error, MG_INVALID,
		     "set %s has other members at %s: give one of "
		     "the two lists another name",
		     set->name, *known.origin ? known.origin : "an earlier place");
	mg_error_origin(error, set->origin ? set->origin : "");
	return -EEXIST;
}

/* Room for the members of @set behind those of all sets, with each /0 as two. */
static int take_members(struct mg_sets *sets, const struct mg_set_view *set,
			struct mg_set_record *record, struct mg_error *error)
{
	if (mg_make_room((void **)&sets->members, &sets->member_capacity,
			 sets->member_count + 2 * (size_t)set->count, sizeof(*sets->members)))
		return no_memory(error);
	return copy_members(sets, set, record, error);
}

int mg_sets_find_like(struct mg_sets *sets, const struct mg_set_view *set, uint32_t *out,
		      struct mg_error *error)
{
	struct mg_set_record record = { .family = set->family };
	uint32_t i;
	int err = take_members(sets, set, &record, error);

	*out = UINT32_MAX;
	for (i = 0; i < sets->count && !err && *out == UINT32_MAX; i++)
		if (sets->records[i].family == set->family && has_members(sets, i, record.count))
			*out = i;
	return err;
}

static int put_origin(struct mg_sets *sets, const char *origin, size_t *out)
{
	const size_t size = strlen(origin) + 1;

	if (mg_make_room((void **)&sets->origins, &sets->origins_capacity,
			 sets->origins_used + size, 1))
		return -ENOMEM;
	memcpy(sets->origins + sets->origins_used, origin, size);
	*out = sets->origins_used;
	sets->origins_used += size;
	return 0;
}

int mg_sets_add(struct mg_sets *sets, const struct mg_set_view *set, uint32_t *out,
		struct mg_error *error)
{
	struct mg_set_record record = { .family = set->family, .first = sets->member_count };
	uint32_t index;
	int err;

	if (!*set->name || strlen(set->name) >= sizeof(record.name))
		return mg_fail(error, -EINVAL, MG_INVALID,
			       "set \"%s\": the name of a set has 1 to %d characters", set->name,
			       MG_SET_NAME_SIZE - 1);
	strcpy(record.name, set->name);
	err = take_members(sets, set, &record, error);
	if (err)
		return err;
	index = mg_sets_find(sets, set->family, set->name);
	if (index != UINT32_MAX) {
		if (out)
			*out = index;
		return check_same(sets, index, record.count, set, error);
	}
	if (put_origin(sets, set->origin ? set->origin : "", &record.origin) ||
	    mg_make_room((void **)&sets->records, &sets->capacity, sets->count + 1,
			 sizeof(record)) ||
	    mg_lookup_add(&sets->names, hash_set(set->family, set->name), (uint32_t)sets->count))
		return no_memory(error);
	sets->member_count += record.count;
	sets->records[sets->count] = record;
	if (out)
		*out = (uint32_t)sets->count;
	sets->count++;
	return 0;
}
