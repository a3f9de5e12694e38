/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * FNV-1a, 64 bits: to notice a torn or rotten file and rules that changed,
 * not a forgery. What it gives is kept in files, so it must not change.
 */
#ifndef MG_CHECKSUM_H
#define MG_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

#define MG_CHECKSUM_START 0xcbf29ce484222325U

/** Go on with @sum (MG_CHECKSUM_START to begin) over some bytes. */
static inline uint64_t mg_checksum(uint64_t sum, const void *data, size_t size)
{
	const unsigned char *bytes = data;

	for (size_t i = 0; i < size; i++) {
		sum ^= bytes[i];
		sum *= 0x100000001b3U;
	}
	return sum;
}

#endif
