/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * FNV-1a, 64 bits: to notice a torn or rotten file and rules that changed,
 * not a forgery. What it gives is kept in files, so it must not change.
 */
#ifndef MG_CHECKSUM_H
#define MG_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

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

/**
 * Of a whole text at once, eight bytes at a time in the byte order of this host:
 * for what is large. Another sum than that of mg_checksum().
 */
static inline uint64_t mg_checksum_whole(const void *data, size_t size)
{
	const unsigned char *at = data;
	uint64_t sum = MG_CHECKSUM_START ^ size, word;

	for (; size >= sizeof(word); at += sizeof(word), size -= sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		/* the multiplier is odd: no other word gives the same sum */
		sum = (sum ^ word) * 0x100000001b3U;
		sum ^= sum >> 32;
	}
	word = 0;
	memcpy(&word, at, size);
	return (sum ^ word) * 0x100000001b3U;
}

#endif
