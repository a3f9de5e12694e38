/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writing a snapshot: piece by piece, so that a large table is never in memory
 * twice.
 *
 * Owns nothing between calls. Must not change the kernel's tables, print or exit.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "netfilter/table_copy.h"
#include "plan/durable.h"
#include "plan/snapshot_inner.h"
#include "plan/state_inner.h"
#include "ruleset/checksum.h"
#include "ruleset/failure.h"

#define HALF ".new"

struct writing {
	int fd;
	uint64_t sum;
};

static int put_bytes(struct writing *writing, const void *bytes, size_t size)
{
	const char *at = bytes;

	while (size) {
		ssize_t done = write(writing->fd, at, size);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		at += done;
		size -= (size_t)done;
	}
	return 0;
}

/* All pieces are of whole words but the last one of a record. */
static int put(struct writing *writing, const void *bytes, size_t size)
{
	static const char zeros[sizeof(uint64_t)];
	const size_t rest = size % sizeof(uint64_t), whole = size - rest;
	uint64_t last = 0;
	int err = put_bytes(writing, bytes, size);

	writing->sum = mg_checksum_words(writing->sum, bytes, whole);
	if (err || !rest)
		return err;
	memcpy(&last, (const char *)bytes + whole, rest);
	writing->sum = mg_checksum_words(writing->sum, &last, sizeof(last));
	return put_bytes(writing, zeros, sizeof(zeros) - rest);
}

static int begin_record(struct writing *writing, enum mg_record_kind kind, size_t size)
{
	const struct mg_record record = { .kind = kind, .size = size };

	return put(writing, &record, sizeof(record));
}

static int write_transaction(struct writing *writing, const struct mg_pending *pending)
{
	json_t *json = json_pack("{s:I, s:s, s:s}", "number", (json_int_t)pending->number, "token",
				 pending->token, "version", MG_VERSION);
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	int err = text ? begin_record(writing, MG_RECORD_TRANSACTION, strlen(text)) : -ENOMEM;

	if (!err)
		err = put(writing, text, strlen(text));
	free(text);
	json_decref(json);
	return err;
}

static int write_table(struct writing *writing, const struct mg_plan *plan, enum mg_family family,
		       const char *table, struct mg_error *error)
{
	const struct mg_table_plan *planned = mg_plan_find(plan, family, table);
	struct mg_record_table head = { .family = family };
	struct mg_table_copy copy;
	int err = mg_table_copy(family, table, &copy, error);

	if (err)
		return err;
	snprintf(head.table, sizeof(head.table), "%s", table);
	if (planned) {
		head.rebinds = planned->rebinds;
		head.written = planned->rebinds || !mg_diff_is_empty(planned->diff);
	}
	err = begin_record(writing, MG_RECORD_TABLE,
			   sizeof(head) + copy.head_size + copy.entries_size);
	if (!err)
		err = put(writing, &head, sizeof(head));
	if (!err)
		err = put(writing, copy.head, copy.head_size);
	if (!err)
		err = put(writing, copy.entries, copy.entries_size);
	mg_table_copy_clear(&copy);
	return err;
}

/* Members are of odd size: both lists as one piece. */
static int write_members(struct writing *writing, const struct mg_set_plan *set)
{
	const size_t live = set->live_count * sizeof(*set->members);
	const size_t wanted = set->count * sizeof(*set->members);
	char *both = malloc(live + wanted + 1);
	int err;

	if (!both)
		return -ENOMEM;
	if (live)
		memcpy(both, set->live_members, live);
	if (wanted)
		memcpy(both + live, set->members, wanted);
	err = put(writing, both, live + wanted);
	free(both);
	return err;
}

