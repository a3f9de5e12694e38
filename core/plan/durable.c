/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files that are either the old ones or the new ones after a power cut.
 *
 * Owns nothing. Must not know what is in the files, print or exit.
 */
#include "plan/durable.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ruleset/checksum.h"

static int write_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t done = write(fd, data, size);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		data += done;
		size -= (size_t)done;
	}
	return 0;
}

/* One writer at a time (the transaction lock), so a fixed name will do. */
static int temporary_name(char *out, size_t size, const char *name)
{
	int length = snprintf(out, size, ".%s.new", name);

	return length < 0 || (size_t)length >= size ? -ENAMETOOLONG : 0;
}

int mg_durable_sync(int fd)
{
	if (fsync(fd) == 0)
		return 0;
	/* what a file system says that has no fsync for folders */
	if (errno == EINVAL || errno == EOPNOTSUPP)
		return 0;
	return -errno;
}

int mg_durable_create(int dir, const char *name, const void *data, size_t size, int *fd)
{
	int ret;
	int file;

	file = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (file < 0)
		return -errno;
	ret = write_all(file, data, size);
	if (ret) {
		close(file);
		unlinkat(dir, name, 0);
		return ret;
	}
	*fd = file;
	return 0;
}

/*
 * The rename is undone by nobody: once it has happened, only the fsync of the
 * folder can fail, and then the caller does not know which of the two a power
 * cut leaves; both are whole.
 */
static int put_in_place(int dir, const char *temporary, const char *name)
{
	if (renameat(dir, temporary, dir, name) < 0)
		return -errno;
	return mg_durable_sync(dir);
}

int mg_durable_replace(int dir, const char *temporary, const char *name, const void *data,
		       size_t size)
{
	int fd = -1;
	int ret;

	unlinkat(dir, temporary, 0); /* left by a crash */
	ret = mg_durable_create(dir, temporary, data, size, &fd);
	if (ret)
		return ret;
	ret = mg_durable_sync(fd);
	/* some network file systems tell of a full disk here only */
	if (close(fd) < 0 && !ret && errno != EINTR)
		ret = -errno;
	if (!ret)
		ret = put_in_place(dir, temporary, name);
	if (ret)
		unlinkat(dir, temporary, 0);
	return ret;
}

int mg_durable_write(int dir, const char *name, const void *data, size_t size)
{
	char temporary[NAME_MAX + 1];
	int ret = temporary_name(temporary, sizeof(temporary), name);

	return ret ? ret : mg_durable_replace(dir, temporary, name, data, size);
}

int mg_durable_link(int dir, const char *name, const char *target)
{
	char temporary[NAME_MAX + 1];
	int ret;

	ret = temporary_name(temporary, sizeof(temporary), name);
	if (ret)
		return ret;
	unlinkat(dir, temporary, 0);
	if (symlinkat(target, dir, temporary) < 0)
		return -errno;
	ret = put_in_place(dir, temporary, name);
	if (ret)
		unlinkat(dir, temporary, 0);
	return ret;
}

int mg_durable_unlink(int dir, const char *name)
{
	if (unlinkat(dir, name, 0) < 0)
		return errno == ENOENT ? 0 : -errno;
	return mg_durable_sync(dir);
}

static int read_all(int fd, char *data, size_t size)
{
	size_t have = 0;

	while (have < size) {
		ssize_t done = read(fd, data + have, size - have);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		if (done == 0)
			return -EIO; /* it shrank under our hands */
		have += (size_t)done;
	}
	return 0;
}

/* How long is the regular file that is open as @fd? */
static int measure(int fd, size_t limit, size_t *size)
{
	struct stat st;

	*size = 0;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_size < 0 || (size_t)st.st_size > limit)
		return -EFBIG;
	*size = (size_t)st.st_size;
	return 0;
}

int mg_durable_read_open(int fd, size_t limit, char **out, size_t *size)
{
	char *data = NULL;
	size_t length;
	int ret = measure(fd, limit, &length);

	if (ret)
		return ret;
	data = malloc(length + 1);
	if (!data)
		return -ENOMEM;
	ret = read_all(fd, data, length);
	if (ret) {
		free(data);
		return ret;
	}
	data[length] = '\0';
	*out = data;
	if (size)
		*size = length;
	return 0;
}

/* O_NONBLOCK: a FIFO put there must not hold us up. */
static int open_to_read(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int mg_durable_read(int dir, const char *name, size_t limit, char **out, size_t *size)
{
	int fd = open_to_read(dir, name);
	int ret;

	if (fd < 0)
		return fd;
	ret = mg_durable_read_open(fd, limit, out, size);
	close(fd);
	return ret;
}

/* In pieces that divide into words; the last one may be shorter. */
static int sum_open(int fd, size_t limit, uint64_t *sum, size_t *size)
{
	enum { PIECE = 64 * 1024 };
	char piece[PIECE];
	size_t left, length = PIECE;
	int ret = measure(fd, limit, size);

	if (ret)
		return ret;
	*sum = MG_CHECKSUM_START ^ *size;
	for (left = *size; length == PIECE; left -= length) {
		length = left < PIECE ? left : PIECE;
		ret = read_all(fd, piece, length);
		if (ret)
			return ret;
		if (memchr(piece, 0, length))
			return -EBADMSG;
		*sum = length == PIECE ? mg_checksum_words(*sum, piece, length)
				       : mg_checksum_end(*sum, piece, length);
	}
	return 0;
}

int mg_durable_sum(int dir, const char *name, size_t limit, uint64_t *sum, size_t *size)
{
	int fd = open_to_read(dir, name);
	int ret;

	if (fd < 0)
		return fd;
	ret = sum_open(fd, limit, sum, size);
	close(fd);
	return ret;
}

int mg_durable_remove_folder(int dir, const char *name)
{
	struct dirent *entry;
	DIR *stream;
	int ret = 0;
	int fd;

	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	stream = fdopendir(fd);
	if (!stream) {
		ret = -errno;
		close(fd);
		return ret;
	}
	while ((entry = readdir(stream))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (unlinkat(dirfd(stream), entry->d_name, 0) < 0)
			ret = -errno;
	}
	closedir(stream);
	if (!ret && unlinkat(dir, name, AT_REMOVEDIR) < 0)
		ret = -errno;
	return ret;
}
