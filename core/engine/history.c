/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The history: all generations that there are, whether each is whole, and
 * whether the files that one was made from are still the same.
 */
#include <errno.h>
#include <fcntl.h>
#include <sha2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine.h"
#include "ruleset/failure.h"

struct mg_history {
	struct mg_generation **generations; /* what each tells; NULL: it cannot be read */
	char **damage;			    /* NULL: none */
	struct mg_generation_info *infos;
	size_t count;
};

void mg_history_free(struct mg_history *history)
{
	size_t i;

	if (!history)
		return;
	for (i = 0; i < history->count; i++) {
		mg_generation_free(history->generations[i]);
		free(history->damage[i]);
	}
	free(history->generations);
	free(history->damage);
	free(history->infos);
	free(history);
}

size_t mg_history_count(const struct mg_history *history)
{
	return history->count;
}

const struct mg_generation_info *mg_history_at(const struct mg_history *history, size_t index)
{
	return &history->infos[index];
}

/* -ENOENT: it has gone since the folder was listed. */
static int add(struct mg_history *history, struct mg_state *state, uint32_t number,
	       struct mg_error *error)
{
	const size_t at = history->count;
	struct mg_generation_info *info = &history->infos[at];
	struct mg_error words = { 0 };
	int err = mg_state_describe(state, number, &history->generations[at], &words);

	if (!err)
		err = mg_state_check(state, number, &words);
	if (err == -ENOENT || err == -ENOMEM) {
		mg_generation_free(history->generations[at]);
		history->generations[at] = NULL;
		return err == -ENOENT ? err : mg_engine_no_memory(error);
	}
	history->count++;
	*info = mg_engine_describe(history->generations[at]);
	info->number = number;
	if (!err)
		return 0;
	history->damage[at] = strdup(words.text);
	info->damage = history->damage[at];
	return info->damage ? 0 : mg_engine_no_memory(error);
}

static int fill(struct mg_history *history, struct mg_state *state, const uint32_t *numbers,
		size_t count, struct mg_error *error)
{
	const uint32_t confirmed = mg_state_confirmed(state);
	struct mg_pending pending = { .number = 0 };
	size_t i;
	int err = 0;

	history->generations = calloc(count + 1, sizeof(*history->generations));
	history->damage = calloc(count + 1, sizeof(*history->damage));
	history->infos = calloc(count + 1, sizeof(*history->infos));
	if (!history->generations || !history->damage || !history->infos)
		return mg_engine_no_memory(error);
	if (mg_state_read_pending(state, &pending, NULL)) /* status tells of its damage */
		pending.number = 0;
	for (i = 0; i < count && !err; i++) {
		err = add(history, state, numbers[i], error);
		err = err == -ENOENT ? 0 : err;
	}
	for (i = 0; i < history->count; i++) {
		struct mg_generation_info *info = &history->infos[i];

		info->in_force = info->number == confirmed;
		info->is_pending = info->number == pending.number && !info->in_force;
	}
	return err;
}

int mg_engine_history(struct mg_engine *engine, struct mg_history **out, struct mg_error *error)
{
	struct mg_history *history = calloc(1, sizeof(*history));
	uint32_t *numbers = NULL;
	size_t count = 0;
	int err;

	if (!history)
		return mg_engine_no_memory(error);
	err = mg_engine_open_state(engine, false, error);
	if (!err)
		err = mg_state_list(engine->state, &numbers, &count, error);
	if (!err)
		err = fill(history, engine->state, numbers, count, error);
	free(numbers);
	if (err)
		mg_history_free(history);
	else
		*out = history;
	return err;
}

static int sum_open(int fd, char sha256[MG_SHA256_SIZE])
{
	char piece[64 * 1024];
	struct stat st;
	SHA2_CTX sum;
	ssize_t length;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	SHA256Init(&sum);
	while ((length = read(fd, piece, sizeof(piece))) > 0)
		SHA256Update(&sum, (const uint8_t *)piece, (size_t)length);
	if (length < 0)
		return -errno;
	SHA256End(&sum, sha256);
	return 0;
}

enum mg_file_now mg_generation_file_now(const struct mg_generation_file *file)
{
	char sha256[MG_SHA256_SIZE];
	/* a FIFO that lies there now must not hold us up */
	int fd = open(file->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), err;

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? MG_FILE_GONE : MG_FILE_UNREADABLE;
	err = sum_open(fd, sha256);
	close(fd);
	if (err)
		return err == -EINVAL ? MG_FILE_CHANGED : MG_FILE_UNREADABLE;
	return strcmp(sha256, file->sha256) == 0 ? MG_FILE_SAME : MG_FILE_CHANGED;
}
