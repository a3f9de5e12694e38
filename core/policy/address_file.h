/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files of addresses, one on each line.
 *
 * A line is an address, a network or a range FIRST-LAST, or `include FILE`; what
 * follows a # or a ; is a comment. Files lie where modules may lie, under the
 * same rules (modules.h). What a file holds is in no error: it may be one that
 * the reader of the error must not see. An error has the file's name, the
 * number of the line, and what kind of mistake it is.
 *
 * Must not know Lua, print or exit.
 */
#ifndef MG_ADDRESS_FILE_H
#define MG_ADDRESS_FILE_H

#include "address_list.h"
#include "sources.h"

/** Networks with bits beyond their prefix, which is worth a warning. */
struct mg_host_bits {
	size_t count;
	char first[512]; /* "FILE:LINE" of the first one */
};

/**
 * Read a file of addresses, and those that it includes, each once.
 * @sources:   what reads it; its folders are where it is looked for
 * @near:      the folder, relative to one of them, of the file that asks for it,
 *             "" for the search path's own folders: it is looked for there first
 * @path:      relative; or absolute, if it leads into one of those folders
 * @list:      to be added to; not folded
 * @host_bits: zeroed by the caller
 * Errors: MG_INVALID, also for a file that is not there (-ENOENT) or includes
 * itself; MG_ENVIRONMENT without memory.
 */
int mg_address_file_read(struct mg_sources *sources, const char *near, const char *path,
			 struct mg_address_list *list, struct mg_host_bits *host_bits,
			 struct mg_error *error);

#endif
