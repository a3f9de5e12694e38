/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A table as lines, both ways: as `iptables -S` prints it, which is also what
 * one would type behind `iptables` to make it.
 *
 * Owns what it makes. Must not touch the kernel.
 */
#ifndef MG_LISTING_H
#define MG_LISTING_H

#include "image.h"

/** Zero-initialise; end with mg_listing_clear(). */
struct mg_listing {
	const char **lines;
	size_t count, capacity;
	struct mg_arena arena;
};

void mg_listing_clear(struct mg_listing *listing);

/** Add a copy of a line. */
int mg_listing_add(struct mg_listing *listing, const char *line, struct mg_error *error);

/** "-P INPUT DROP" for the policies, "-N USER" for user chains, then "-A INPUT ..." for rules. */
int mg_listing_write(const struct mg_image *image, struct mg_listing *listing,
		     struct mg_error *error);

/**
 * Compile such lines into an image. A built-in chain that none of them names is
 * empty and has the policy ACCEPT; ":INPUT DROP [0:0]", as iptables-save has it,
 * is understood, too.
 * Errors: MG_INVALID with the number of the line.
 */
int mg_listing_read(enum mg_family family, const char *table, const struct mg_listing *listing,
		    struct mg_image **out, struct mg_error *error);

#endif
