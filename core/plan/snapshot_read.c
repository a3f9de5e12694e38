/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading a snapshot.
 *
 * Owns nothing between calls. Must not change the kernel's tables, print or exit.
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "netfilter/table_copy.h"
#include "plan/durable.h"
#include "plan/snapshot_inner.h"
#include "plan/state_inner.h"
#include "ruleset/checksum.h"
#include "ruleset/failure.h"
#include "ruleset/growable.h"

#define MOST_BYTES ((size_t)2 << 30)

struct reading {
	const char *bytes;
	size_t size, at;
	const struct mg_pending *pending;
	bool is_of_it; /* the transaction that is pending */
	struct mg_snapshot *out;
	size_t set_capacity;
	const char *wrong; /* with -EBADMSG */
};

static int bad(struct reading *reading, const char *wrong)
{
	reading->wrong = wrong;
	return -EBADMSG;
}

static size_t padded(size_t size)
{
	return (size + sizeof(uint64_t) - 1) / sizeof(uint64_t) * sizeof(uint64_t);
}

static int read_transaction(struct reading *reading, const char *payload, size_t size)
{
	json_t *json = json_loadb(payload, size, JSON_REJECT_DUPLICATES, NULL);
	const char *token = json_string_value(json_object_get(json, "token"));

	reading->is_of_it = token && strcmp(token, reading->pending->token) == 0 &&
			    json_integer_value(json_object_get(json, "number")) ==
				    (json_int_t)reading->pending->number;
	json_decref(json);
	return reading->is_of_it ? 0 : bad(reading, "it is another transaction's");
}

static const char *find_table(const char *name, size_t size)
{
	const char *const *table;

	for (table = mg_commit_order; *table; table++)
		if (memchr(name, 0, size) && strcmp(*table, name) == 0)
			return *table;
	return NULL;
}

static int read_table(struct reading *reading, const char *payload, size_t size,
		      struct mg_error *error)
{
	struct mg_snapshot *out = reading->out;
	struct mg_snapshot_table *table = &out->tables[out->table_count];
	struct mg_record_table head;
	int err;

	if (size < sizeof(head) || out->table_count == MG_MOST_TABLES)
		return bad(reading, "a table that cannot be");
	memcpy(&head, payload, sizeof(head));
	table->family = (enum mg_family)head.family;
	table->table = find_table(head.table, sizeof(head.table));
	table->written = head.written;
	table->rebinds = head.rebinds;
	if (head.family >= MG_FAMILIES || !table->table)
		return bad(reading, "a table that nobody knows");
	err = mg_table_from_copy(table->family, table->table, payload + sizeof(head),
				 size - sizeof(head), &table->image, error);
	out->table_count += !err;
	return err;
}

static struct mg_set_member *copy_members(const char *bytes, size_t count)
{
	struct mg_set_member *members = malloc(count * sizeof(*members) + 1);

	if (members && count)
		memcpy(members, bytes, count * sizeof(*members));
	return members;
}

static int add_set(struct reading *reading, const struct mg_record_set *head, const char *members)
{
	struct mg_set_plans *sets = reading->out->sets;
	struct mg_set_member **wanted;
	struct mg_set_plan *set;

	if (mg_make_room((void **)&sets->items, &sets->capacity, sets->count + 1,
			 sizeof(*sets->items)))
		return -ENOMEM;
	wanted = realloc(reading->out->members, (sets->count + 1) * sizeof(*wanted));
	if (!wanted)
		return -ENOMEM;
	reading->out->members = wanted;
	set = &sets->items[sets->count];
	*set = (struct mg_set_plan){
		.family = (enum mg_family)head->family,
		.type = strcmp(head->type, "hash:ip") == 0 ? "hash:ip" : "hash:net",
		.origin = "",
		.is_wanted = head->is_wanted,
		.is_changed = head->is_changed,
		.is_exchanged = head->is_exchanged,
		.live_count = head->live_count,
		.count = head->count,
	};
	memcpy(set->name, head->name, sizeof(set->name));
	memcpy(set->live, head->live, sizeof(set->live));
	memcpy(set->live_type, head->live_type, sizeof(set->live_type));
	memcpy(set->made, head->made, sizeof(set->made));
	set->live_members = copy_members(members, head->live_count);
	wanted[sets->count] = copy_members(members + head->live_count * sizeof(*set->members),
					   head->count);
	set->members = wanted[sets->count++];
	return set->members && set->live_members ? 0 : -ENOMEM;
}

