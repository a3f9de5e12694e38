/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addresses as texts, and folding: against a map of every single address, and
 * against the fewest networks that can be.
 */
#include "policy/address_list.h"

#include <arpa/inet.h>
#include <errno.h>
#include <time.h>

#include "ruleset/set_text.h"
#include "spec/support/tap.h"

static struct mg_address_list list;

static uint32_t next_random(void)
{
	static uint32_t state = 2463534242U;

	return tap_random(&state);
}

static int add(const char *text)
{
	return mg_address_list_add(&list, text, strlen(text), NULL, NULL);
}

/* All networks of both families, folded, parted by blanks; and clear the list. */
static const char *folded(void)
{
	static char out[4096];
	struct mg_set_member network;
	char text[64];
	size_t used = 0;
	int family;

	mg_address_list_fold(&list);
	*out = '\0';
	for (family = 0; family < MG_FAMILIES; family++) {
		struct mg_address_walk walk = { .family = (enum mg_family)family };

		while (mg_address_list_next(&list, &walk, &network) && used < sizeof(out) - 80) {
			mg_set_network_text(walk.family, &network, text);
			used += (size_t)sprintf(out + used, "%s%s", used ? " " : "", text);
		}
	}
	mg_address_list_clear(&list);
	return out;
}

static const char *fold_of(const char *const *texts)
{
	for (; *texts; texts++)
		if (add(*texts))
			return *texts;
	return folded();
}

#define FOLD(...) fold_of((const char *const[]){ __VA_ARGS__, NULL })

