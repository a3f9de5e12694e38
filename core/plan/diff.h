/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What it takes to turn one image of a table into another.
 */
#ifndef MG_DIFF_H
#define MG_DIFF_H

#include "netfilter/table.h"

/** What becomes of a live entry. */
enum mg_fate { MG_REMOVED, MG_KEPT, MG_MOVED };

struct mg_diff {
	struct mg_source *sources; /* for each wanted entry; see netfilter/table.h */
	uint8_t *fates;		   /* for each live entry: enum mg_fate */
	size_t added, removed, moved, kept;
	size_t chains_added, chains_removed, policies_changed;
};

/**
 * Compare. Two rules are the same if mg_entry_equal() says so; a rule moves
 * only within its chain.
 */
int mg_diff_make(const struct mg_image *live, const struct mg_image *wanted, struct mg_diff **out,
		 struct mg_error *error);
void mg_diff_free(struct mg_diff *diff);

/** Is there nothing to do? */
bool mg_diff_is_empty(const struct mg_diff *diff);

#endif
