/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sets as the text that ipset restore reads: what is written comes back, and
 * what is wrong is refused with its line.
 */
#include "ruleset/set_text.h"

#include <arpa/inet.h>
#include <errno.h>

#include "spec/support/tap.h"

static struct mg_sets sets, again;
static char *text;

static void clean_up(void)
{
	mg_sets_clear(&sets);
	mg_sets_clear(&again);
	free(text);
	text = NULL;
}

static int read_text(const char *bytes, enum mg_family family)
{
	return mg_set_text_read(&sets, family, "sets", bytes, strlen(bytes), &tap_error);
}

static const char *const both_types = "#@ policy.lua:7 block\n"
				      "create mg4-drop hash:net family inet hashsize 1024 maxelem "
				      "65536\n"
				      "add mg4-drop 192.0.2.7\n"
				      "add mg4-drop 198.51.100.0/24\n"
				      "create mg4-office hash:ip family inet hashsize 1024 maxelem "
				      "65536\n"
				      "add mg4-office 203.0.113.255\n";

static void round_trip(void)
{
	struct mg_set_view set;

	EXPECT_DONE(read_text(both_types, MG_IPV4));
	EXPECT_IS(mg_sets_count(&sets), 2);
	mg_sets_at(&sets, 0, &set);
	EXPECT_TEXT(set.name, "mg4-drop");
	EXPECT_TEXT(set.type, "hash:net");
	EXPECT_TEXT(set.origin, "policy.lua:7 block");
	EXPECT_IS(set.count, 2);
	mg_sets_at(&sets, 1, &set);
	EXPECT_TEXT(set.type, "hash:ip");
	EXPECT_TEXT(set.origin, "");
	EXPECT_DONE(mg_set_text_write(&sets, MG_IPV4, &text, &tap_error));
	EXPECT_TEXT(text, both_types);
	free(text);
	EXPECT_DONE(mg_set_text_write(&sets, MG_IPV6, &text, &tap_error));
	EXPECT(!text);
	clean_up();
	EXPECT_DONE(mg_set_text_write(&sets, MG_IPV4, &text, &tap_error));
	EXPECT(!text);
}

static void ipv6(void)
{
	struct mg_set_view set;
	char member[MG_SET_MEMBER_TEXT];

	EXPECT_DONE(read_text("create mg6-a hash:net family inet6\nadd mg6-a 2001:DB8::1/128\n"
			      "add mg6-a ::/0\r\n\n# nothing\n",
			      MG_IPV6));
	mg_sets_at(&sets, 0, &set);
	EXPECT_IS(set.count, 3);
	mg_set_member_text(MG_IPV6, &set.members[0], member);
	EXPECT_TEXT(member, "::/1");
	mg_set_member_text(MG_IPV6, &set.members[1], member);
	EXPECT_TEXT(member, "2001:db8::1");
	mg_set_network_text(MG_IPV6, &set.members[1], member);
	EXPECT_TEXT(member, "2001:db8::1/128");
	clean_up();
}

/* Random sets, also of many members, are the same once they have been text. */
static void random_sets(void)
{
	uint32_t state = 99, round, i, length;
	struct mg_set_member members[600];
	struct mg_set_view one, other;
	char name[MG_SET_NAME_SIZE];

	for (round = 0; round < 60; round++) {
		const enum mg_family family = round % 2 ? MG_IPV6 : MG_IPV4;
		const unsigned int width = mg_set_width(family);
		struct mg_set_view set = { .family = family, .name = name, .members = members };

		snprintf(name, sizeof(name), "mg%d-set%u", family == MG_IPV6 ? 6 : 4, round);
		set.count = tap_random(&state) % 600;
		for (i = 0; i < set.count; i++) {
			members[i] = (struct mg_set_member){ .prefix = (uint8_t)width };
			for (length = 0; length < width / 8; length++)
				members[i].address[length] = (uint8_t)tap_random(&state);
			if (round % 3)
				continue;
			members[i].prefix = (uint8_t)(tap_random(&state) % (width / 8) * 8);
			memset(members[i].address + members[i].prefix / 8, 0,
			       16 - members[i].prefix / 8U);
		}
		EXPECT_DONE(mg_sets_add(&sets, &set, NULL, &tap_error));
		EXPECT_DONE(mg_set_text_write(&sets, family, &text, &tap_error));
		EXPECT_DONE(
			mg_set_text_read(&again, family, "sets", text, strlen(text), &tap_error));
		free(text);
		text = NULL;
		mg_sets_at(&sets, mg_sets_find(&sets, family, name), &one);
		mg_sets_at(&again, mg_sets_find(&again, family, name), &other);
		EXPECT_IS(one.count, other.count);
		EXPECT(!one.count ||
		       memcmp(one.members, other.members, one.count * sizeof(*members)) == 0);
		EXPECT_TEXT(one.type, other.type);
		mg_sets_clear(&again);
		mg_sets_clear(&sets);
	}
	clean_up();
}

