/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See address_file.h. Errors about an included file do not name it either
 * unless it is there and may be read: its name is content of another file.
 */
#include "address_file.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ruleset/failure.h"
#include "ruleset/growable.h"

enum { MOST_FILES = 1000, DEEPEST = 16 };

struct file {
	const char *folder; /* of the search path */
	char *path;	    /* in it */
	bool under_way;	    /* it, or what it includes, is being read */
};

struct reader {
	struct mg_sources *sources;
	struct mg_address_list *list;
	struct mg_host_bits *host_bits;
	struct mg_error *error;
	struct file *files; /* all that were opened */
	size_t count, capacity;
	int depth;
};

static int no_memory(struct reader *reader)
{
	return mg_fail(reader->error, -ENOMEM, MG_ENVIRONMENT, "out of memory");
}

/* Put @path behind the folder @near, without "." and "..". -EXDEV: it leads out. */
static int join(const char *near, const char *path, char *out, size_t size)
{
	char whole[2 * PATH_MAX], *word, *rest;
	size_t used = 0, length;

	if ((size_t)snprintf(whole, sizeof(whole), "%s/%s", near, path) >= sizeof(whole))
		return -ENAMETOOLONG;
	*out = '\0';
	for (word = strtok_r(whole, "/", &rest); word; word = strtok_r(NULL, "/", &rest)) {
		if (strcmp(word, ".") == 0)
			continue;
		if (strcmp(word, "..") == 0) {
			char *slash;

			if (!used)
				return -EXDEV;
			slash = strrchr(out, '/');
			used = slash ? (size_t)(slash - out) : 0;
			out[used] = '\0';
			continue;
		}
		length = strlen(word);
		if (length > NAME_MAX || used + length + 2 > size)
			return -ENAMETOOLONG;
		if (used)
			out[used++] = '/';
		memcpy(out + used, word, length + 1);
		used += length;
	}
	return used ? 0 : -ENOENT;
}

/* What of the absolute @path comes behind folder @index, or NULL. */
static const char *behind(const struct mg_sources *sources, size_t index, const char *path)
{
	char room[PATH_MAX];
	const char *folder = sources->folders[index], *real;
	size_t length = strlen(folder);

	if (strncmp(path, folder, length) == 0 && path[length] == '/')
		return path + length + 1;
	real = mg_sources_real(sources, index, room);
	if (!real)
		return NULL;
	length = strlen(real);
	return strncmp(path, real, length) == 0 && path[length] == '/' ? path + length + 1 : NULL;
}

/* What was found: in which folder, and its path there. */
struct place {
	const char *folder;
	char path[PATH_MAX];
};

static int find(const struct reader *reader, const char *const *folders, const char *name,
		struct place *place, char **text, size_t *length)
{
	return mg_sources_find(reader->sources, MG_SOURCE_ADDRESSES, folders, name, place->path,
			       &place->folder, text, length, reader->error);
}

static int read_absolute(const struct reader *reader, const char *path, struct place *place,
			 char **text, size_t *length)
{
	const char *const *folders = reader->sources->folders;
	const char *only[] = { NULL, NULL }, *rest;
	size_t i;
	int err;

	for (i = 0; folders[i]; i++) {
		rest = behind(reader->sources, i, path);
		if (!rest)
			continue;
		only[0] = folders[i];
		err = join("", rest, place->path, sizeof(place->path));
		return err ? err : find(reader, only, path, place, text, length);
	}
	return -EXDEV;
}

/* A negative errno has words in the reader's error only where modules.c had something to say. */
static int read_text(const struct reader *reader, const char *near, const char *path,
		     struct place *place, char **text, size_t *length)
{
	const char *const *folders = reader->sources->folders;
	int err;

	if (*path == '/')
		return read_absolute(reader, path, place, text, length);
	err = join(near, path, place->path, sizeof(place->path));
	if (!err)
		err = find(reader, folders, path, place, text, length);
	/* beside the one that asks for it, or from the top: a policy may hand a path to a module */
	if ((err != -ENOENT && err != -EXDEV) || !*near)
		return err;
	if (join("", path, place->path, sizeof(place->path)))
		return err;
	return find(reader, folders, path, place, text, length);
}

/* A mistake in line @number of @file. */
static int fail_at(const struct reader *reader, const struct file *file, size_t number, int err,
		   const char *what)
{
	return mg_fail(reader->error, err, err == -ENOMEM ? MG_ENVIRONMENT : MG_INVALID,
		       "%s/%s:%zu: %s", file->folder, file->path, number, what);
}

static const char *why_not_included(int err)
{
	switch (-err) {
	case ENOENT: return "the file to be included is not there";
	case EXDEV:
	case ELOOP:
		return "the file to be included lies outside of the folders of policies, or is a "
		       "symbolic link that leads there";
	case EPERM: return "others than root can write the file to be included, or own it";
	case EINVAL: return "what is to be included is not a regular file";
	case EFBIG: return "the file to be included is too large";
	default: return strerror(-err);
	}
}

static int parse(struct reader *reader, size_t index, const char *text, size_t length);

