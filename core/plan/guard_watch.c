/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The watcher: a second process beside the guard, which does what the guard
 * would have done if that is dead or hangs.
 *
 * Its life is one wait for the guard's end or for the limit of the stage that
 * the guard says it is at. A guard that somebody has stopped is not waited for
 * where it only has to do something quick; while the deadline runs it may
 * rest until then, since nobody needs it before.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plan/guard_sentry.h"
#include "ruleset/failure.h"

#define LOOK_AGAIN_MS 1000 /* poll() does not count the time of a suspended host */
#define LOOK_CLOSER_MS 150 /* in the stages that are short */
#define DIES_MS 5000 /* from SIGKILL to the end: a call into the kernel may have to end first */

/*
 * The guard died while the applying process may have been in the middle of its
 * commit: that is let come to its end, so that it can say what it did, but not
 * for longer than this.
 */
#define COMMIT_ENDS (700 * MG_MILLISECOND)

/* The applying process comes third, should both of the others fail. */
#define THIRD_GRACE (400 * MG_MILLISECOND)

static int open_process(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

/* Without pidfds (a kernel before 5.3): the guard is our parent as long as it lives. */
static bool has_ended(const struct mg_sentry *sentry)
{
	struct pollfd ended = { .fd = sentry->self, .events = POLLIN };

	if (sentry->self < 0)
		return getppid() != atomic_load(&sentry->page->guard);
	return poll(&ended, 1, 0) == 1;
}

/*
 * Has somebody stopped a process (SIGSTOP, the freezer of an old cgroup)?
 * @name: that it must have; NULL: it is known to be the one that is meant
 */
static bool is_stopped(pid_t pid, const char *name)
{
	char path[32], text[128];
	const char *name_end;
	ssize_t size;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	size = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[size > 0 ? size : 0] = '\0';
	name_end = strrchr(text, ')');
	if (name && !strstr(text, name))
		return false;
	/* 't' is a debugger's, and may be over in a moment */
	return name_end && name_end[1] == ' ' && name_end[2] == 'T';
}

static bool is_short(int stage)
{
	return stage != MG_STAGE_BEGUN && stage != MG_STAGE_COMMITTED;
}

/* Until the guard has ended, is at another stage, or is to be looked at. */
static void wait_for_guard(const struct mg_sentry *sentry)
{
	struct pollfd fds[] = { { .fd = sentry->self, .events = POLLIN },
				{ .fd = sentry->poke, .events = POLLIN } };
	int64_t most = is_short(atomic_load(&sentry->page->stage)) || sentry->self < 0
			       ? LOOK_CLOSER_MS
			       : LOOK_AGAIN_MS;
	int64_t left = (atomic_load(&sentry->page->limit) - mg_guard_now()) / MG_MILLISECOND + 1;
	uint64_t pokes;

	if (left > most)
		left = most;
	poll(fds, 2, left > 0 ? (int)left : 0);
	if (fds[1].revents)
		(void)!read(sentry->poke, &pokes, sizeof(pokes));
}

static void await_end(const struct mg_sentry *sentry)
{
	struct pollfd ended = { .fd = sentry->self, .events = POLLIN };

	if (sentry->self >= 0) {
		poll(&ended, 1, DIES_MS);
		return;
	}
	for (int i = 0; i < DIES_MS / 10 && !has_ended(sentry); i++)
		poll(NULL, 0, 10);
}

/* Stop a guard that hangs for good: it must not wake up and restore beside us. */
static void kill_guard(const struct mg_sentry *sentry)
{
	if (sentry->self >= 0)
		syscall(SYS_pidfd_send_signal, sentry->self, SIGKILL, NULL, 0);
	else if (!has_ended(sentry))
		kill(atomic_load(&sentry->page->guard), SIGKILL);
	await_end(sentry);
}

/*
 * The guard died owing an answer: who waits for it holds the lock on the tables
 * meanwhile, and would keep us from restoring them. More than one does no harm.
 */
static void answer_applying(const struct mg_sentry *sentry)
{
	const struct mg_guard_message heard = mg_guard_message(MG_GUARD_HEARD);

	if (sentry->channel >= 0)
		mg_guard_send(sentry->channel, &heard);
}

/*
 * Nothing that is committed stays, but whoever commits is heard out first: it
 * may yet say that nothing was done.
 */
static void hear_applying_out(struct mg_sentry *sentry)
{
	const int64_t limit = mg_guard_now() + COMMIT_ENDS;
	struct mg_guard_message message;
	int64_t left;
	int ret;

	for (;;) {
		struct pollfd fds[] = { { .fd = sentry->channel, .events = POLLIN },
					{ .fd = sentry->applying, .events = POLLIN } };

		ret = mg_guard_receive(sentry->channel, &message);
		if (!ret && message.op == MG_GUARD_DISMISS)
			mg_sentry_finish(sentry, MG_VERDICT_NONE, NULL, 0);
		if (!ret && message.op == MG_GUARD_COMMITTED)
			answer_applying(sentry);
		if (ret != -EAGAIN)
			return;
		left = (limit - mg_guard_now()) / MG_MILLISECOND;
		if (left <= 0)
			break;
		poll(fds, 2, (int)left);
		if (fds[1].revents && !fds[0].revents)
			return;
	}
	mg_sentry_stop_applying(sentry);
}

/* The guard is dead; what it had to do is ours. */
static void take_over(struct mg_sentry *sentry) __attribute__((noreturn));
static void take_over(struct mg_sentry *sentry)
{
	const struct mg_guard_order *order = sentry->order;
	const struct mg_error words = { MG_STATE_UNKNOWN, "the guard was killed as it said why" };
	const enum mg_verdict verdict = (enum mg_verdict)atomic_load(&sentry->page->verdict);
	const int stage = atomic_load(&sentry->page->stage);

	prctl(PR_SET_NAME, "moongate-guard");
	atomic_store(&sentry->page->guard, getpid());
	sentry->watcher = -1;
	sentry->stands_in = true;
	switch (stage) {
	case MG_STAGE_BEGUN: mg_door_remove(&sentry->door); _exit(1);
	case MG_STAGE_ARMED: hear_applying_out(sentry); break;
	case MG_STAGE_COMMITTED: answer_applying(sentry); break;
	case MG_STAGE_CONFIRMING:
		/* what the disk says holds, as it does for the next boot */
		if (order->is_confirmed && order->is_confirmed(order->context))
			mg_sentry_finish(sentry, MG_VERDICT_CONFIRMED, NULL, 0);
		break;
	case MG_STAGE_SETTLING:
	case MG_STAGE_SETTLED:
		mg_sentry_finish(sentry, verdict, &words, verdict == MG_VERDICT_FAILED ? -EIO : 0);
	default: break;
	}
	mg_sentry_roll_back(sentry);
}

static void watch(struct mg_sentry *sentry) __attribute__((noreturn));
static void watch(struct mg_sentry *sentry)
{
	int stopped = 0; /* times that it was seen, in a row */

	prctl(PR_SET_NAME, "moongate-watch");
	for (int i = 0; i < MG_KNOCKERS; i++) {
		if (sentry->knockers[i].fd >= 0)
			close(sentry->knockers[i].fd);
		sentry->knockers[i].fd = -1;
	}
	for (;;) {
		wait_for_guard(sentry);
		if (has_ended(sentry))
			take_over(sentry);
		stopped = is_short(atomic_load(&sentry->page->stage)) &&
					  is_stopped(atomic_load(&sentry->page->guard), NULL)
				  ? stopped + 1
				  : 0;
		/* one that is being stopped and continued all the time gets its time */
		if (stopped < 2 && mg_guard_now() < atomic_load(&sentry->page->limit))
			continue;
		kill_guard(sentry);
		take_over(sentry);
	}
}

int mg_watch_start(struct mg_sentry *sentry, struct mg_error *error)
{
	pid_t pid;

	if (sentry->watcher >= 0)
		close(sentry->watcher);
	sentry->watcher = -1;
	pid = fork();
	if (pid == 0)
		watch(sentry);
	if (pid < 0)
		return mg_fail(error, -errno, MG_ENVIRONMENT, "cannot fork the guard's watcher: %s",
			       strerror(errno));
	atomic_store(&sentry->page->watcher, pid);
	sentry->watcher = open_process(pid);
	return 0;
}

void mg_watch_renew(struct mg_sentry *sentry)
{
	const pid_t pid = atomic_load(&sentry->page->watcher);

	if (waitpid(pid, NULL, WNOHANG) == 0)
		return;
	/* nothing is live unwatched */
	if (mg_watch_start(sentry, NULL)) {
		if (!sentry->committed)
			mg_sentry_stop_applying(sentry);
		mg_sentry_roll_back(sentry);
	}
}

void mg_watch_stop(struct mg_sentry *sentry)
{
	const pid_t pid = atomic_load(&sentry->page->watcher);

	if (pid <= 0 || pid == getpid() || waitpid(pid, NULL, WNOHANG) != 0)
		return;
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static void kill_for_good(pid_t pid, pid_t session)
{
	struct pollfd ended = { .events = POLLIN };

	ended.fd = pid > 0 ? open_process(pid) : -1;
	/* its id may be another process's by now */
	if (ended.fd >= 0 && getsid(pid) == session &&
	    syscall(SYS_pidfd_send_signal, ended.fd, SIGKILL, NULL, 0) == 0)
		poll(&ended, 1, DIES_MS);
	if (ended.fd >= 0)
		close(ended.fd);
}

void mg_watch_end(const struct mg_guard_page *page)
{
	const pid_t session = atomic_load(&page->session);

	kill_for_good(atomic_load(&page->watcher), session);
	kill_for_good(atomic_load(&page->guard), session);
}

void mg_watch_overdue(const struct mg_guard_page *page)
{
	if (mg_guard_now() >= atomic_load(&page->limit) + THIRD_GRACE)
		mg_watch_end(page);
}

bool mg_guard_end_stopped(pid_t guard)
{
	struct pollfd ended = { .fd = guard > 0 ? open_process(guard) : -1, .events = POLLIN };
	bool is_ended = false;

	/* looked at when it cannot become another process any more */
	if (ended.fd >= 0 && is_stopped(guard, "(moongate-guard)") &&
	    syscall(SYS_pidfd_send_signal, ended.fd, SIGKILL, NULL, 0) == 0)
		is_ended = poll(&ended, 1, DIES_MS) == 1;
	if (ended.fd >= 0)
		close(ended.fd);
	return is_ended;
}
