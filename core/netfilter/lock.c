/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The xtables lock, as iptables(8) takes it: flock(2) on a file that is never
 * removed.
 */
#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "ruleset/failure.h"

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static const char *lock_path(void)
{
	const char *path = getenv("XTABLES_LOCKFILE");

	return path && *path ? path : "/run/xtables.lock";
}

int mg_xtables_lock(double seconds, int *fd, struct mg_error *error)
{
	const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };
	const double deadline = now() + seconds;
	const char *path = lock_path();
	int file = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0600);

	if (file < 0)
		return mg_fail(error, -errno, MG_ENVIRONMENT, "cannot open the lock %s: %s", path,
			       strerror(errno));
	/* flock() knows no time limit, and an alarm would be the whole process's */
	while (flock(file, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR) {
			int err = -errno;

			close(file);
			return mg_fail(error, err, MG_ENVIRONMENT, "cannot lock %s: %s", path,
				       strerror(-err));
		}
		if (now() >= deadline) {
			close(file);
			return mg_fail(error, -EBUSY, MG_BUSY,
				       "another program holds the xtables lock (%s); waited %g "
				       "seconds, --wait SECONDS waits longer",
				       path, seconds);
		}
		nanosleep(&pause, NULL);
	}
	*fd = file;
	return 0;
}

void mg_xtables_unlock(int fd)
{
	if (fd >= 0)
		close(fd);
}