/* Take a file whose text was read, which is freed. @from, @number: who includes it, or NULL. */
static int take_file(struct reader *reader, const struct place *place, char *text, size_t length,
		     const struct file *from, size_t number)
{
	size_t i;
	int err = 0;

	for (i = 0; i < reader->count; i++) {
		if (reader->files[i].folder != place->folder ||
		    strcmp(reader->files[i].path, place->path) != 0)
			continue;
		if (from && reader->files[i].under_way)
			err = fail_at(reader, from, number, -ELOOP,
				      "includes go in a circle: this file is being read already");
		goto out; /* else it has been read, and twice says no more than once */
	}
	if (from && (reader->depth >= DEEPEST || reader->count >= MOST_FILES)) {
		err = fail_at(reader, from, number, -ELOOP,
			      reader->depth >= DEEPEST ? "includes nested more than 16 deep"
						       : "more than 1000 files are included");
		goto out;
	}
	if (mg_make_room((void **)&reader->files, &reader->capacity, reader->count + 1,
			 sizeof(*reader->files))) {
		err = no_memory(reader);
		goto out;
	}
	reader->files[i] = (struct file){ place->folder, strdup(place->path), true };
	if (!reader->files[i].path) {
		err = no_memory(reader);
		goto out;
	}
	reader->count++;
	reader->depth++;
	err = parse(reader, i, text, length);
	reader->depth--;
	reader->files[i].under_way = false;
out:
	free(text);
	return err;
}

/* @name: what stands behind "include", perhaps in quotes */
static int include(struct reader *reader, const struct file *from, size_t number, const char *name,
		   size_t length)
{
	char path[PATH_MAX], near[PATH_MAX], *text, *slash;
	struct file self = *from; /* the array may move */
	struct place place;
	size_t size;
	int err;

	if (length >= 2 && name[0] == '"' && name[length - 1] == '"') {
		name++;
		length -= 2;
	}
	if (!length)
		return fail_at(reader, &self, number, -EINVAL, "include what? No file is named");
	if (length >= sizeof(path) || memchr(name, '\0', length))
		return fail_at(reader, &self, number, -EINVAL, "not a file's name");
	snprintf(path, sizeof(path), "%.*s", (int)length, name);
	snprintf(near, sizeof(near), "%s", self.path);
	slash = strrchr(near, '/');
	*(slash ? slash : near) = '\0';
	err = read_text(reader, near, path, &place, &text, &size);
	if (err)
		return fail_at(reader, &self, number, err, why_not_included(err));
	return take_file(reader, &place, text, size, &self, number);
}

static void note_host_bits(struct reader *reader, const struct file *file, size_t number)
{
	struct mg_host_bits *host_bits = reader->host_bits;

	if (!host_bits->count++)
		snprintf(host_bits->first, sizeof(host_bits->first), "%s/%s:%zu", file->folder,
			 file->path, number);
}

/* Without the comment, and blanks (a CR is one) at both ends. */
static size_t trim(const char **line, size_t length)
{
	size_t i;

	for (i = 0; i < length && (*line)[i] != '#' && (*line)[i] != ';'; i++)
		;
	length = i;
	while (length && isspace((unsigned char)(*line)[length - 1]))
		length--;
	while (length && isspace((unsigned char)**line)) {
		(*line)++;
		length--;
	}
	return length;
}

static int parse_line(struct reader *reader, size_t index, size_t number, const char *line,
		      size_t length)
{
	static const char word[] = "include";
	const size_t word_length = sizeof(word) - 1;
	const struct file *file = &reader->files[index];
	const char *wrong = NULL, *rest;
	bool host_bits = false;
	int err;

	length = trim(&line, length);
	if (!length)
		return 0;
	if (length >= word_length && memcmp(line, word, word_length) == 0 &&
	    (length == word_length || isblank((unsigned char)line[word_length]))) {
		rest = line + word_length;
		length = trim(&rest, length - word_length);
		return include(reader, file, number, rest, length);
	}
	err = mg_address_list_add(reader->list, line, length, &host_bits, &wrong);
	if (err == -ENOMEM)
		return no_memory(reader);
	if (err == -E2BIG)
		return fail_at(reader, file, number, err,
			       "more than 4,000,000 addresses: that is too long a list");
	if (err && !memchr(line, '-', length) &&
	    (memchr(line, ' ', length) || memchr(line, '\t', length)))
		wrong = "more than one word: a line has one address, network or range";
	if (err)
		return fail_at(reader, file, number, err, wrong);
	if (host_bits)
		note_host_bits(reader, file, number);
	return 0;
}

static int parse(struct reader *reader, size_t index, const char *text, size_t length)
{
	const char *line = text, *end = text + length, *next;
	size_t number = 1;
	int err = 0;

	for (; line < end && !err; line = next + 1, number++) {
		next = memchr(line, '\n', (size_t)(end - line));
		if (!next)
			next = end;
		err = parse_line(reader, index, number, line, (size_t)(next - line));
	}
	return err;
}

int mg_address_file_read(struct mg_sources *sources, const char *near, const char *path,
			 struct mg_address_list *list, struct mg_host_bits *host_bits,
			 struct mg_error *error)
{
	struct mg_error own = { 0 };
	struct reader reader = { sources, list, host_bits, error ? error : &own, NULL, 0, 0, 0 };
	struct place place;
	char *text;
	size_t length, i;
	int err;

	reader.error->text[0] = '\0';
	err = read_text(&reader, near, path, &place, &text, &length);
	if (!err)
		err = take_file(&reader, &place, text, length, NULL, 0);
	else if (err == -EXDEV && !reader.error->text[0])
		mg_set_error(reader.error, MG_INVALID,
			     "%s leads out of the folders in which modules may lie: put the file "
			     "beside the policy, or below it",
			     path);
	else if (!reader.error->text[0])
		mg_set_error(reader.error, MG_INVALID, "%s: %s", path, strerror(-err));
	for (i = 0; i < reader.count; i++)
		free(reader.files[i].path);
	free(reader.files);
	return err;
}
