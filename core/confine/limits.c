/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Limits on what a process may use, and the descriptors that it has.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "layers.h"

/* Before Linux 5.9 there is no close_range(2), and a container's filter may not know it. */
static int close_one_by_one(int fd)
{
	struct rlimit limit;
	int i, count;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return -errno;
	count = limit.rlim_cur < INT_MAX ? (int)limit.rlim_cur : INT_MAX;
	for (i = 0; i < count; i++)
		if (i != fd && !(MG_WATCHED && i == STDERR_FILENO))
			close(i);
	return 0;
}

static int close_between(int first, unsigned int last)
{
	return (unsigned int)first <= last && syscall(SYS_close_range, first, last, 0) ? -errno : 0;
}

int mg_close_others(int fd)
{
	int err, from = 0;

	/* of those below, a watched process keeps the one for its report */
	for (; MG_WATCHED && from <= STDERR_FILENO && from < fd; from++)
		if (from != STDERR_FILENO)
			close(from);
	err = fd > from ? close_between(from, (unsigned int)fd - 1) : 0;
	if (!err)
		err = close_between(fd + 1, ~0U);
	return err ? close_one_by_one(fd) : 0;
}

/* Better this process than sshd, where memory runs out. It may fail: it is a courtesy. */
static void go_first(void)
{
	static const char worst[] = "1000";
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, worst, strlen(worst)) < 0)
		errno = 0;
	close(fd);
}

/* Bytes of address space that there are now; where /proc is not there, a guess. */
static size_t address_space(void)
{
	unsigned long pages = 0;
	char text[128];
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	text[length > 0 ? length : 0] = '\0';
	if (sscanf(text, "%lu", &pages) != 1)
		return (size_t)256 << 20;
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static int limit(int resource, rlim_t value)
{
	struct rlimit now, wanted = { value, value };

	if (getrlimit((__rlimit_resource_t)resource, &now))
		return -errno;
	if (now.rlim_max < value) /* whoever started us has set a lower one */
		wanted = (struct rlimit){ now.rlim_max, now.rlim_max };
	return setrlimit((__rlimit_resource_t)resource, &wanted) ? -errno : 0;
}

int mg_limit_resources(size_t memory, unsigned int seconds)
{
	const struct {
		int resource;
		rlim_t value;
	} limits[] = {
		{ RLIMIT_CORE, 0 },	 { RLIMIT_FSIZE, 0 },	    { RLIMIT_NPROC, 0 },
		{ RLIMIT_MEMLOCK, 0 },	 { RLIMIT_MSGQUEUE, 0 },    { RLIMIT_SIGPENDING, 0 },
		{ RLIMIT_CPU, seconds }, { RLIMIT_STACK, 8 << 20 },
	};
	const size_t space = MG_WATCHED ? 0 : address_space();
	/* where addresses have 32 bits the sum may be more than there are */
	const size_t most = memory < SIZE_MAX - space ? space + memory : SIZE_MAX;
	size_t i;
	int err = 0;

	go_first();
	for (i = 0; i < sizeof(limits) / sizeof(*limits) && !err; i++)
		err = limit(limits[i].resource, limits[i].value);
	/* a watcher reserves terabytes of addresses */
	if (!err && !MG_WATCHED)
		err = limit(RLIMIT_AS, most);
	return err;
}

int mg_limit_descriptors(void)
{
	return limit(RLIMIT_NOFILE, 0);
}
