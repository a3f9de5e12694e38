/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When are two rules the same? Bytes alone do not tell: names are followed by
 * stale bytes, the kernel writes into some extensions' data, and jumps are
 * offsets.
 */
#ifndef MG_EQUAL_H
#define MG_EQUAL_H

#include "image.h"

/** A hash that is equal for equal rules; entry->target is part of it. */
uint64_t mg_entry_hash(const struct mg_family_ops *ops, const struct mg_entry *entry);

/**
 * Do the two mean the same? Counters do not take part. Data beyond what an
 * extension declares as the user's is compared by what the extension prints.
 */
bool mg_entry_equal(const struct mg_family_ops *ops, const struct mg_entry *a,
		    const struct mg_entry *b);

/** Same chains in the same order, same policies, same rules? Counters do not matter. */
bool mg_image_equal(const struct mg_image *a, const struct mg_image *b);

#endif