static void test_forms(void)
{
	EXPECT_TEXT(FOLD("192.0.2.1", "192.0.2.64/26", "198.51.100.0/255.255.255.0",
			 "2001:DB8:0::1", "2001:db8:1::/48"),
		    "192.0.2.1/32 192.0.2.64/26 198.51.100.0/24 2001:db8::1/128 2001:db8:1::/48");
	EXPECT_TEXT(FOLD("0.0.0.0/0", "::/0"), "0.0.0.0/0 ::/0");
	EXPECT_TEXT(FOLD("255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
		    "255.255.255.255/32 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128");
	EXPECT_TEXT(FOLD("::ffff:192.0.2.1"), "::ffff:192.0.2.1/128");
}

static void test_host_bits(void)
{
	bool host_bits = false;

	EXPECT_DONE(mg_address_list_add(&list, "10.0.0.0/8", 10, &host_bits, NULL));
	EXPECT(!host_bits);
	EXPECT_DONE(mg_address_list_add(&list, "10.0.0.5/8", 10, &host_bits, NULL));
	EXPECT(host_bits);
	EXPECT_TEXT(folded(), "10.0.0.0/8");
}

static void test_ranges(void)
{
	EXPECT_TEXT(FOLD("10.0.0.7-10.0.0.19"), "10.0.0.7/32 10.0.0.8/29 10.0.0.16/30");
	EXPECT_TEXT(FOLD("10.0.0.0 - 10.0.0.255"), "10.0.0.0/24");
	EXPECT_TEXT(FOLD("0.0.0.0-255.255.255.255", "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
		    "0.0.0.0/0 ::/0");
	EXPECT_TEXT(FOLD("255.255.255.254-255.255.255.255"), "255.255.255.254/31");
	EXPECT_TEXT(FOLD("2001:db8::1-2001:db8::2"), "2001:db8::1/128 2001:db8::2/128");
	EXPECT_TEXT(FOLD("10.0.0.1-10.0.0.1"), "10.0.0.1/32");
}

static void test_folding(void)
{
	EXPECT_TEXT(FOLD("10.0.0.1", "10.0.0.0", "10.0.0.1"), "10.0.0.0/31");
	EXPECT_TEXT(FOLD("10.0.0.2", "10.0.0.1"), "10.0.0.1/32 10.0.0.2/32");
	EXPECT_TEXT(FOLD("10.1.2.3", "10.0.0.0/8", "10.9.0.0/16"), "10.0.0.0/8");
	EXPECT_TEXT(FOLD("128.0.0.0/1", "0.0.0.0/1", "8000::/1", "::/1"), "0.0.0.0/0 ::/0");
	EXPECT_TEXT(FOLD("2001:db8:8000::/33", "2001:db8::/33"), "2001:db8::/32");
	EXPECT_TEXT(folded(), "");
}

static void test_mistakes(void)
{
	static const char *const bad[] = {
		"",
		" ",
		"10.0.0",
		"10.0.0.256",
		"010.0.0.1",
		"10.0.0.1/",
		"10.0.0.1/33",
		"10.0.0.1/-1",
		"10.0.0.1/+8",
		"10.0.0.1/8 ",
		"10.0.0.0/255.0.255.0",
		"10.0.0.0/0x8",
		"2001:db8::/129",
		"2001:db8::/255.0.0.0",
		"2001:db8:::",
		"fe80::1%eth0",
		"example.org",
		"localhost/32",
		"!10.0.0.1",
		"10.0.0.9-10.0.0.1",
		"10.0.0.1-2001:db8::1",
		"10.0.0.1-",
		"-10.0.0.1",
		"10.0.0.0/8-10.0.0.9",
		"10.0.0.1-10.0.0.2-10.0.0.3",
		"10.0.0.1 10.0.0.2",
		"10.0.0.0/8888",
		"99999999999999999999",
		"a-b",
		"x-1.example.org",
	};
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		const char *wrong = NULL;

		if (mg_address_list_add(&list, bad[i], strlen(bad[i]), NULL, &wrong) != -EINVAL ||
		    !wrong || (strlen(bad[i]) > 1 && strstr(wrong, bad[i]))) {
			tap_fail(__LINE__, "[%s]: %s", bad[i], wrong ? wrong : "no words");
			return;
		}
	}
	EXPECT_IS(mg_address_list_add(&list, "10.0.0.1\0x", 10, NULL, NULL), -EINVAL);
	EXPECT_TEXT(folded(), "");
}

static void test_random_bytes(void)
{
	static const char letters[] = "0123456789abcdef:./-% \tx";
	char text[160];
	int round;

	for (round = 0; round < 200000; round++) {
		const size_t length = next_random() % sizeof(text);
		const char *wrong = NULL;
		size_t i;
		int err;

		for (i = 0; i < length; i++)
			text[i] = round % 4 ? letters[next_random() % (sizeof(letters) - 1)]
					    : (char)next_random();
		err = mg_address_list_add(&list, text, length % (round % 3 ? 12 : sizeof(text)),
					  NULL, &wrong);
		EXPECT(!err || (err == -EINVAL && wrong));
	}
	mg_address_list_clear(&list);
}

enum { SPAN = 1024 };

/* How few aligned blocks cover exactly what is set in map[first..first+size)? */
static int fewest(const bool *map, int size)
{
	int i, count = 0;

	for (i = 0; i < size; i++)
		count += map[i];
	if (count == size || !count || size == 1)
		return count == size;
	return fewest(map, size / 2) + fewest(map + size / 2, size / 2);
}

/* Some networks and ranges in 10.0.0.0/22, at @base. */
static void add_some(bool *map, const char *(*name)(uint32_t, char *))
{
	int count = 1 + (int)(next_random() % 60);

	while (count--) {
		uint32_t first = next_random() % SPAN, size = 1U << next_random() % 6, i;
		char one[64], other[64], text[160];

		if (next_random() % 2) {
			first -= first % size;
		} else {
			size = next_random() % 40 + 1;
			size = first + size > SPAN ? SPAN - first : size;
		}
		for (i = first; i < first + size; i++)
			map[i] = true;
		sprintf(text, "%s-%s", name(first, one), name(first + size - 1, other));
		if (add(text))
			tap_fail(__LINE__, "%s is refused", text);
	}
}

static const char *name_ipv4(uint32_t number, char *out)
{
	sprintf(out, "10.0.%u.%u", number >> 8, number & 255);
	return out;
}

static const char *name_ipv6(uint32_t number, char *out)
{
	sprintf(out, "2001:db8::ffff:%x", number);
	return out;
}

static void check_random(enum mg_family family, const char *(*name)(uint32_t, char *))
{
	int round;

	for (round = 0; round < 500; round++) {
		struct mg_address_walk walk = { .family = family };
		bool map[SPAN] = { false }, found[SPAN] = { false };
		struct mg_set_member network;
		int count = 0;

		add_some(map, name);
		mg_address_list_fold(&list);
		while (mg_address_list_next(&list, &walk, &network)) {
			const unsigned char *bytes = network.address;
			int size, first, i = family == MG_IPV6 ? 16 : 4;

			first = (bytes[i - 2] << 8 | bytes[i - 1]) % SPAN;
			size = 1 << ((family == MG_IPV6 ? 128 : 32) - network.prefix);
			for (i = first; i < first + size; i++) {
				EXPECT(!found[i]);
				found[i] = true;
			}
			count++;
		}
		mg_address_list_clear(&list);
		EXPECT(memcmp(map, found, sizeof(map)) == 0);
		EXPECT_IS(count, fewest(map, SPAN));
	}
}

static void test_random_ipv4(void)
{
	check_random(MG_IPV4, name_ipv4);
}

static void test_random_ipv6(void)
{
	check_random(MG_IPV6, name_ipv6);
}

static void test_speed(void)
{
	struct timespec start, end;
	char text[64];
	int i;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
	for (i = 0; i < 100000; i++) {
		uint32_t random = next_random();

		sprintf(text, "%u.%u.%u.%u", random >> 24, random >> 16 & 255, random >> 8 & 255,
			random & 255);
		EXPECT_DONE(add(text));
	}
	folded();
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	EXPECT((end.tv_sec - start.tv_sec) * 1000 + (end.tv_nsec - start.tv_nsec) / 1000000 < 1000);
}

int main(void)
{
	tap_run("takes addresses, networks and masks of both families", test_forms);
	tap_run("tells bits beyond a prefix", test_host_bits);
	tap_run("takes ranges", test_ranges);
	tap_run("leaves out what is there twice and puts neighbours together", test_folding);
	tap_run("refuses all else, without saying it again", test_mistakes);
	tap_run("takes or refuses any bytes", test_random_bytes);
	tap_run("folds to the same addresses in the fewest networks, IPv4", test_random_ipv4);
	tap_run("folds to the same addresses in the fewest networks, IPv6", test_random_ipv6);
	tap_run("takes 100,000 in less than a second", test_speed);
	return tap_end();
}
