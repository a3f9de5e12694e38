/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as UTF-8 and back: what is UTF-8 stays, what is not comes back.
 */
#include "ruleset/byte_text.h"

#include <jansson.h>

#include "spec/support/tap.h"

/* There and back, by way of a library that takes nothing but UTF-8. */
static void comes_back(const char *bytes)
{
	char *text = mg_byte_text(bytes);
	json_t *string = json_string(text);

	EXPECT(text != NULL);
	EXPECT(string != NULL);
	mg_byte_text_undo(text);
	EXPECT_TEXT(text, bytes);
	json_decref(string);
	free(text);
}

static void text_is(const char *bytes, const char *wanted)
{
	char *text = mg_byte_text(bytes);

	EXPECT_TEXT(text, wanted);
	free(text);
	comes_back(bytes);
}

static void utf8_stays(void)
{
	static const char *const texts[] = {
		"",
		"plain",
		"a\tb\nc\x7f",
		"gr\303\274n",
		"\342\202\254",
		"\360\237\214\231",
		"\364\217\277\277",
		"\355\237\277\356\200\200\357\277\275",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		text_is(texts[i], texts[i]);
}

static void bytes_change(void)
{
	text_is("caf\351", "caf\356\277\251");
	text_is("\200", "\356\276\200");
	text_is("\377", "\356\277\277");
	/* a character cut short, one too long for its value, a surrogate, one beyond the last */
	text_is("\303", "\356\277\203");
	text_is("\303x", "\356\277\203x");
	text_is("\300\200", "\356\277\200\356\276\200");
	text_is("\355\240\200", "\356\277\255\356\276\240\356\276\200");
	text_is("\364\220\200\200", "\356\277\264\356\276\220\356\276\200\356\276\200");
	/* the characters that stand for bytes */
	text_is("\356\276\200", "\356\277\256\356\276\276\356\276\200");
}

/* All texts of up to three bytes, from those at which something changes. */
static void all_come_back(void)
{
	static const unsigned char edges[] = {
		0x01, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbc, 0xbe, 0xbf, 0xc0, 0xc1,
		0xc2, 0xdf, 0xe0, 0xed, 0xee, 0xef, 0xf0, 0xf3, 0xf4, 0xf5, 0xfe, 0xff,
	};
	const size_t count = sizeof(edges);

	for (size_t i = 0; i < count * count * count * count; i++) {
		const char bytes[] = {
			(char)edges[i % count],
			(char)edges[i / count % count],
			(char)edges[i / count / count % count],
			(char)edges[i / count / count / count],
			'\0',
		};

		comes_back(bytes);
		comes_back(bytes + 1);
		comes_back(bytes + 2);
		comes_back(bytes + 3);
		if (tap_reason[0])
			return;
	}
}

int main(void)
{
	tap_run("UTF-8 stays as it is", utf8_stays);
	tap_run("bytes that are not UTF-8 become characters", bytes_change);
	tap_run("whatever the bytes are, they come back", all_come_back);
	return tap_end();
}
