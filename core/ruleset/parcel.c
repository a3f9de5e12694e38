/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See parcel.h. Both ends are the same program: numbers are as they lie in memory.
 */
#include "parcel.h"

#include <string.h>

#include "growable.h"

enum { LARGEST = 1 << 30 };

/* What stands for NULL: no text is that long. */
static const uint32_t NO_TEXT = UINT32_MAX;

void mg_parcel_clear(struct mg_parcel *parcel)
{
	free(parcel->bytes);
	*parcel = (struct mg_parcel){ .bytes = NULL };
}

static void put(struct mg_parcel *parcel, const void *bytes, size_t length)
{
	if (length > LARGEST - parcel->size ||
	    mg_make_room((void **)&parcel->bytes, &parcel->capacity, parcel->size + length, 1)) {
		parcel->failed = true;
		return;
	}
	if (length)
		memcpy(parcel->bytes + parcel->size, bytes, length);
	parcel->size += length;
}

void mg_parcel_number(struct mg_parcel *parcel, uint32_t number)
{
	put(parcel, &number, sizeof(number));
}

void mg_parcel_bytes(struct mg_parcel *parcel, const void *bytes, size_t length)
{
	if (length > LARGEST) {
		parcel->failed = true;
		return;
	}
	mg_parcel_number(parcel, (uint32_t)length);
	put(parcel, bytes, length);
}

void mg_parcel_text(struct mg_parcel *parcel, const char *text)
{
	if (text)
		mg_parcel_bytes(parcel, text, strlen(text) + 1);
	else
		mg_parcel_number(parcel, NO_TEXT);
}

static const char *take(struct mg_unpacking *unpacking, size_t length)
{
	const char *at = unpacking->at;

	if (unpacking->wrong || length > unpacking->left) {
		unpacking->wrong = true;
		return NULL;
	}
	unpacking->at += length;
	unpacking->left -= length;
	return at;
}

uint32_t mg_unpack_number(struct mg_unpacking *unpacking)
{
	uint32_t number = 0;
	const char *at = take(unpacking, sizeof(number));

	if (at)
		memcpy(&number, at, sizeof(number));
	return number;
}

const char *mg_unpack_bytes(struct mg_unpacking *unpacking, size_t *length)
{
	const char *at;

	*length = mg_unpack_number(unpacking);
	at = take(unpacking, *length);
	if (!at)
		*length = 0;
	return at ? at : "";
}

const char *mg_unpack_text(struct mg_unpacking *unpacking)
{
	const uint32_t length = mg_unpack_number(unpacking);
	const char *at;

	if (unpacking->wrong || length == NO_TEXT)
		return NULL;
	at = take(unpacking, length);
	if (!at)
		return NULL;
	if (!length || memchr(at, '\0', length) != at + length - 1) {
		unpacking->wrong = true;
		return NULL;
	}
	return at;
}
