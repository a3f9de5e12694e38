/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sets as data: members in one order and once each, the type that they ask for,
 * names with and without a generation, and two sets of one name.
 */
#include "ruleset/sets.h"

#include <arpa/inet.h>
#include <errno.h>

#include "ruleset/ruleset.h"
#include "spec/support/tap.h"

enum { MANY = 5000 };

static struct mg_sets sets;

static void clean_up(void)
{
	mg_sets_clear(&sets);
}

static struct mg_set_member member(const char *address, uint8_t prefix)
{
	struct mg_set_member out = { .prefix = prefix };

	if (inet_pton(strchr(address, ':') ? AF_INET6 : AF_INET, address, out.address) != 1)
		tap_fail(__LINE__, "%s is no address", address);
	return out;
}

static int add(enum mg_family family, const char *name, const struct mg_set_member *members,
	       uint32_t count, const char *origin, uint32_t *out)
{
	const struct mg_set_view set = {
		.family = family, .name = name, .members = members, .count = count, .origin = origin
	};

	return mg_sets_add(&sets, &set, out, &tap_error);
}

static void order(void)
{
	const struct mg_set_member given[] = {
		member("198.51.100.0", 24), member("192.0.2.9", 32),	member("192.0.2.0", 25),
		member("192.0.2.9", 32),    member("198.51.100.0", 24), member("192.0.2.0", 24),
	};
	const struct mg_set_member wanted[] = { member("192.0.2.0", 24), member("192.0.2.0", 25),
						member("192.0.2.9", 32),
						member("198.51.100.0", 24) };
	struct mg_set_view set;
	uint32_t index = 7;

	EXPECT_DONE(add(MG_IPV4, "mg4-list", given, 6, "p.lua:3 block", &index));
	EXPECT_IS(index, 0);
	EXPECT_IS(mg_sets_count(&sets), 1);
	mg_sets_at(&sets, 0, &set);
	EXPECT_IS(set.family, MG_IPV4);
	EXPECT_TEXT(set.name, "mg4-list");
	EXPECT_TEXT(set.type, "hash:net");
	EXPECT_TEXT(set.origin, "p.lua:3 block");
	EXPECT_IS(set.count, 4);
	EXPECT_IS(memcmp(set.members, wanted, sizeof(wanted)), 0);
	clean_up();
}

static void types(void)
{
	const struct mg_set_member hosts[] = { member("192.0.2.9", 32), member("192.0.2.1", 32) };
	const struct mg_set_member host6 = member("2001:db8::1", 128);
	const struct mg_set_member network6 = member("2001:db8::", 32);
	const struct mg_set_member zero = member("0.0.0.0", 32), zero6 = member("::", 128);
	struct mg_set_view set;

	EXPECT_DONE(add(MG_IPV4, "mg4-a", hosts, 2, NULL, NULL));
	EXPECT_DONE(add(MG_IPV6, "mg6-a", &host6, 1, NULL, NULL));
	EXPECT_DONE(add(MG_IPV6, "mg6-b", &network6, 1, NULL, NULL));
	EXPECT_DONE(add(MG_IPV6, "mg6-c", NULL, 0, NULL, NULL));
	EXPECT_DONE(add(MG_IPV4, "mg4-z", &zero, 1, NULL, NULL));
	EXPECT_DONE(add(MG_IPV6, "mg6-z", &zero6, 1, NULL, NULL));
	mg_sets_at(&sets, 0, &set);
	EXPECT_TEXT(set.type, "hash:ip");
	EXPECT_TEXT(set.origin, "");
	mg_sets_at(&sets, 1, &set);
	EXPECT_TEXT(set.type, "hash:ip");
	mg_sets_at(&sets, 2, &set);
	EXPECT_TEXT(set.type, "hash:net");
	mg_sets_at(&sets, 3, &set);
	EXPECT_IS(set.count, 0);
	/* the kernel takes no address of zeros into a hash:ip */
	mg_sets_at(&sets, 4, &set);
	EXPECT_TEXT(set.type, "hash:net");
	mg_sets_at(&sets, 5, &set);
	EXPECT_TEXT(set.type, "hash:net");
	clean_up();
}

static void whole_family(void)
{
	const struct mg_set_member all = member("0.0.0.0", 0), all6 = member("::", 0);
	struct mg_set_view set;

	EXPECT_DONE(add(MG_IPV4, "mg4-a", &all, 1, "", NULL));
	EXPECT_DONE(add(MG_IPV6, "mg6-a", &all6, 1, "", NULL));
	mg_sets_at(&sets, 0, &set);
	EXPECT_IS(set.count, 2);
	EXPECT_IS(set.members[0].prefix, 1);
	EXPECT_IS(set.members[0].address[0], 0);
	EXPECT_IS(set.members[1].prefix, 1);
	EXPECT_IS(set.members[1].address[0], 0x80);
	EXPECT_TEXT(set.type, "hash:net");
	mg_sets_at(&sets, 1, &set);
	EXPECT_IS(set.count, 2);
	EXPECT_IS(set.members[1].address[0], 0x80);
	clean_up();
}

