/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The n-th call of this process fails: of those that reach the kernel, or that
 * ask for memory. To be included by a program that is linked with the static
 * library, once: what it defines stands in the place of libc's.
 *
 *	for (long n = 1; failing_goes_on(n); n++) {
 *		err = FAILING(EIO, n, the_call());
 *		judge what it has left
 *	}
 */
#ifndef SPEC_FAILING_H
#define SPEC_FAILING_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "spec/support/tap.h"

/* How a call fails; beyond 0 it is the errno of one that reaches the kernel. */
enum {
	FAILING_MEMORY = -1, /* an allocation */
	FAILING_HALF = -2,   /* only half of what is read or written is */
	FAILING_END = -3,    /* a read() finds the end */
};

static int failing_how;
static long failing_at, failing_seen;
static pid_t failing_pid;
static bool failing_hit;

static bool failing_now(void)
{
	if (!failing_at || ++failing_seen != failing_at || getpid() != failing_pid)
		return false;
	return failing_hit = true;
}

static bool failing_call(void)
{
	if (failing_how <= 0 || !failing_now())
		return false;
	errno = failing_how;
	return true;
}

static inline void failing_begin(int how, long number)
{
	failing_how = how;
	failing_seen = 0;
	failing_hit = false;
	failing_pid = getpid();
	failing_at = number;
}

static inline int failing_end(int result)
{
	failing_at = 0;
	return result;
}

/** Was the last one hit? Else there is no n-th. Nor is there need of it where a case has failed. */
static inline bool failing_goes_on(long number)
{
	return (number == 1 || failing_hit) && !tap_reason[0];
}

#define FAILING(how, number, call) (failing_begin(how, number), failing_end(call))

/* ASan has an allocator of its own. */
#ifndef __SANITIZE_ADDRESS__
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

static bool failing_memory(void)
{
	if (failing_how != FAILING_MEMORY || !failing_now())
		return false;
	errno = ENOMEM;
	return true;
}

void *malloc(size_t size)
{
	return failing_memory() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return failing_memory() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
	return failing_memory() ? NULL : __libc_realloc(old, size);
}
#endif

int openat(int dir, const char *path, int flags, ...)
{
	va_list args;
	int mode;

	va_start(args, flags);
	mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, int) : 0;
	va_end(args);
	return failing_call() ? -1 : (int)syscall(SYS_openat, dir, path, flags, mode);
}

int open(const char *path, int flags, ...)
{
	va_list args;
	int mode;

	va_start(args, flags);
	mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, int) : 0;
	va_end(args);
	return openat(AT_FDCWD, path, flags, mode);
}

/* closed it is, as after an error of a network file system */
int close(int fd)
{
	int ret = (int)syscall(SYS_close, fd);

	return failing_call() ? -1 : ret;
}

ssize_t read(int fd, void *buffer, size_t size)
{
	if (failing_how == FAILING_END && failing_now())
		return 0;
	if (failing_how == FAILING_HALF && size > 1 && failing_now())
		size /= 2;
	return failing_call() ? -1 : syscall(SYS_read, fd, buffer, size);
}

ssize_t write(int fd, const void *buffer, size_t size)
{
	if (failing_how == FAILING_HALF && size > 1 && failing_now())
		size /= 2;
	return failing_call() ? -1 : syscall(SYS_write, fd, buffer, size);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
	if (failing_how == FAILING_HALF && parts->iov_len > 1 && failing_now())
		return syscall(SYS_write, fd, parts->iov_base, parts->iov_len / 2);
	return failing_call() ? -1 : syscall(SYS_writev, fd, parts, count);
}

int fsync(int fd)
{
	return failing_call() ? -1 : (int)syscall(SYS_fsync, fd);
}

int ftruncate(int fd, off_t length)
{
	return failing_call() ? -1 : (int)syscall(SYS_ftruncate, fd, length);
}

int flock(int fd, int what)
{
	return failing_call() ? -1 : (int)syscall(SYS_flock, fd, what);
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	return failing_call() ? -1 : (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, 0);
}

int mkdirat(int dir, const char *path, mode_t mode)
{
	return failing_call() ? -1 : (int)syscall(SYS_mkdirat, dir, path, mode);
}

int mkdir(const char *path, mode_t mode)
{
	return mkdirat(AT_FDCWD, path, mode);
}

int unlinkat(int dir, const char *path, int flags)
{
	return failing_call() ? -1 : (int)syscall(SYS_unlinkat, dir, path, flags);
}

int symlinkat(const char *target, int dir, const char *path)
{
	return failing_call() ? -1 : (int)syscall(SYS_symlinkat, target, dir, path);
}

ssize_t readlinkat(int dir, const char *path, char *buffer, size_t size)
{
	return failing_call() ? -1 : syscall(SYS_readlinkat, dir, path, buffer, size);
}

int fstatat(int dir, const char *path, struct stat *st, int flags)
{
	return failing_call() ? -1 : (int)syscall(SYS_newfstatat, dir, path, st, flags);
}

int fstat(int fd, struct stat *st)
{
	return fstatat(fd, "", st, AT_EMPTY_PATH);
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t size)
{
	return failing_call() ? -1 : (int)syscall(SYS_setsockopt, fd, level, name, value, size);
}

int getsockopt(int fd, int level, int name, void *value, socklen_t *size)
{
	return failing_call() ? -1 : (int)syscall(SYS_getsockopt, fd, level, name, value, size);
}

int socket(int family, int type, int protocol)
{
	return failing_call() ? -1 : (int)syscall(SYS_socket, family, type, protocol);
}

int socketpair(int family, int type, int protocol, int pair[2])
{
	return failing_call() ? -1 : (int)syscall(SYS_socketpair, family, type, protocol, pair);
}

int connect(int fd, const struct sockaddr *address, socklen_t size)
{
	return failing_call() ? -1 : (int)syscall(SYS_connect, fd, address, size);
}

#endif
