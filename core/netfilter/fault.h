/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Plugins print what the kernel has without a look at it: a flag that has no
 * name takes them beyond their tables, a count beyond the data. Who reads a
 * table that somebody else wrote must not break over that.
 */
#ifndef MG_FAULT_H
#define MG_FAULT_H

#include <stdbool.h>
#include <stddef.h>

/**
 * From now on a bad access or a division by zero in this thread leaves
 * mg_fence_run(), inside which the plugins run. Not nested.
 * @culprit: the name of the extension at work, for the words
 */
void mg_fault_begin(const char *const *culprit);

/** It is over: what the signals did before is what they do again. Was there a fault? */
bool mg_fault_end(void);

/**
 * A copy of @size bytes, those of an entry at most, until the next call. Zeros
 * follow, and then nothing: what reads on finds an end, or faults. The bytes
 * themselves where there is no memory for that.
 */
const void *mg_fault_padded(const void *bytes, size_t size);

#endif
