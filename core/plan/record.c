/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Records of the state as JSON text, each with a checksum of itself.
 *
 * Owns nothing. Must not touch files or the kernel, print or exit.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan/state_inner.h"
#include "ruleset/checksum.h"

#define CHECKSUM "checksum"
#define BOOT_ID "boot_id"

/* @sum: 16 digits; false: no memory */
static bool sum_of(const json_t *record, char sum[17])
{
	json_t *rest = json_copy((json_t *)record);
	char *text = NULL;

	/* json_copy() leaves out, without a word, what it has no memory for */
	if (rest && json_object_size(rest) == json_object_size(record)) {
		json_object_del(rest, CHECKSUM);
		json_object_del(rest, BOOT_ID);
		text = json_dumps(rest, JSON_COMPACT | JSON_SORT_KEYS);
	}
	json_decref(rest);
	if (!text)
		return false;
	snprintf(sum, 17, "%016" PRIx64, mg_checksum_whole(text, strlen(text)));
	free(text);
	return true;
}

/*
 * json_dumps() may leave out what it had no memory for, and say nothing; the
 * record of what the next boot loads is read again before it is believed. So is its
 * checksum, which may be that of a text that lacks something.
 */
static char *dump(const json_t *record)
{
	char *text = json_dumps(record, JSON_INDENT(2));
	json_t *again = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;

	if (!again || !json_equal(again, record) || !mg_record_is_whole(again, true)) {
		free(text);
		text = NULL;
	}
	json_decref(again);
	return text;
}

char *mg_record_text(json_t *record)
{
	char sum[17];

	if (!sum_of(record, sum) || json_object_set_new(record, CHECKSUM, json_string(sum)) < 0)
		return NULL;
	return dump(record);
}

bool mg_record_is_whole(const json_t *record, bool required)
{
	const json_t *said = json_object_get(record, CHECKSUM);
	char sum[17];

	if (!said)
		return !required;
	return json_is_string(said) && sum_of(record, sum) &&
	       strcmp(json_string_value(said), sum) == 0;
}
