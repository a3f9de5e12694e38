/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When are two rules the same? Bytes alone do not tell: names are followed by
 * stale bytes, the kernel writes into some extensions' data, and jumps are
 * offsets.
 */
#ifndef MG_EQUAL_H
#define MG_EQUAL_H

#include "image.h"

/** Go on with @hash (0 to begin) over some bytes. */
uint64_t mg_hash_bytes(uint64_t hash, const void *bytes, size_t size);

/** A hash of what mg_entry_same() compares; entry->target is part of it. */
uint64_t mg_entry_hash(const struct mg_family_ops *ops, const struct mg_entry *entry);

/**
 * A hash of an entry's addresses and protocol, which is quick. Entries that
 * print alike have the same.
 */
uint64_t mg_entry_address_hash(const struct mg_family_ops *ops, const struct mg_entry *entry);

/**
 * A hash of all that stands around the data of an entry's extensions, and of its
 * ports. Entries that mean the same have the same, whatever else their bytes are.
 */
uint64_t mg_entry_frame_hash(const struct mg_family_ops *ops, const struct mg_entry *entry);

/**
 * Are the two alike, field by field? Counters do not take part. Data beyond
 * what an extension declares as the user's is compared by what it prints.
 * Fast; two entries that differ may still mean the same.
 */
bool mg_entry_same(const struct mg_family_ops *ops, const struct mg_entry *a,
		   const struct mg_entry *b);

/**
 * Do the two mean the same? Where they are not alike their texts decide: an
 * extension may fill fields that do not count in more than one way (the mask
 * of recent is 16 bytes, of which IPv4 reads four).
 */
bool mg_entry_equal(const struct mg_family_ops *ops, const struct mg_entry *a,
		    const struct mg_entry *b);

/**
 * Does this text tell all of a rule? One with an extension that is not
 * installed, or of an unknown revision, does not.
 */
bool mg_text_tells_all(const char *text);

/** Same chains in the same order, same policies, same rules? Counters do not matter. */
bool mg_image_equal(const struct mg_image *a, const struct mg_image *b);

#endif
