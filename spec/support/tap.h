/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the C programs of the unit specs have in common: cases that are
 * functions, expectations that end a case, and a line for each as in TAP.
 * spec/support/c_program.lua compiles, runs and reads them.
 */
#ifndef SPEC_TAP_H
#define SPEC_TAP_H

#include <moongate.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int tap_cases, tap_failures;
static char tap_reason[4096]; /* why the case that runs has failed, or "" */
static char tap_skipped[256]; /* why it cannot be tried here, or "" */

/** What a case that failed may have left is put away by this, if set. */
static void (*tap_clean_up)(void);

/** The words of the last failure, for calls in expectations. */
static struct mg_error tap_error;

/** The first reason counts: what follows comes of it. */
__attribute__((format(printf, 2, 3))) static inline void tap_fail(int line, const char *format, ...)
{
	char text[3072];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (tap_reason[0] == '\0')
		snprintf(tap_reason, sizeof(tap_reason), "line %d: %s", line, text);
}

#define EXPECT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			tap_fail(__LINE__, "not so: %s", #condition);                              \
			return;                                                                    \
		}                                                                                  \
	} while (0)

#define EXPECT_IS(value, wanted)                                                                   \
	do {                                                                                       \
		long long value_ = (long long)(value), wanted_ = (long long)(wanted);              \
                                                                                                   \
		if (value_ != wanted_) {                                                           \
			tap_fail(__LINE__, "%s is %lld, not %s (%lld); last error: %s", #value,    \
				 value_, #wanted, wanted_, tap_error.text);                        \
			return;                                                                    \
		}                                                                                  \
	} while (0)

#define EXPECT_TEXT(value, wanted)                                                                 \
	do {                                                                                       \
		const char *value_ = (value), *wanted_ = (wanted);                                 \
                                                                                                   \
		if (!value_ || strcmp(value_, wanted_) != 0) {                                     \
			tap_fail(__LINE__, "%s is [%s], not [%s]", #value,                         \
				 value_ ? value_ : "(null)", wanted_);                             \
			return;                                                                    \
		}                                                                                  \
	} while (0)

#define EXPECT_DONE(call) EXPECT_IS(call, 0)

/** Leave a case that cannot be tried here. */
#define SKIP(why)                                                                                  \
	do {                                                                                       \
		snprintf(tap_skipped, sizeof(tap_skipped), "%s", why);                             \
		return;                                                                            \
	} while (0)

/** xorshift32: the same numbers everywhere. @state: not 0, and the last number then. */
static inline uint32_t tap_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

/* Names and reasons may have several lines; here each has one. */
static inline void tap_print(const char *text)
{
	for (; *text; text++) {
		if (*text == '\n')
			fputs(" | ", stdout);
		else if ((unsigned char)*text < ' ')
			printf("\\x%02x", *text);
		else
			putchar(*text);
	}
}

/** Say how the case that has just run ended. */
static inline void tap_report(const char *what)
{
	tap_cases++;
	tap_failures += tap_reason[0] != '\0';
	printf("%sok %d - ", tap_reason[0] ? "not " : "", tap_cases);
	tap_print(what);
	if (tap_reason[0])
		printf(": ");
	else if (tap_skipped[0])
		printf(" # SKIP ");
	tap_print(tap_reason[0] ? tap_reason : tap_skipped);
	putchar('\n');
	fflush(stdout); /* before anything forks */
	tap_reason[0] = tap_skipped[0] = '\0';
	tap_error.text[0] = '\0';
}

static inline void tap_run(const char *what, void (*test)(void))
{
	test();
	if (tap_reason[0] && tap_clean_up)
		tap_clean_up();
	tap_report(what);
}

/** The end of main(). */
static inline int tap_end(void)
{
	printf("1..%d\n", tap_cases);
	fflush(stdout);
	return tap_failures != 0;
}

#endif