static int write_set(struct writing *writing, const struct mg_set_plan *set)
{
	struct mg_record_set head = {
		.family = set->family,
		.is_wanted = set->is_wanted,
		.is_changed = set->is_changed,
		.is_exchanged = set->is_exchanged,
		.live_count = set->live_count,
		.count = set->count,
	};
	int err;

	snprintf(head.name, sizeof(head.name), "%s", set->name);
	snprintf(head.type, sizeof(head.type), "%s", set->type);
	snprintf(head.live, sizeof(head.live), "%s", set->live);
	snprintf(head.live_type, sizeof(head.live_type), "%s", set->live_type);
	snprintf(head.made, sizeof(head.made), "%s", set->made);
	err = begin_record(writing, MG_RECORD_SET,
			   sizeof(head) +
				   ((size_t)set->live_count + set->count) * sizeof(*set->members));
	if (!err)
		err = put(writing, &head, sizeof(head));
	return err ? err : write_members(writing, set);
}

static int write_all(struct writing *writing, const struct mg_plan *plan,
		     const struct mg_pending *pending, struct mg_error *error)
{
	const char *const *table;
	size_t i;
	int family, err = put(writing, MG_SNAPSHOT_MAGIC, sizeof(MG_SNAPSHOT_MAGIC));

	if (!err)
		err = write_transaction(writing, pending);
	for (table = mg_commit_order; *table && !err; table++)
		for (family = 0; family < MG_FAMILIES && !err; family++)
			err = write_table(writing, plan, (enum mg_family)family, *table, error);
	for (i = 0; plan->sets && i < plan->sets->count && !err; i++)
		if (plan->sets->items[i].is_changed)
			err = write_set(writing, &plan->sets->items[i]);
	return err ? err : begin_record(writing, MG_RECORD_END, writing->sum);
}

static int open_folder(const struct mg_state *state)
{
	int fd, err;

	if (mkdirat(state->state.fd, MG_SNAPSHOT_FOLDER, 0700) == 0) {
		err = mg_durable_sync(state->state.fd);
		if (err)
			return err;
	} else if (errno != EEXIST) {
		return -errno;
	}
	fd = openat(state->state.fd, MG_SNAPSHOT_FOLDER,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* What a crash has left, or another boot: the transaction lock is ours. */
static void sweep(int folder)
{
	const int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;

	if (!stream) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(stream)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			unlinkat(folder, entry->d_name, 0);
	closedir(stream);
}

/* Durably, and in its place only when it is whole. */
static int write_in(int folder, const char *name, const struct mg_plan *plan,
		    const struct mg_pending *pending, struct mg_error *error)
{
	struct writing writing = { .sum = MG_CHECKSUM_START };
	int err;

	sweep(folder);
	err = mg_durable_create(folder, HALF, "", 0, &writing.fd);
	if (err)
		return err;
	err = write_all(&writing, plan, pending, error);
	if (!err)
		err = mg_durable_sync(writing.fd);
	/* some network file systems tell of a full disk here only */
	if (close(writing.fd) < 0 && !err && errno != EINTR)
		err = -errno;
	if (!err && renameat(folder, HALF, folder, name) < 0)
		err = -errno;
	if (!err)
		err = mg_durable_sync(folder);
	if (err)
		unlinkat(folder, HALF, 0);
	return err;
}

int mg_snapshot_write(struct mg_state *state, const struct mg_plan *plan,
		      const struct mg_pending *pending, struct mg_error *error)
{
	struct mg_error words = { 0 };
	char name[16];
	int err, folder = open_folder(state);

	snprintf(name, sizeof(name), "%" PRIu32, pending->number);
	err = folder < 0 ? folder : write_in(folder, name, plan, pending, &words);
	if (folder >= 0)
		close(folder);
	if (err && *words.text)
		return mg_fail(error, err, words.status, "%s", words.text);
	return err ? mg_state_fail(error, err, &state->state, MG_SNAPSHOT_FOLDER) : 0;
}

void mg_snapshot_sweep(struct mg_state *state)
{
	const int folder = openat(state->state.fd, MG_SNAPSHOT_FOLDER,
				  O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (folder < 0)
		return;
	sweep(folder);
	close(folder);
}

void mg_snapshot_remove(struct mg_state *state, uint32_t number)
{
	char name[32];

	snprintf(name, sizeof(name), MG_SNAPSHOT_FOLDER "/%" PRIu32, number);
	if (state->state.fd >= 0)
		unlinkat(state->state.fd, name, 0);
}
