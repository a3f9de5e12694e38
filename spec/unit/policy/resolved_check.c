/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The lock file of names: what is read is what was written, and what is wrong
 * is told without being said again.
 */
#include "policy/resolved.h"

#include <errno.h>

#include "spec/support/tap.h"

static struct mg_resolved resolved;

static int parse(const char *text, size_t length)
{
	mg_resolved_clear(&resolved);
	return mg_resolved_parse("x.resolved", text, length, &resolved, &tap_error);
}

/* The text without its two lines of comment. */
static const char *written(void)
{
	static char out[4096];
	char *text;
	int i;

	if (mg_resolved_write(&resolved, "x.lua", &text))
		return "no memory";
	snprintf(out, sizeof(out), "%s", text);
	free(text);
	for (text = out, i = 0; i < 2; i++)
		text = strchr(text, '\n') + 1;
	return text;
}

static void test_round_trip(void)
{
	static const char given[] =
		"# c\r\n\n b.example.org 2001:DB8::1\t192.0.2.10 192.0.2.9 # c\r\n"
		"a_1.example.org  10.0.0.1 10.0.0.1\n \nz 255.255.255.255 ::";
	static const char wanted[] = "a_1.example.org 10.0.0.1\n"
				     "b.example.org 192.0.2.9 192.0.2.10 2001:db8::1\n"
				     "z 255.255.255.255 ::\n";

	EXPECT_DONE(parse(given, sizeof(given) - 1));
	EXPECT_TEXT(written(), wanted);
	EXPECT_DONE(parse(wanted, sizeof(wanted) - 1));
	EXPECT_TEXT(written(), wanted);
	EXPECT(mg_resolved_find(&resolved, "z") && !mg_resolved_find(&resolved, "y"));
	EXPECT_DONE(parse("", 0));
	EXPECT_TEXT(written(), "");
}

static void test_mistakes(void)
{
	static const struct {
		const char *line, *what;
	} cases[] = {
		{ "Secret.example.org 192.0.2.1", "a line begins with a name, in lower case" },
		{ "secret.example.org. 192.0.2.1", "a line begins with a name, in lower case" },
		{ "secret:x:1", "a line begins with a name, in lower case" },
		{ "secret", "the name has no address" },
		{ "a 192.0.2.7", "the name has been on a line before" },
		{ "secret 192.0.2.777",
		  "what stands behind a name is not an IPv4 or IPv6 address" },
		{ "secret 192.0.2.0/24",
		  "what stands behind a name is not an IPv4 or IPv6 address" },
		{ "secret 192.0.2.1,192.0.2.2",
		  "what stands behind a name is not an IPv4 or IPv6 address" },
	};
	char text[256], wanted[256];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		snprintf(text, sizeof(text), "a 192.0.2.1\n\n%s\n", cases[i].line);
		snprintf(wanted, sizeof(wanted), "x.resolved:3: %s", cases[i].what);
		EXPECT_IS(parse(text, strlen(text)), -EINVAL);
		EXPECT_TEXT(tap_error.text, wanted);
		EXPECT_IS(tap_error.status, MG_INVALID);
	}
	EXPECT_IS(parse("a 192.0.2.1\0x", 13), -EINVAL);
	memset(text, 'a', sizeof(text));
	memcpy(text + 254, " 1", 2);
	EXPECT_IS(parse(text, sizeof(text)), -EINVAL);
	EXPECT_TEXT(tap_error.text, "x.resolved:1: a line begins with a name, in lower case");
}

static void test_many(void)
{
	char text[32 * 1024];
	size_t used = 0;
	int i;

	for (i = 0; i < 1001; i++)
		used += (size_t)sprintf(text + used, "host%d 10.0.%d.%d\n", i, i / 250, i % 250);
	EXPECT_IS(parse(text, used), -EINVAL);
	EXPECT_TEXT(tap_error.text, "x.resolved:1001: more than 1,000 names");
}

static void test_random_bytes(void)
{
	static const char letters[] = "ab.-_ \t\r\n#:1249/";
	uint32_t state = 2463534242U;
	char text[200];
	int round;
	size_t i;

	for (round = 0; round < 50000; round++) {
		for (i = 0; i < sizeof(text); i++) {
			tap_random(&state);
			text[i] = round % 4 ? letters[state % (sizeof(letters) - 1)] : (char)state;
		}
		EXPECT(parse(text, state % sizeof(text)) <= 0);
	}
	mg_resolved_clear(&resolved);
}

int main(void)
{
	tap_run("is read as it was written, in order", test_round_trip);
	tap_run("tells a mistake by line and kind", test_mistakes);
	tap_run("is bounded", test_many);
	tap_run("takes or refuses any bytes", test_random_bytes);
	mg_resolved_clear(&resolved);
	return tap_end();
}
