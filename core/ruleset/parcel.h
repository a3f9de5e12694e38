/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Numbers and texts in a row, for a process at the other end of a socket. What
 * arrives may have been made by an enemy: reading never leaves the bytes that
 * there are, and everything that was read is nothing once something was wrong.
 */
#ifndef MG_PARCEL_H
#define MG_PARCEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Zero-initialise; end with mg_parcel_clear(). */
struct mg_parcel {
	char *bytes;
	size_t size, capacity;
	bool failed; /* memory was lacking: it is not whole */
};

void mg_parcel_clear(struct mg_parcel *parcel);
void mg_parcel_number(struct mg_parcel *parcel, uint32_t number);

/** @length bytes, of any kind. */
void mg_parcel_bytes(struct mg_parcel *parcel, const void *bytes, size_t length);

/** @text: NULL is something else than "" */
void mg_parcel_text(struct mg_parcel *parcel, const char *text);

/** Where reading is. Begin with the bytes that came; they stay the caller's. */
struct mg_unpacking {
	const char *at;
	size_t left;
	bool wrong; /* it did not have what was asked for */
};

uint32_t mg_unpack_number(struct mg_unpacking *unpacking);

/** Returns where they are, @length of them; never NULL. */
const char *mg_unpack_bytes(struct mg_unpacking *unpacking, size_t *length);

/** A text, which ends with its only NUL; or NULL where that was put in, or something is wrong. */
const char *mg_unpack_text(struct mg_unpacking *unpacking);

#endif
