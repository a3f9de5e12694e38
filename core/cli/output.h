/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How the CLI speaks: data to stdout, everything else to stderr.
 */
#ifndef MG_CLI_OUTPUT_H
#define MG_CLI_OUTPUT_H

#include "options.h"

enum style { PLAIN, ADDED, REMOVED, MOVED, FAINT, STRONG };

/** Begin and end a style on stdout; nothing without colour. */
void style(const struct options *options, enum style style);

/** Print "file:line helper" as "helper  file:line", faintly. */
void print_origin(const struct options *options, const char *origin);

/** A number of bytes for a person: "6 kB", in at most 15 characters. */
const char *human_bytes(uint64_t bytes, char text[16]);

/** Pad what was printed (@width columns) up to @column, at least two spaces. */
void pad(int width, int column);

/** Columns that UTF-8 @text takes, all characters being one wide. */
int text_width(const char *text);

/**
 * Print what a policy, a file or somebody else's rule says to stdout: a question mark for
 * each character that a terminal would obey.
 */
void print_plain(const char *text);

/** "1 rule", "2 rules". */
const char *plural(size_t count, const char *one, const char *many);

/** Notes from index @first on to stderr, as -q and -v want them. Returns how many there are. */
size_t print_notes(const struct options *options, const struct mg_notes *notes, size_t first);

/** "moongate: ..." to stderr; returns the exit code. */
int print_error(const struct mg_error *error);

/** A remark to stderr, unless -q. */
void remark(const struct options *options, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/** Make sure that all of stdout arrived: returns @code, or MG_ENVIRONMENT. */
int finish_output(int code);

#endif
