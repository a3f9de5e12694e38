/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files that are either the old ones or the new ones after a power cut.
 *
 * All functions return 0 or -errno without words: the caller knows the path.
 * Owns nothing. Must not know what is in the files, print or exit.
 */
#ifndef MG_PLAN_DURABLE_H
#define MG_PLAN_DURABLE_H

#include <stddef.h>
#include <stdint.h>

/**
 * Make or replace @name in @dir, mode 0600: temporary name, fsync, rename,
 * fsync of the folder. A failure leaves what was there; only one in the last
 * step, the folder's fsync, leaves the new file in sight.
 */
int mg_durable_write(int dir, const char *name, const void *data, size_t size);

/**
 * The same where others may be writing @name too: @temporary is a name in @dir
 * that nobody else uses.
 */
int mg_durable_replace(int dir, const char *temporary, const char *name, const void *data,
		       size_t size);

/** The same for a symbolic link. */
int mg_durable_link(int dir, const char *name, const char *target);

/** Remove a file and fsync its folder. 0 where there is none. */
int mg_durable_unlink(int dir, const char *name);

/**
 * Make a new file and write it, without the fsync: with several files it is
 * several times faster to write all of them first and then fsync each.
 * @fd: the open file, for mg_durable_sync(); the caller closes it
 */
int mg_durable_create(int dir, const char *name, const void *data, size_t size, int *fd);

/** fsync(2); a folder on a file system that cannot do that is no failure. */
int mg_durable_sync(int fd);

/**
 * Read a regular file of at most @limit bytes (-EFBIG beyond). *@out is
 * allocated and a NUL follows its last byte. @size may be NULL.
 */
int mg_durable_read(int dir, const char *name, size_t limit, char **out, size_t *size);

/**
 * mg_checksum_whole() of a regular file of at most @limit bytes, of which never
 * more than a piece is in memory. -EBADMSG: it holds a NUL byte.
 */
int mg_durable_sum(int dir, const char *name, size_t limit, uint64_t *sum, size_t *size);

/** Read the regular file that is open as @fd, which stays open; as mg_durable_read(). */
int mg_durable_read_open(int fd, size_t limit, char **out, size_t *size);

/** Remove the folder @name with the files in it; no folders below it. */
int mg_durable_remove_folder(int dir, const char *name);

#endif
