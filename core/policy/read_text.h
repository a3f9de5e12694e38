/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading a whole text, a policy's or a module's, into memory.
 */
#ifndef MG_READ_TEXT_H
#define MG_READ_TEXT_H

#include <stddef.h>
#include <stdio.h>

/**
 * Read the rest of @file; the caller closes it.
 * @largest: how many bytes there may be, or -EFBIG
 * @out:     to be freed; not ended by a NUL
 * Returns 0 or -errno; there are no words, since only the caller knows what it is.
 */
int mg_read_text(FILE *file, size_t largest, char **out, size_t *length);

/**
 * Put blanks over what lua(1) passes over at the start of a file: a mark of the
 * byte order, a line that begins with #. Lines keep their numbers.
 */
void mg_text_blank_start(char *text, size_t length);

#endif