static int read_set(struct reading *reading, const char *payload, size_t size)
{
	struct mg_record_set head;

	if (size < sizeof(head))
		return bad(reading, "a set that cannot be");
	memcpy(&head, payload, sizeof(head));
	if (head.family >= MG_FAMILIES ||
	    ((uint64_t)head.live_count + head.count) * sizeof(struct mg_set_member) !=
		    size - sizeof(head))
		return bad(reading, "a set that cannot be");
	head.name[sizeof(head.name) - 1] = head.type[sizeof(head.type) - 1] = '\0';
	head.live[sizeof(head.live) - 1] = head.live_type[sizeof(head.live_type) - 1] = '\0';
	head.made[sizeof(head.made) - 1] = '\0';
	if (!reading->out->sets)
		reading->out->sets = calloc(1, sizeof(*reading->out->sets));
	return reading->out->sets ? add_set(reading, &head, payload + sizeof(head)) : -ENOMEM;
}

/* Returns 1 behind the last record. */
static int read_record(struct reading *reading, struct mg_error *error)
{
	const size_t start = reading->at;
	const char *payload = reading->bytes + start + sizeof(struct mg_record);
	struct mg_record record;
	size_t left;

	if (reading->size - start < sizeof(record))
		return bad(reading, "it is cut off");
	memcpy(&record, reading->bytes + start, sizeof(record));
	left = reading->size - start - sizeof(record);
	if (record.kind == MG_RECORD_END)
		return left ? bad(reading, "there is more behind its end") : 1;
	if (record.size > left || padded(record.size) > left)
		return bad(reading, "it is cut off");
	reading->at = start + sizeof(record) + padded(record.size);
	if (record.kind == MG_RECORD_TRANSACTION)
		return read_transaction(reading, payload, record.size);
	if (!reading->is_of_it)
		return bad(reading, "it does not begin as it has to");
	if (record.kind == MG_RECORD_TABLE)
		return read_table(reading, payload, record.size, error);
	if (record.kind == MG_RECORD_SET)
		return read_set(reading, payload, record.size);
	return bad(reading, "a record that nobody knows");
}

/* The checksum first: nothing is looked at that is not as it was written. */
static int check(struct reading *reading)
{
	const size_t magic = sizeof(MG_SNAPSHOT_MAGIC);
	struct mg_record end;
	uint64_t sum;

	if (reading->size < magic || memcmp(reading->bytes, MG_SNAPSHOT_MAGIC, magic) != 0)
		return bad(reading, "it is no snapshot of this version's");
	if (reading->size < magic + sizeof(end) || reading->size % sizeof(uint64_t))
		return bad(reading, "it is cut off");
	memcpy(&end, reading->bytes + reading->size - sizeof(end), sizeof(end));
	sum = mg_checksum_words(MG_CHECKSUM_START, reading->bytes, reading->size - sizeof(end));
	if (end.kind != MG_RECORD_END || end.size != sum)
		return bad(reading, "its checksum is wrong");
	reading->at = magic;
	return 0;
}

static int read_all(struct reading *reading, struct mg_error *error)
{
	int err = check(reading);

	while (!err)
		err = read_record(reading, error);
	return err == 1 ? 0 : err;
}

void mg_snapshot_free(struct mg_snapshot *snapshot)
{
	size_t i;

	if (!snapshot)
		return;
	for (i = 0; i < snapshot->table_count; i++)
		mg_image_free(snapshot->tables[i].image);
	for (i = 0; snapshot->sets && i < snapshot->sets->count; i++)
		free(snapshot->members[i]);
	mg_sets_free(snapshot->sets);
	free(snapshot->members);
	free(snapshot);
}

int mg_snapshot_read(struct mg_state *state, const struct mg_pending *pending,
		     struct mg_snapshot **out, struct mg_error *error)
{
	struct reading reading = { .pending = pending };
	struct mg_error words = { 0 };
	char name[32], *bytes = NULL;
	int err;

	snprintf(name, sizeof(name), MG_SNAPSHOT_FOLDER "/%" PRIu32, pending->number);
	err = mg_durable_read(state->state.fd, name, MOST_BYTES, &bytes, &reading.size);
	if (err)
		return mg_state_fail(error, err, &state->state, name);
	reading.bytes = bytes;
	reading.out = calloc(1, sizeof(*reading.out));
	err = reading.out ? read_all(&reading, &words) : -ENOMEM;
	free(bytes);
	if (!err) {
		*out = reading.out;
		return 0;
	}
	mg_snapshot_free(reading.out);
	if (reading.wrong)
		return mg_state_damaged(error, &state->state, name, reading.wrong);
	if (*words.text)
		return mg_fail(error, err, words.status, "%s", words.text);
	return mg_state_fail(error, err, &state->state, name);
}
