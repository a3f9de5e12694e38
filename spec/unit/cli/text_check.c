/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the program makes of text: the parts of an origin, and any bytes as a
 * JSON string. The program's own files are not in the library.
 */
#include "core/cli/json_text.c"
#include "core/cli/origin.c"
#include "spec/support/tap.h"

/* "file|line|helper|place" */
static const char *parts(const char *text)
{
	const struct origin origin = split_origin(text);
	static char out[256];

	snprintf(out, sizeof(out), "%.*s|%u|%s|%.*s", (int)origin.file_length,
		 origin.file ? origin.file : "", origin.line, origin.helper ? origin.helper : "",
		 (int)origin.place_length, origin.place ? origin.place : "");
	return out;
}

static void origins(void)
{
	EXPECT_TEXT(parts("policy.lua:12 allow_inbound"),
		    "policy.lua|12|allow_inbound|policy.lua:12");
	EXPECT_TEXT(parts("roles/web server.lua:3 append"),
		    "roles/web server.lua|3|append|roles/web server.lua:3");
	EXPECT_TEXT(parts("a:9 b.lua:10 block"), "a:9 b.lua|10|block|a:9 b.lua:10");
	EXPECT_TEXT(parts("policy.lua:12"), "policy.lua|12||policy.lua:12");
	EXPECT_TEXT(parts("my policy.lua:12"), "my policy.lua|12||my policy.lua:12");
}

static void without_place(void)
{
	EXPECT_TEXT(parts(""), "|0||");
	EXPECT_TEXT(parts("append"), "|0|append|");
	EXPECT_TEXT(parts("policy"), "|0|policy|");
	EXPECT_TEXT(parts(":12"), "|0|:12|");
	EXPECT_TEXT(parts("policy.lua:"), "|0|policy.lua:|");
	EXPECT_TEXT(parts("12"), "|0|12|");
	EXPECT_TEXT(parts("somewhere else"), "|0|somewhere else|");
}

static void string_is(const char *bytes, const char *wanted)
{
	json_t *string = json_text_of(bytes, strlen(bytes));
	char text[256] = "";

	if (string)
		snprintf(text, sizeof(text), "%s", json_string_value(string));
	json_decref(string);
	EXPECT_TEXT(text, wanted);
}

#define FFFD "\357\277\275"

static void valid(void)
{
	string_is("", "");
	string_is("plain \033[1m \177 text", "plain \033[1m \177 text");
	string_is("\302\200 \337\277", "\302\200 \337\277");
	string_is("\340\240\200 \355\237\277 \356\200\200 \357\277\277",
		  "\340\240\200 \355\237\277 \356\200\200 \357\277\277");
	string_is("\360\220\200\200 \364\217\277\277", "\360\220\200\200 \364\217\277\277");
}

static void invalid(void)
{
	string_is("\377", FFFD);
	string_is("a\200b", "a" FFFD "b");
	string_is("\300\257", FFFD FFFD);		    /* / in two bytes */
	string_is("\340\237\277", FFFD FFFD FFFD);	    /* too long a form */
	string_is("\355\240\200", FFFD FFFD FFFD);	    /* a surrogate */
	string_is("\360\217\277\277", FFFD FFFD FFFD FFFD); /* too long a form */
	string_is("\364\220\200\200", FFFD FFFD FFFD FFFD); /* above U+10FFFF */
	string_is("\365\200\200\200", FFFD FFFD FFFD FFFD);
	string_is("\303", FFFD); /* cut off */
	string_is("x\342\202", "x" FFFD FFFD);
	string_is("\342\202x\342\202\254", FFFD FFFD "x\342\202\254");
}

/* Whatever two bytes and then some: jansson must take it, and give it back valid. */
static void all_pairs(void)
{
	for (unsigned int pair = 1; pair < 0x10000; pair++) {
		const char bytes[] = { (char)(pair >> 8 ? pair >> 8 : 'x'), (char)(pair & 0xff),
				       (char)0x80, (char)0xbf, 'y' };
		json_t *string = json_text_of(bytes, sizeof(bytes)), *again;

		EXPECT(string != NULL);
		again = json_stringn(json_string_value(string), json_string_length(string));
		if (!again)
			tap_fail(__LINE__, "%02x %02x is not mended", pair >> 8, pair & 0xff);
		json_decref(again);
		json_decref(string);
	}
}

int main(void)
{
	tap_run("splits an origin, whatever its file is called", origins);
	tap_run("takes what has no place for a helper", without_place);
	tap_run("leaves valid UTF-8 as it is", valid);
	tap_run("replaces each byte that is no part of valid UTF-8", invalid);
	tap_run("mends any bytes so that they are valid", all_pairs);
	return tap_end();
}