#define CREATE "create a hash:ip family inet\n"

static void wrong(void)
{
	static const char *const cases[][2] = {
		{ "destroy a\n", "sets:1: neither create nor add" },
		{ "\n\nadd a 192.0.2.1\n", "sets:3: add to another set than was created last" },
		{ CREATE "add b 192.0.2.1\n", "sets:2: add to another set than was created last" },
		{ CREATE "add a\n", "sets:2: add takes a set and one member" },
		{ CREATE "add a 192.0.2.1 timeout 5\n", "sets:2: add takes a set and one member" },
		{ CREATE "add a 192.0.2\n", "sets:2: not an address or network of family inet" },
		{ CREATE "add a 192.0.2.0/33\n",
		  "sets:2: not an address or network of family inet" },
		{ CREATE "add a 192.0.2.0/\n", "sets:2: not an address or network of family inet" },
		{ CREATE "add a 192.0.2.0/0024\n",
		  "sets:2: not an address or network of family inet" },
		{ CREATE "add a 192.0.2.0/-1\n",
		  "sets:2: not an address or network of family inet" },
		{ CREATE "add a 2001:db8::1\n",
		  "sets:2: not an address or network of family inet" },
		{ CREATE "add a 192.0.2.1/24\n",
		  "sets:1: set a: member 1 is no network of its family" },
		{ CREATE CREATE, "sets:2: a set that is there already" },
		{ "create\n", "sets:1: create without a name that a set can have, and a type" },
		{ "create a\n", "sets:1: create without a name that a set can have, and a type" },
		{ "create 12345678901234567890123456789012 hash:ip\n",
		  "sets:1: create without a name that a set can have, and a type" },
		{ "create a\033[m hash:ip\n",
		  "sets:1: create without a name that a set can have, and a type" },
		{ "create a hash:mac\n",
		  "sets:1: a set of another type than hash:ip and hash:net" },
		{ "create a hash:ip family inet6\n", "sets:1: a set of another family than inet" },
		{ "create a hash:ip family\n", "sets:1: an option without a value" },
		{ "create a hash:ip timeout 7\n",
		  "sets:1: an option that a set here has not, or no number" },
		{ "create a hash:ip maxelem x\n",
		  "sets:1: an option that a set here has not, or no number" },
		{ "create a b c d e f g h i j k l m n o p q r\n",
		  "sets:1: more words than a line has" },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		EXPECT_IS(read_text(cases[i][0], MG_IPV4), -EINVAL);
		EXPECT_TEXT(tap_error.text, cases[i][1]);
		EXPECT_IS(tap_error.status, MG_INVALID);
		mg_sets_clear(&sets);
	}
	EXPECT_IS(read_text("create a hash:ip\n", MG_IPV6), -EINVAL);
	EXPECT_TEXT(tap_error.text, "sets:1: a set of another family than inet6");
	clean_up();
}

/* Cut anywhere, with any byte in any place: read or refused, and never beyond its end. */
static void damaged(void)
{
	const size_t length = strlen(both_types);
	uint32_t state = 7, round;
	size_t i;

	for (i = 0; i <= length; i++) {
		char *part = malloc(i ? i : 1);

		if (!part)
			abort();
		memcpy(part, both_types, i);
		mg_set_text_read(&sets, MG_IPV4, "sets", part, i, &tap_error);
		mg_sets_clear(&sets);
		free(part);
	}
	for (round = 0; round < 20000; round++) {
		char *copy = strdup(both_types);

		if (!copy)
			abort();
		copy[tap_random(&state) % length] = (char)tap_random(&state);
		copy[tap_random(&state) % length] = (char)tap_random(&state);
		mg_set_text_read(&sets, MG_IPV4, "sets", copy, length, &tap_error);
		mg_sets_clear(&sets);
		free(copy);
	}
}

int main(void)
{
	tap_clean_up = clean_up;
	tap_run("writes sets as ipset restore reads them, and reads them again", round_trip);
	tap_run("knows IPv6", ipv6);
	tap_run("gives random sets back as they were", random_sets);
	tap_run("refuses what is wrong, with its line", wrong);
	tap_run("survives damage anywhere", damaged);
	return tap_end();
}