static void same_name(void)
{
	const struct mg_set_member one[] = { member("192.0.2.9", 32), member("192.0.2.1", 32) };
	const struct mg_set_member turned[] = { member("192.0.2.1", 32), member("192.0.2.9", 32) };
	uint32_t index = 7;

	EXPECT_DONE(add(MG_IPV4, "mg4-a", one, 2, "p.lua:3 addresses", NULL));
	EXPECT_DONE(add(MG_IPV6, "mg4-a", NULL, 0, "p.lua:4 addresses", NULL));
	EXPECT_DONE(add(MG_IPV4, "mg4-a", turned, 2, "p.lua:5 addresses", &index));
	EXPECT_IS(index, 0);
	EXPECT_IS(mg_sets_count(&sets), 2);
	EXPECT_IS(add(MG_IPV4, "mg4-a", one, 1, "p.lua:9 addresses", NULL), -EEXIST);
	EXPECT_TEXT(tap_error.text,
		    "p.lua:9: addresses: set mg4-a has other members at p.lua:3 addresses: "
		    "give one of the two lists another name");
	EXPECT_IS(tap_error.status, MG_INVALID);
	EXPECT_IS(mg_sets_find(&sets, MG_IPV4, "mg4-a"), 0);
	EXPECT_IS(mg_sets_find(&sets, MG_IPV6, "mg4-a"), 1);
	EXPECT_IS(mg_sets_find(&sets, MG_IPV4, "mg4-b"), UINT32_MAX);
	clean_up();
}

static void same_members(void)
{
	const struct mg_set_member all = member("0.0.0.0", 0), host = member("192.0.2.9", 32);
	const struct mg_set_member halves[] = { member("128.0.0.0", 1), member("0.0.0.0", 1) };
	struct mg_set_view set = { MG_IPV4, "", NULL, &all, 1, "" };
	uint32_t index = 7;

	EXPECT_DONE(mg_sets_find_like(&sets, &set, &index, &tap_error));
	EXPECT_IS(index, UINT32_MAX);
	EXPECT_DONE(add(MG_IPV4, "mg4-a", &host, 1, "", NULL));
	EXPECT_DONE(add(MG_IPV4, "mg4-b", halves, 2, "", NULL));
	EXPECT_DONE(mg_sets_find_like(&sets, &set, &index, &tap_error));
	EXPECT_IS(index, 1);
	set.members = &host;
	EXPECT_DONE(mg_sets_find_like(&sets, &set, &index, &tap_error));
	EXPECT_IS(index, 0);
	set.count = 0;
	EXPECT_DONE(mg_sets_find_like(&sets, &set, &index, &tap_error));
	EXPECT_IS(index, UINT32_MAX);
	clean_up();
}

static void wrong(void)
{
	const struct mg_set_member behind = member("192.0.2.9", 31);
	const struct mg_set_member far = member("2001:db8::", 64);
	const struct mg_set_member broken = member("192.0.2.9", 30);
	const struct mg_set_member good[] = { member("192.0.2.8", 31), broken };

	EXPECT_IS(add(MG_IPV4, "mg4-a", &behind, 1, "", NULL), -EINVAL);
	EXPECT_TEXT(tap_error.text, "set mg4-a: member 1 is no network of its family");
	EXPECT_IS(add(MG_IPV4, "mg4-a", &far, 1, "", NULL), -EINVAL);
	EXPECT_IS(add(MG_IPV4, "mg4-a", good, 2, "", NULL), -EINVAL);
	EXPECT_TEXT(tap_error.text, "set mg4-a: member 2 is no network of its family");
	EXPECT_IS(add(MG_IPV4, "", NULL, 0, "", NULL), -EINVAL);
	EXPECT_IS(add(MG_IPV4, "12345678901234567890123456789012", NULL, 0, "", NULL), -EINVAL);
	EXPECT_DONE(add(MG_IPV4, "1234567890123456789012345678901", NULL, 0, "", NULL));
	EXPECT_IS(mg_sets_count(&sets), 1);
	clean_up();
}

static void many(void)
{
	struct mg_set_member *members = calloc(MANY, sizeof(*members));
	uint32_t state = 4711, i, index;
	struct mg_set_view set;
	char name[MG_SET_NAME_SIZE];

	if (!members)
		abort();
	for (i = 0; i < MANY; i++) {
		uint32_t address = htonl(tap_random(&state));

		memcpy(members[i].address, &address, sizeof(address));
		members[i].prefix = 32;
	}
	for (i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "mg4-list%u", i);
		EXPECT_DONE(add(MG_IPV4, name, members + i, MANY - 50, "", &index));
		EXPECT_IS(index, i);
	}
	free(members);
	mg_sets_at(&sets, 49, &set);
	EXPECT_TEXT(set.name, "mg4-list49");
	EXPECT_IS(set.count, MANY - 50);
	for (i = 1; i < set.count; i++)
		EXPECT(mg_set_member_compare(&set.members[i - 1], &set.members[i]) < 0);
	clean_up();
}

static int by_bytes(const void *one, const void *other)
{
	return mg_set_member_compare(one, other);
}

