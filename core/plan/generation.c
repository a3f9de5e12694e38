/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The generations: written as a whole, one of them confirmed, the oldest
 * removed.
 *
 * Owns nothing between calls. Must not touch the kernel's tables, print or
 * exit. Its writing functions rely on the transaction lock.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "plan/durable.h"
#include "plan/state.h"
#include "plan/state_inner.h"
#include "ruleset/checksum.h"
#include "ruleset/failure.h"

/* A folder that is being made is called so; a crash leaves it. */
#define HALF_NEW ".new"

static int newest_first(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a;
	uint32_t right = *(const uint32_t *)b;

	return left < right ? 1 : left > right ? -1 : 0;
}

int mg_generations_list(int generations, uint32_t **out, size_t *count)
{
	size_t capacity = 0;
	uint32_t *numbers = NULL;
	struct dirent *entry;
	DIR *stream;
	int fd;

	fd = openat(generations, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	stream = fd >= 0 ? fdopendir(fd) : NULL;
	if (!stream) {
		int err = errno;

		if (fd >= 0)
			close(fd);
		return -err;
	}
	*count = 0;
	while ((entry = readdir(stream))) {
		uint32_t number = mg_generation_number(entry->d_name);

		if (!number)
			continue;
		if (*count == capacity) {
			uint32_t *more;

			capacity = capacity ? capacity * 2 : 32;
			more = reallocarray(numbers, capacity, sizeof(*numbers));
			if (!more) {
				free(numbers);
				closedir(stream);
				return -ENOMEM;
			}
			numbers = more;
		}
		numbers[(*count)++] = number;
	}
	closedir(stream);
	if (*count)
		qsort(numbers, *count, sizeof(*numbers), newest_first);
	*out = numbers;
	return 0;
}

int mg_generations_open(const struct mg_state *state, bool create, struct mg_error *error)
{
	int fd;

	if (state->state.fd < 0)
		return mg_state_fail(error, -ENOENT, &state->state, MG_GENERATIONS);
	if (create && mkdirat(state->state.fd, MG_GENERATIONS, 0700) == 0) {
		int ret = mg_durable_sync(state->state.fd);

		if (ret)
			return mg_state_fail(error, ret, &state->state, MG_GENERATIONS);
	}
	fd = openat(state->state.fd, MG_GENERATIONS,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return mg_state_fail(error, -errno, &state->state, MG_GENERATIONS);
	return fd;
}

/* Is there more than empty chains that accept? @table: of a text, from its line "*NAME" on. */
static bool says_something(const char *table)
{
	const char *line = strchr(table, '\n');

	for (; line && line[1] == ':'; line = strchr(line + 1, '\n'))
		if (strncmp(line + 2 + strcspn(line + 2, " "), " DROP ", 6) == 0)
			return true;
	return line && line[1] != 'C'; /* COMMIT */
}

/* The names of the tables in which a text does something, each with a blank behind it. */
static json_t *list_tables(const char *rules)
{
	struct mg_table_names names = { .text = "" };
	const char *line = *rules == '*' ? rules : strstr(rules, "\n*");

	for (; line; line = strstr(line, "\n*")) {
		const size_t length = strlen(names.text);

		line += strcspn(line, "*") + 1;
		if (says_something(line))
			snprintf(names.text + length, sizeof(names.text) - length, "%.*s ",
				 (int)strcspn(line, "\n"), line);
	}
	return mg_state_string(names.text);
}

/* Length and checksum of a file; null where there is none. */
static json_t *describe_text(const char *text)
{
	char sum[17];

	if (!text)
		return json_null();
	snprintf(sum, sizeof(sum), "%016" PRIx64, mg_checksum_whole(text, strlen(text)));
	return json_pack("{s:I, s:s}", "bytes", (json_int_t)strlen(text), "checksum", sum);
}

/* The texts of both families. @tables: whether to say in which tables they do something */
static json_t *describe_texts(char *const texts[MG_FAMILIES], bool tables)
{
	json_t *all = json_object();

	for (int family = 0; family < MG_FAMILIES; family++) {
		json_t *about = describe_text(texts[family]);

		if ((tables && texts[family] &&
		     json_object_set_new(about, "tables", list_tables(texts[family])) < 0) ||
		    json_object_set_new(all, mg_rules_key[family], json_incref(about)) < 0) {
			json_decref(about);
			json_decref(all);
			return NULL;
		}
		json_decref(about);
	}
	return all;
}

static char *describe(const struct mg_generation *generation, uint32_t number)
{
	char *text = NULL;
	json_t *meta;

	/* "o" takes NULL for the failure that it is, and frees the others */
	meta = json_pack("{s:i, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "format", 1, "number",
			 (json_int_t)number, "time", (json_int_t)generation->time, "user",
			 mg_state_string(generation->user), "policy",
			 mg_state_string(generation->policy), "confirmed_by", json_null(),
			 "operators", mg_state_string(generation->operators), "rules",
			 describe_texts(generation->rules, true), "sets",
			 describe_texts(generation->sets, false));
	if (meta && mg_generation_put_story(meta, generation) == 0)
		text = mg_record_text(meta);
	json_decref(meta);
	return text;
}

/* Write all files of a generation into the folder @dir, and have them on the disk. */
static int write_files(int dir, const struct mg_generation *generation, const char *meta)
{
	const struct {
		const char *name, *text;
	} files[] = {
		{ mg_rules_name[MG_IPV4], generation->rules[MG_IPV4] },
		{ mg_rules_name[MG_IPV6], generation->rules[MG_IPV6] },
		{ mg_sets_name[MG_IPV4], generation->sets[MG_IPV4] },
		{ mg_sets_name[MG_IPV6], generation->sets[MG_IPV6] },
		{ MG_META, meta },
	};
	enum { FILES = sizeof(files) / sizeof(*files) };
	int fds[FILES] = { -1, -1, -1, -1, -1 };
	int ret = 0;

	for (size_t i = 0; i < FILES && !ret; i++) {
		if (files[i].text)
			ret = mg_durable_create(dir, files[i].name, files[i].text,
						strlen(files[i].text), &fds[i]);
	}
	for (size_t i = 0; i < FILES; i++) {
		if (fds[i] < 0)
			continue;
		if (!ret)
			ret = mg_durable_sync(fds[i]);
		if (close(fds[i]) < 0 && !ret && errno != EINTR)
			ret = -errno;
	}
	return ret ? ret : mg_durable_sync(dir);
}

static int write_folder(int generations, const struct mg_generation *generation, uint32_t number,
			const char *meta)
{
	char name[16];
	int ret;
	int dir;

	mg_durable_remove_folder(generations, HALF_NEW);
	mg_durable_remove_folder(generations, MG_HALF_OLD);
	if (mkdirat(generations, HALF_NEW, 0700) < 0)
		return -errno;
	dir = openat(generations, HALF_NEW, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	ret = dir < 0 ? -errno : write_files(dir, generation, meta);
	if (dir >= 0)
		close(dir);
	snprintf(name, sizeof(name), "%" PRIu32, number);
	if (!ret && renameat(generations, HALF_NEW, generations, name) < 0)
		ret = -errno;
	if (ret) {
		mg_durable_remove_folder(generations, HALF_NEW);
		return ret;
	}
	ret = mg_durable_sync(generations);
	if (ret)
		mg_durable_remove_folder(generations, name);
	return ret;
}

int mg_state_list(struct mg_state *state, uint32_t **out, size_t *count, struct mg_error *error)
{
	struct mg_error words = { 0 };
	int generations, ret;

	*out = NULL;
	*count = 0;
	if (state->state.fd < 0)
		return 0;
	generations = mg_generations_open(state, false, &words);
	if (generations == -ENOENT)
		return 0;
	if (generations < 0)
		return mg_fail(error, generations, words.status, "%s", words.text);
	ret = mg_generations_list(generations, out, count);
	if (ret)
		mg_state_fail(error, ret, &state->state, MG_GENERATIONS);
	close(generations);
	return ret;
}

int mg_state_write_generation(struct mg_state *state, struct mg_generation *generation,
			      struct mg_error *error)
{
	uint32_t *numbers = NULL;
	uint32_t number = 0;
	struct mg_name name;
	size_t count = 0;
	char *meta = NULL;
	int generations;
	int ret;

	generations = mg_generations_open(state, true, error);
	if (generations < 0)
		return generations;
	ret = mg_generations_list(generations, &numbers, &count);
	if (ret) {
		mg_state_fail(error, ret, &state->state, MG_GENERATIONS);
		goto out;
	}
	mg_generations_drop_leftovers(state, generations, numbers, count);
	number = count ? numbers[0] : 0;
	if (number == UINT32_MAX) {
		ret = mg_state_fail(error, -EOVERFLOW, &state->state, MG_GENERATIONS);
		goto out;
	}
	number++;
	name = mg_generation_name(number);
	if (!generation->time)
		generation->time = time(NULL);
	meta = describe(generation, number);
	ret = meta ? write_folder(generations, generation, number, meta) : -ENOMEM;
	if (ret)
		mg_state_fail(error, ret, &state->state, name.text);
	else
		generation->number = number;
out:
	free(meta);
	free(numbers);
	close(generations);
	return ret;
}

/* Confirming */

/* Note in its meta.json how it was confirmed. */
static int record_confirmation(const struct mg_state *state, uint32_t number, const char *by,
			       struct mg_error *error)
{
	struct mg_name name = mg_generation_name(number);
	json_t *meta = NULL;
	char *text = NULL;
	int dir = -1;
	int ret;

	ret = mg_generation_meta(state, number, &meta, error);
	if (ret)
		return ret;
	ret = -ENOMEM;
	if (json_object_set_new(meta, "confirmed_by", mg_state_string(by)) < 0 ||
	    json_object_set_new(meta, "confirmed_at", json_integer(time(NULL))) < 0)
		goto out;
	text = mg_record_text(meta);
	if (!text)
		goto out;
	dir = openat(state->state.fd, name.text, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	ret = dir < 0 ? -errno : mg_durable_write(dir, MG_META, text, strlen(text));
out:
	if (ret)
		mg_state_fail(error, ret, &state->state, name.text);
	if (dir >= 0)
		close(dir);
	free(text);
	json_decref(meta);
	return ret;
}

int mg_state_confirm_generation(struct mg_state *state, uint32_t number, const char *by,
				struct mg_error *error)
{
	struct mg_name name = mg_generation_name(number);
	uint32_t before = 0;
	int ret;

	ret = mg_state_check(state, number, error);
	if (ret == -ENOENT)
		return mg_state_fail(error, ret, &state->state, name.text);
	if (ret)
		return ret;
	/* a damaged link is no reason not to replace it */
	if (mg_state_read_link(state, &before, NULL))
		before = 0;
	ret = record_confirmation(state, number, by, error);
	if (ret)
		return ret;
	ret = before == number ? 0 : mg_durable_link(state->state.fd, MG_CONFIRMED, name.text);
	if (ret) {
		mg_state_fail(error, ret, &state->state, MG_CONFIRMED);
		/*
		 * The last fsync can fail with the new link in sight; but the
		 * caller hears that nothing was confirmed, and will take it back.
		 */
		name = mg_generation_name(before);
		if (before)
			mg_durable_link(state->state.fd, MG_CONFIRMED, name.text);
		else
			mg_durable_unlink(state->state.fd, MG_CONFIRMED);
		return ret;
	}
	mg_generations_prune(state, number);
	return 0;
}

int mg_state_drop_generation(struct mg_state *state, uint32_t number, struct mg_error *error)
{
	struct mg_name name = mg_generation_name(number);
	uint32_t confirmed = 0;
	int generations;
	int ret;

	ret = mg_state_read_link(state, &confirmed, error);
	if (ret && ret != -ENOENT)
		return ret;
	if (!ret && confirmed == number)
		return mg_fail(error, -EBUSY, MG_UNSAFE,
			       "generation %" PRIu32 " is the confirmed one: it stays", number);
	if (state->state.fd < 0)
		return 0;
	generations = mg_generations_open(state, false, error);
	if (generations < 0)
		return generations == -ENOENT ? 0 : generations;
	ret = mg_generation_remove(generations, number);
	if (ret)
		mg_state_fail(error, ret, &state->state, name.text);
	close(generations);
	return ret;
}
