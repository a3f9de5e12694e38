/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parts of an origin ("file:line helper") and of a note's place ("file:line").
 */
#ifndef MG_CLI_ORIGIN_H
#define MG_CLI_ORIGIN_H

#include <stddef.h>

/** Points into the text that was split; a part that is not there is NULL or 0. */
struct origin {
	const char *file;
	size_t file_length;
	unsigned int line;
	const char *helper; /* to the text's end */
	const char *place;  /* "file:line", place_length long */
	size_t place_length;
};

/** A file's name may hold spaces and colons, a helper's may not. */
struct origin split_origin(const char *text);

#endif
