/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The records of a snapshot's file, each padded with zeros to eight bytes:
 *
 *   "moongate snapshot 1\n" and zeros
 *   struct mg_record, and its payload: a JSON object for the transaction, then
 *   a struct mg_record_table and a table's copy, or a struct mg_record_set and
 *   two lists of members; in any number
 *   struct mg_record of the kind END: the checksum of all before it
 *
 * The file is read in the boot in which it was written: in this host's byte order.
 */
#ifndef MG_PLAN_SNAPSHOT_INNER_H
#define MG_PLAN_SNAPSHOT_INNER_H

#include "plan/snapshot.h"

#define MG_SNAPSHOT_FOLDER "snapshot"
#define MG_SNAPSHOT_MAGIC "moongate snapshot 1\n\0\0\0" /* 24 bytes with its NUL */

enum mg_record_kind {
	MG_RECORD_TRANSACTION = 1,
	MG_RECORD_TABLE,
	MG_RECORD_SET,
	MG_RECORD_END, /* size: the checksum */
};

struct mg_record {
	uint64_t kind;
	uint64_t size; /* of the payload, without padding */
};

struct mg_record_table {
	uint32_t family;
	uint8_t written, rebinds, padding[2];
	char table[32];
};

struct mg_record_set {
	uint32_t family;
	uint8_t is_wanted, is_changed, is_exchanged, padding;
	char name[MG_SET_NAME_SIZE], type[MG_SET_NAME_SIZE];
	char live[MG_SET_NAME_SIZE], live_type[MG_SET_NAME_SIZE], made[MG_SET_NAME_SIZE];
	uint32_t live_count, count; /* members, the live ones first */
};

#endif
