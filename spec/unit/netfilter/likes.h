/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules that are nearly alike, for the checks of what makes many of them quick:
 * a form whose places are filled with values that are plain, odd or wrong. A
 * seed gives the same rules everywhere.
 */
#ifndef SPEC_LIKES_H
#define SPEC_LIKES_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LIKES_MOST_WORDS = 40 };

/** A rule as the words that the compiler takes. */
struct like {
	char bytes[4096];
	uint32_t size, argc;
	const char *argv[LIKES_MOST_WORDS];
	char text[8192]; /* for a person */
};

static uint32_t likes_state;

/* MOONGATE_SEED repeats a run. */
static inline unsigned int likes_seed(void)
{
	const char *text = getenv("MOONGATE_SEED");
	unsigned int seed = text ? (unsigned int)strtoul(text, NULL, 10)
				 : (unsigned int)time(NULL) % 1000000;

	likes_state = seed * 2654435761U;
	return seed;
}

/* splitmix32, as in spec/support/generator.lua */
static inline uint32_t likes_next(void)
{
	uint32_t z = likes_state += 0x9e3779b9;

	z = (z ^ (z >> 16)) * 0x21f0aaad;
	z = (z ^ (z >> 15)) * 0x735a2d97;
	return z ^ (z >> 15);
}

static inline unsigned int likes_below(unsigned int limit)
{
	return likes_next() % limit;
}

#define LIKES_PICK(list) (list)[likes_below(sizeof(list) / sizeof(*(list)))]

static inline void like_begin(struct like *like)
{
	like->size = like->argc = 0;
	like->text[0] = '\0';
}

static inline void like_add(struct like *like, const char *word)
{
	const size_t length = strlen(word) + 1;

	if (like->argc == LIKES_MOST_WORDS || like->size + length > sizeof(like->bytes))
		abort();
	memcpy(like->bytes + like->size, word, length);
	like->argv[like->argc++] = like->bytes + like->size;
	like->size += (uint32_t)length;
	snprintf(like->text + strlen(like->text), sizeof(like->text) - strlen(like->text), "[%s]",
		 word);
}

static inline void like_add_all(struct like *like, const char *words)
{
	char copy[256];
	char *rest = copy, *word;

	snprintf(copy, sizeof(copy), "%s", words);
	while ((word = strsep(&rest, " ")))
		if (*word)
			like_add(like, word);
}

static inline const char *likes_address(bool v6)
{
	static const char *const plain[2][6] = {
		{ "10.0.0.1", "10.0.0.0/8", "192.0.2.0/24", "198.51.100.7/32", "10.9.8.7",
		  "203.0.113.0/255.255.255.0" },
		{ "2001:db8::1", "2001:db8::/32", "::1", "fd00::/8", "2001:db8::7/128",
		  "2001:db8:1::/48" },
	};
	static const char *const odd[] = {
		"0.0.0.0/0",
		"0.0.0.0",
		"10.0.0.1/0",
		"10.0.0.1/255.0.255.0",
		"10.0.0.1,10.0.0.2",
		"10.0.0.1/33",
		"10.0.0.300",
		"10.0.0",
		"010.0.0.1",
		"",
		" 10.0.0.1",
		"10.0.0.1 ",
		"10.0.0.1/",
		"10.0.0.1/8x",
		"localhost",
		"!10.0.0.1",
		"::/0",
		"::",
		"2001:db8::1/129",
		"::ffff:192.0.2.1",
		"fe80::1%lo",
		"2001:DB8::0:1",
		"2001:db8::1,::2",
		"10.0.0.1,10.0.0.300",
		"-s",
		"!",
		"2001:db8::1/ffff::",
		"10.0.0.1-10.0.0.9",
	};

	return likes_below(5) ? LIKES_PICK(plain[v6]) : LIKES_PICK(odd);
}

static inline const char *likes_port(void)
{
	static const char *const plain[] = { "22", "80", "1", "65535", "8443", "443" };
	static const char *const odd[] = { "0",	   "65536", "4294967318", "-1",	 "070",
					   "0x16", "22:23", "22:",	  ":22", "23:22",
					   "22 ",  " 22",   "",		  "ssh", "22x",
					   "+22",  "99999", "1:1",	  "!",	 "0:65535",
					   "00022" };

	return likes_below(5) ? LIKES_PICK(plain) : LIKES_PICK(odd);
}

static inline const char *likes_comment(void)
{
	static const char *const plain[] = { "web", "a b", "number 1", "x", "-j DROP", "100%" };
	static const char *const odd[] = { "",	     "it's",	  "say \"hi\"", "back\\slash",
					   "ümläut", "tab\there", "\x01",	"!",
					   "-j",     "-",	  "a\"",	"\\" };
	static char longer[301];
	static const unsigned int lengths[] = { 100, 254, 255, 256, 257, 300 };
	unsigned int length;

	if (likes_below(4))
		return LIKES_PICK(plain);
	if (likes_below(3))
		return LIKES_PICK(odd);
	length = LIKES_PICK(lengths);
	memset(longer, 'x', length);
	longer[length] = '\0';
	return longer;
}

/** One rule of a form, whose places are "@s" an address, "@p" a port, "@c" a comment. */
static inline void like_fill(struct like *like, const char *form, bool v6)
{
	char copy[512], word[512];
	char *rest = copy, *part, *place;

	like_begin(like);
	snprintf(copy, sizeof(copy), "%s", form);
	while ((part = strsep(&rest, " "))) {
		place = strchr(part, '@');
		if (!place) {
			like_add(like, part);
			continue;
		}
		/* "--source=@s" and "-s@s" are one word with the value in it */
		*place = '\0';
		snprintf(word, sizeof(word), "%s%s", part,
			 place[1] == 's'   ? likes_address(v6)
			 : place[1] == 'p' ? likes_port()
					   : likes_comment());
		like_add(like, word);
	}
}

#endif
