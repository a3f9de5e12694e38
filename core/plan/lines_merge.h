/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Telling two families together: the inside of lines.c.
 */
#ifndef MG_LINES_MERGE_H
#define MG_LINES_MERGE_H

#include "lines.h"

/** The same chain of two families, and the same happens to the chain itself? */
bool mg_sections_agree(const struct mg_section *a, const struct mg_section *b);

/** Merge @from's lines into @into's: equal ones become one line. 0 or -ENOMEM. */
int mg_lines_merge(struct mg_section *into, const struct mg_section *from);

#endif
