/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A ruleset on its way from a confined process to the one that acts on it.
 *
 * Being flat, it crosses as it lies in memory: whole areas, no loop over the
 * rules. Whoever sent it may be an enemy, so the other side goes over every
 * record before the first one is used: offsets, counts, order, names, ends of
 * strings, and no control characters, which would be commands to a terminal.
 *
 * Must not touch the kernel, libxtables or Lua.
 */
#ifndef MG_CROSSING_H
#define MG_CROSSING_H

#include "ruleset.h"

enum mg_area {
	MG_AREA_STRINGS,
	MG_AREA_CHAINS,
	MG_AREA_RULES,
	MG_AREA_MEMBERS, /* of all sets */
	MG_AREA_REST,	 /* a parcel: sets, and what is kept */
	MG_AREAS,
};

/** Zero-initialise; end with mg_crossing_clear(). */
struct mg_crossing {
	struct {
		void *bytes;
		size_t size;
		bool borrowed; /* from a ruleset, which stays as it is meanwhile */
	} areas[MG_AREAS];
};

void mg_crossing_clear(struct mg_crossing *crossing);

/** The largest size that an area can have; what says more is not even read. */
size_t mg_crossing_most(enum mg_area area);

/** Make a sealed ruleset ready to cross. Errors: MG_ENVIRONMENT, without memory. */
int mg_ruleset_leave(const struct mg_ruleset *ruleset, struct mg_crossing *out,
		     struct mg_error *error);

/**
 * Make a sealed ruleset of what has arrived; its areas were allocated, and some
 * are taken over.
 * Errors: MG_INVALID, with what is forged and where; MG_ENVIRONMENT.
 */
int mg_ruleset_arrive(struct mg_crossing *crossing, struct mg_ruleset **out,
		      struct mg_error *error);

/**
 * Where in @text is the first control character, or @length if it has none? Those
 * of ASCII but NUL and tab, DEL, and those of Unicode as UTF-8.
 */
size_t mg_find_control(const char *text, size_t length);

#endif
