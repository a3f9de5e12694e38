/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The lock file of modules: what is read is what was written, what is wrong is
 * told by its line, and other bytes are refused.
 */
#include "policy/pins.h"

#include <errno.h>

#include "spec/support/tap.h"

#define SUM_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SUM_B "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct mg_pins pins = { .path = "x/moongate.lock", .policy = "x/p.lua" };

static int parse(const char *text, size_t length)
{
	mg_pins_clear(&pins);
	return mg_pins_parse(&pins, text, length, &tap_error);
}

/* The text without its two lines of comment. */
static const char *written(void)
{
	static char out[4096];
	char *text;
	int i;

	if (mg_pins_write(&pins, &text))
		return "no memory";
	snprintf(out, sizeof(out), "%s", text);
	free(text);
	for (text = out, i = 0; i < 2; i++)
		text = strchr(text, '\n') + 1;
	return text;
}

static void test_round_trip(void)
{
	static const char given[] = "# c\r\n\n roles.web\t" SUM_A " # c\r\nbase " SUM_B
				    "\n \na_b.c-d " SUM_A;
	static const char wanted[] = "a_b.c-d " SUM_A "\nbase " SUM_B "\nroles.web " SUM_A "\n";

	EXPECT_DONE(parse(given, sizeof(given) - 1));
	EXPECT_TEXT(written(), wanted);
	EXPECT_DONE(parse(wanted, sizeof(wanted) - 1));
	EXPECT_TEXT(written(), wanted);
	EXPECT(mg_pins_find(&pins, "base") && !mg_pins_find(&pins, "bas"));
	EXPECT_DONE(parse("", 0));
	EXPECT_TEXT(written(), "");
}

static void test_mistakes(void)
{
	static const struct {
		const char *text, *what;
	} cases[] = {
		{ "roles/web " SUM_A, "1: a line begins with the name of a module" },
		{ "\n.web " SUM_A, "2: a line begins with the name of a module" },
		{ "roles. " SUM_A, "1: a line begins with the name of a module" },
		{ "web", "1: behind the name there is no SHA-256" },
		{ "a " SUM_A "\nweb " SUM_A "a", "2: behind the name there is no SHA-256" },
		{ "web AAAA", "1: behind the name there is no SHA-256" },
		{ "web " SUM_A " " SUM_A, "1: there is more on the line" },
		{ "a " SUM_A "\nb " SUM_A "\na " SUM_B, "3: the module has been on a line before" },
		{ "<<<<<<< HEAD", "1: a line begins with the name of a module" },
		{ "{\"a\": 1}", "1: a line begins with the name of a module" },
	};
	char wanted[200];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		EXPECT_IS(parse(cases[i].text, strlen(cases[i].text)), -EINVAL);
		EXPECT_IS(tap_error.status, MG_INVALID);
		snprintf(wanted, sizeof(wanted), "x/moongate.lock:%s", cases[i].what);
		tap_error.text[strlen(wanted)] = '\0';
		EXPECT_TEXT(tap_error.text, wanted);
	}
	EXPECT_IS(parse("a\0b", 3), -EINVAL);
	EXPECT_TEXT(tap_error.text, "x/moongate.lock: holds a NUL byte");
}

static void test_checks(void)
{
	static const char text[] = "roles.web " SUM_A "\n";
	char other[] = SUM_A;

	EXPECT_DONE(parse(text, sizeof(text) - 1));
	EXPECT_DONE(mg_pins_check(&pins, "roles.web", "/m", SUM_A, &tap_error));
	other[63] = 'b'; /* the last digit counts */
	EXPECT(mg_pins_check(&pins, "roles.web", "/m", other, &tap_error) < 0);
	EXPECT(mg_pins_check(&pins, "roles.web", "/m", SUM_B, &tap_error) < 0);
	EXPECT_IS(tap_error.status, MG_INVALID);
	EXPECT_TEXT(tap_error.text,
		    "/m is not the module that x/moongate.lock pins: its SHA-256 is "
		    "0123456789ab..., and not aaaaaaaaaaaa.... If the change is wanted, read it, "
		    "then run `moongate lock x/p.lua'");
	EXPECT(mg_pins_check(&pins, "roles", "/m", SUM_A, &tap_error) < 0);
	EXPECT_TEXT(tap_error.text, "/m is not pinned: x/moongate.lock does not have it. If it is "
				    "wanted, read it, then run `moongate lock x/p.lua'");
}

static void test_names(void)
{
	mg_pins_clear(&pins);
	EXPECT_DONE(mg_pins_add(&pins, "roles.web-2_x", SUM_A));
	EXPECT_IS(mg_pins_add(&pins, "a\nroles.web " SUM_B "\nb", SUM_A), -EINVAL);
	EXPECT_IS(mg_pins_add(&pins, "a b", SUM_A), -EINVAL);
	EXPECT_IS(mg_pins_add(&pins, "#", SUM_A), -EINVAL);
	EXPECT_IS(mg_pins_add(&pins, "", SUM_A), -EINVAL);
	EXPECT_TEXT(written(), "roles.web-2_x " SUM_A "\n");
}

static void test_random_bytes(void)
{
	static const char letters[] = "ab.-_ \t\r\n#019f";
	uint32_t state = 2463534242U;
	char text[300];
	int round;
	size_t i;

	for (round = 0; round < 20000; round++) {
		for (i = 0; i < sizeof(text); i++) {
			tap_random(&state);
			text[i] = round % 4 ? letters[state % (sizeof(letters) - 1)] : (char)state;
		}
		EXPECT(parse(text, state % sizeof(text)) <= 0);
	}
}

int main(void)
{
	tap_run("is read as it was written, in order", test_round_trip);
	tap_run("tells a mistake by line and kind", test_mistakes);
	tap_run("refuses other bytes, and what it does not have", test_checks);
	tap_run("takes no name that is more than one", test_names);
	tap_run("takes or refuses any bytes", test_random_bytes);
	mg_pins_clear(&pins);
	return tap_end();
}
