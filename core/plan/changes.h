/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What it takes to turn one image of a table into another, step by step as one
 * would type it. Texts are copied: the images may go.
 */
#ifndef MG_CHANGES_H
#define MG_CHANGES_H

#include "netfilter/image.h"

enum mg_change_kind {
	MG_CHANGE_NEW_CHAIN,
	MG_CHANGE_POLICY,
	MG_CHANGE_REMOVE,
	MG_CHANGE_ADD,
	MG_CHANGE_MOVE,
	MG_CHANGE_DELETE_CHAIN,
};

struct mg_change {
	enum mg_change_kind kind;
	const char *chain;
	const char *text;   /* of a rule; of a policy: the new one */
	const char *before; /* of a policy: the old one */
	uint32_t number;    /* add, move: where the rule is afterwards, from 1 */
	uint32_t from;	    /* remove, move: where it was */
};

/** Zero-initialise; end with mg_changes_clear(). */
struct mg_changes {
	struct mg_change *items;
	size_t count, capacity;
	struct mg_arena arena;
};

void mg_changes_clear(struct mg_changes *changes);

/**
 * Compare two images of one table of one family, as mg_diff_make() does. New
 * chains come first and chains that go last; in between chain by chain the
 * policy, what goes, and what comes.
 */
int mg_changes_make(const struct mg_image *live, const struct mg_image *wanted,
		    struct mg_changes *changes, struct mg_error *error);

#endif
