/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A table as the kernel gives it, to be kept outside of this process for the
 * time of one boot: its entries byte by byte, with their counters, and the
 * names of the sets that they look up, since their indices may be others' later.
 */
#ifndef MG_TABLE_COPY_H
#define MG_TABLE_COPY_H

#include "image.h"

/** What belongs into a file: one behind the other, both of whole words, or empty. */
struct mg_table_copy {
	void *head;
	size_t head_size;
	void *body; /* as the kernel gave it: owns the entries */
	const void *entries;
	size_t entries_size;
};

/**
 * Copy a table of the network namespace that the process is in. One that does
 * not exist there is not created, and has an empty copy.
 * Errors: MG_ENVIRONMENT, MG_KERNEL.
 */
int mg_table_copy(enum mg_family family, const char *table, struct mg_table_copy *out,
		  struct mg_error *error);
void mg_table_copy_clear(struct mg_table_copy *copy);

/**
 * The table that a copy is of. No byte of it is believed.
 * @bytes: head and entries; @size 0: the table was absent
 * Errors: MG_KERNEL: it makes no sense.
 */
int mg_table_from_copy(enum mg_family family, const char *table, const void *bytes, size_t size,
		       struct mg_image **out, struct mg_error *error);

#endif
