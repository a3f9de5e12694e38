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
 * Of a whole text, eight bytes at a time in the byte order of this host: for
 * what is large. Another sum than that of mg_checksum(). It comes in pieces: to
 * begin with MG_CHECKSUM_START ^ the size of the whole, each piece but the last
 * a multiple of eight bytes long, and the last one, which may be empty, to
 * mg_checksum_end().
 */
static inline uint64_t mg_checksum_words(uint64_t sum, const void *data, size_t size)
{
	const unsigned char *at = data;
	uint64_t word;

	for (; size >= sizeof(word); at += sizeof(word), size -= sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		/* the multiplier is odd: no other word gives the same sum */
		sum = (sum ^ word) * 0x100000001b3U;
		sum ^= sum >> 32;
	}
	return sum;
}

static inline uint64_t mg_checksum_end(uint64_t sum, const void *data, size_t size)
{
	const size_t whole = size / sizeof(uint64_t) * sizeof(uint64_t);
	uint64_t word = 0;

	sum = mg_checksum_words(sum, data, whole);
	memcpy(&word, (const unsigned char *)data + whole, size - whole);
	return (sum ^ word) * 0x100000001b3U;
}

static inline uint64_t mg_checksum_whole(const void *data, size_t size)
{
	return mg_checksum_end(MG_CHECKSUM_START ^ size, data, size);
}

/** The order of sums, for qsort() and bsearch(). */
static inline int mg_by_value(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

#endif
