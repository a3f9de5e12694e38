/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cutting a forked process off from everything that could end it or hold
 * it up: signals, terminal, descriptors, limits.
 *
 * Owns nothing. Must not know what the process is for.
 */
#include "plan/guard_detach.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ruleset/failure.h"

/*
 * Everything is ignored but what says that this process has crashed, and
 * SIGCHLD: ignored, that would take a callback's own children from it.
 */
static void ignore_signals(void)
{
	static const int kept[] = { SIGCHLD, SIGSEGV, SIGBUS,  SIGFPE,
				    SIGILL,  SIGABRT, SIGTRAP, SIGSYS };
	struct sigaction action = { .sa_handler = SIG_IGN };
	sigset_t none;

	/* fails for KILL, STOP and the two of the C library, as it should */
	for (int number = 1; number <= SIGRTMAX; number++)
		sigaction(number, &action, NULL);
	action.sa_handler = SIG_DFL;
	for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++)
		sigaction(kept[i], &action, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int ascending(const void *a, const void *b)
{
	int left = *(const int *)a;
	int right = *(const int *)b;

	return (left > right) - (left < right);
}

static void close_from_to(unsigned int first, unsigned int last)
{
	struct rlimit limit = { .rlim_cur = 65536 };

	if (first > last || close_range(first, last, 0) == 0)
		return;
	/* a kernel before 5.9, or a filter that does not know the call */
	getrlimit(RLIMIT_NOFILE, &limit);
	for (unsigned int fd = first; fd <= last && fd < limit.rlim_cur; fd++)
		close((int)fd);
}

static void close_others(int *keep, size_t count)
{
	unsigned int next = 3;

	qsort(keep, count, sizeof(*keep), ascending);
	for (size_t i = 0; i < count; i++) {
		unsigned int fd = (unsigned int)keep[i];

		if (fd < next)
			continue; /* named twice */
		close_from_to(next, fd - 1);
		next = fd + 1;
	}
	close_from_to(next, UINT_MAX);
}

static int empty_stdio(struct mg_error *error)
{
	int null;

	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return mg_fail(error, -errno, MG_ENVIRONMENT, "/dev/null: %s", strerror(errno));
	for (int fd = 0; fd < 3; fd++) {
		if (fd != null && dup2(null, fd) < 0)
			return mg_fail(error, -errno, MG_ENVIRONMENT, "dup2: %s", strerror(errno));
	}
	if (null > 2)
		close(null);
	return 0;
}

/* As far as we are allowed to: the hard limit, too, or else up to it. */
static void lift_limit(__rlimit_resource_t resource, rlim_t enough)
{
	struct rlimit limit = { .rlim_cur = enough, .rlim_max = enough };
	struct rlimit now;

	if (getrlimit(resource, &now) < 0 || now.rlim_cur >= enough)
		return;
	if (now.rlim_max > enough)
		limit.rlim_max = now.rlim_max;
	if (setrlimit(resource, &limit) == 0)
		return;
	limit.rlim_cur = limit.rlim_max = now.rlim_max;
	setrlimit(resource, &limit);
}

/* What whoever called us may not have is no reason to leave the new rules alone. */
static void lift_limits(void)
{
	int fd;

	lift_limit(RLIMIT_CPU, RLIM_INFINITY);
	lift_limit(RLIMIT_FSIZE, RLIM_INFINITY);
	lift_limit(RLIMIT_AS, RLIM_INFINITY);
	lift_limit(RLIMIT_DATA, RLIM_INFINITY);
	lift_limit(RLIMIT_NOFILE, 256);
	fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)!write(fd, "-1000", 5);
	close(fd);
}

int mg_detach(const char *name, int *keep, size_t count, struct mg_error *error)
{
	int ret;

	ignore_signals();
	setpgid(0, 0);
	/* or the kernel would see to it that we die with whoever asked for it */
	prctl(PR_SET_PDEATHSIG, 0);
	prctl(PR_SET_NAME, name);
	close_others(keep, count);
	ret = empty_stdio(error);
	if (ret)
		return ret;
	if (chdir("/") < 0)
		return mg_fail(error, -errno, MG_ENVIRONMENT, "/: %s", strerror(errno));
	umask(077);
	lift_limits();
	return 0;
}