/* Against the C library's, with few and with many, and with many that are alike. */
static void sorting(void)
{
	static struct mg_set_member mine[3000], theirs[3000];
	uint32_t state = 1848;

	for (uint32_t count = 0; count < 3000; count += 1 + count / 3) {
		for (uint32_t i = 0; i < count; i++) {
			for (size_t byte = 0; byte < 16; byte++)
				mine[i].address[byte] = (uint8_t)(tap_random(&state) &
								  (byte % 5 ? 1 : 0xFF));
			mine[i].prefix = (uint8_t)(tap_random(&state) % 129);
		}
		memcpy(theirs, mine, sizeof(mine));
		qsort(theirs, count, sizeof(*theirs), by_bytes);
		EXPECT_DONE(mg_set_members_sort(mine, count));
		EXPECT(memcmp(mine, theirs, sizeof(mine)) == 0);
	}
}

/* Against a walk through all of them. */
static void holding(void)
{
	enum { COUNT = 500 };
	static struct mg_set_member members[COUNT];
	uint32_t state = 77, held = 0;

	for (int family = 0; family < MG_FAMILIES; family++) {
		const unsigned int width = mg_set_width((enum mg_family)family);

		memset(members, 0, sizeof(members));
		for (uint32_t i = 0; i < COUNT; i++) {
			members[i].prefix = (uint8_t)(width - tap_random(&state) % 12);
			for (unsigned int bit = 0; bit < members[i].prefix; bit++)
				if (bit % width > width - 14 && tap_random(&state) % 2)
					members[i].address[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
		}
		EXPECT_DONE(mg_set_members_sort(members, COUNT));
		for (uint32_t number = 0; number < 1U << 14; number += 3) {
			uint8_t address[16] = { 0 };
			bool is_in = false;

			address[width / 8 - 1] = (uint8_t)number;
			address[width / 8 - 2] = (uint8_t)(number >> 8);
			for (uint32_t i = 0; i < COUNT && !is_in; i++) {
				unsigned int bit = 0;

				while (bit < members[i].prefix &&
				       !((address[bit / 8] ^ members[i].address[bit / 8]) &
					 0x80 >> bit % 8))
					bit++;
				is_in = bit == members[i].prefix;
			}
			held += is_in;
			EXPECT_IS(mg_set_holds(members, COUNT, (enum mg_family)family, address),
				  is_in);
		}
	}
	EXPECT(held > 100 && held < 2 * (1U << 14) / 3 - 100);
}

static void names(void)
{
	static const char *const bases[][2] = {
		{ "mg4-office", "mg4-office" },
		{ "mg4-office.7", "mg4-office" },
		{ "mg6-office.4294967295", "mg6-office" },
		{ "mg4-office.", "mg4-office." },
		{ "mg4-office.x", "mg4-office.x" },
		{ "f2b-sshd.7", "f2b-sshd.7" },
		{ "mg5-office.7", "mg5-office.7" },
	};
	char base[MG_SET_NAME_SIZE];
	size_t i;

	for (i = 0; i < sizeof(bases) / sizeof(*bases); i++) {
		mg_set_base(bases[i][0], base);
		EXPECT_TEXT(base, bases[i][1]);
	}
	EXPECT(mg_set_is_ours("mg4-x") && mg_set_is_ours("mg6-x.3"));
	EXPECT(!mg_set_is_ours("mg-x") && !mg_set_is_ours("mg5-x") && !mg_set_is_ours(""));
}

static void of_a_ruleset(void)
{
	const struct mg_set_member host = member("192.0.2.9", 32);
	const struct mg_set_view set = { MG_IPV4, "mg4-a", NULL, &host, 1, "p.lua:1 block" };
	struct mg_ruleset *ruleset;
	struct mg_set_view found;

	EXPECT_DONE(mg_ruleset_new(&ruleset, &tap_error));
	EXPECT_IS(mg_sets_count(mg_ruleset_sets_const(ruleset)), 0);
	EXPECT_DONE(mg_sets_add(mg_ruleset_sets(ruleset), &set, NULL, &tap_error));
	EXPECT_DONE(mg_ruleset_seal(ruleset, &tap_error));
	EXPECT_IS(mg_sets_count(mg_ruleset_sets_const(ruleset)), 1);
	mg_sets_at(mg_ruleset_sets_const(ruleset), 0, &found);
	EXPECT_TEXT(found.name, "mg4-a");
	mg_ruleset_free(ruleset);
}

int main(void)
{
	tap_clean_up = clean_up;
	tap_run("keeps members in one order, once each", order);
	tap_run("is of hash:ip if each member is one address", types);
	tap_run("holds a whole family as its two halves", whole_family);
	tap_run("takes the same set twice, and refuses another one of its name", same_name);
	tap_run("finds a set by its members", same_members);
	tap_run("refuses what is no network, and no name", wrong);
	tap_run("holds many sets of many members", many);
	tap_run("sorts members as they are compared", sorting);
	tap_run("knows whether an address is in one of its networks", holding);
	tap_run("knows the names that are ours, in each generation", names);
	tap_run("belongs to a ruleset", of_a_ruleset);
	return tap_end();
}
