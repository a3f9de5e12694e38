/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The form that the lock files beside a policy have in common: lines of words,
 * with comments from a "#" on.
 *
 * Owns nothing. Must not know what the words mean, or touch files.
 */
#ifndef MG_LOCK_LINES_H
#define MG_LOCK_LINES_H

#include <moongate.h>

/** Between two words of a line, for strtok_r(3). */
#define MG_LOCK_BLANKS " \t\r"

/**
 * Go through the lines that say anything.
 * @file: its name, for words
 * @take: gets the first word, and where strtok_r(3) goes on for the others.
 *        Returns what kind of mistake the line is, or NULL; -ENOMEM in @err.
 * Errors: MG_INVALID, "FILE:LINE: " and what @take says; MG_ENVIRONMENT without memory.
 */
int mg_lock_lines(const char *file, const char *text, size_t length,
		  const char *(*take)(void *context, char *word, char **rest, int *err),
		  void *context, struct mg_error *error);

#endif
