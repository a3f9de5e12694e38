/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The applying process's end of the guard: forking it, and talking to it.
 *
 * Owns the channel. Must not print, exit (the forked processes never return
 * from here) or know what is guarded.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plan/guard_sentry.h"
#include "ruleset/failure.h"

#define READY_MS 5000
#define HEARD_MS 5000
#define DONE_MS 60000
#define LOOK_AGAIN_MS 200 /* are both of them still at work? */
#define LONGEST 1e7	  /* seconds; a deadline beyond some months is a mistake */

struct mg_guard {
	int channel;
	struct mg_guard_page *page;   /* that guard and watcher share with us */
	struct mg_guard_message last; /* the verdict, when there is one */
	enum mg_verdict verdict;
};

int mg_guard_token(char token[33], struct mg_error *error)
{
	unsigned char random[16];
	ssize_t size;

	do {
		size = getrandom(random, sizeof(random), 0);
	} while (size < 0 && errno == EINTR);
	if (size != (ssize_t)sizeof(random))
		return mg_fail(error, size < 0 ? -errno : -EIO, MG_ENVIRONMENT,
			       "cannot get random numbers: %s", strerror(size < 0 ? errno : EIO));
	for (size_t i = 0; i < sizeof(random); i++)
		snprintf(token + 2 * i, 3, "%02x", random[i]);
	return 0;
}

static int check_order(const struct mg_guard_order *order, struct mg_error *error)
{
	struct sockaddr_un address;

	if (!order->restore || !order->confirm)
		return mg_fail(error, -EINVAL, MG_INVALID, "a guard needs restore and confirm");
	if (!order->token || !order->token[0] || strlen(order->token) >= MG_GUARD_TOKEN)
		return mg_fail(error, -EINVAL, MG_INVALID,
			       "a guard needs a token of 1 to %d characters", MG_GUARD_TOKEN - 1);
	/* written so that a NaN is refused, too */
	if (!(order->seconds > 0 && order->seconds <= LONGEST) ||
	    !(order->commit_seconds >= 0 && order->commit_seconds <= LONGEST))
		return mg_fail(error, -EINVAL, MG_INVALID,
			       "a time to confirm of %g seconds makes no sense", order->seconds);
	if (!order->socket_path || order->socket_path[0] != '/')
		return mg_fail(error, -EINVAL, MG_INVALID, "the guard's socket needs a whole path");
	for (size_t i = 0; i < order->keep_count; i++) {
		/* 0 to 2 become /dev/null in the guard */
		if (order->keep_fds[i] < 3)
			return mg_fail(error, -EINVAL, MG_INVALID,
				       "descriptor %d cannot be kept for the guard",
				       order->keep_fds[i]);
	}
	return mg_guard_address(order->socket_path, &address, error);
}

/* A descriptor from 3 upwards: a caller with its stdio closed gives us less. */
static int lift(int *fd)
{
	int lifted;

	if (*fd > 2)
		return 0;
	lifted = fcntl(*fd, F_DUPFD_CLOEXEC, 3);
	if (lifted < 0)
		return -errno;
	close(*fd);
	*fd = lifted;
	return 0;
}

static int make_channel(int ends[2])
{
	int ret;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	ret = lift(&ends[0]);
	if (!ret)
		ret = lift(&ends[1]);
	if (ret) {
		close(ends[0]);
		close(ends[1]);
	}
	return ret;
}

/* In the child: a session without a terminal, and then the guard in it. */
static void launch(const struct mg_guard_order *order, struct mg_guard_page *page, int channel,
		   int applying) __attribute__((noreturn));
static void launch(const struct mg_guard_order *order, struct mg_guard_page *page, int channel,
		   int applying)
{
	struct mg_guard_message message = mg_guard_message(MG_GUARD_REFUSED);
	int nobody = 0;
	pid_t pid;

	setsid();
	atomic_store(&page->session, getsid(0));
	/* not being the leader of its session, it can never get a terminal */
	pid = fork();
	if (pid == 0)
		mg_guard_run(order, page, channel, applying);
	if (pid > 0) /* it may never get so far as to say so itself */
		atomic_compare_exchange_strong(&page->guard, &nobody, pid);
	if (pid < 0) {
		message.err = -errno;
		message.status = MG_ENVIRONMENT;
		snprintf(message.text, sizeof(message.text), "cannot fork the guard: %s",
			 strerror(errno));
		mg_guard_send(channel, &message);
	}
	_exit(0);
}

/*
 * Fork twice, with all signals blocked from before the first fork until the
 * guard ignores them: a ^C in between must not leave us with half of it.
 */
static int fork_guard(const struct mg_guard_order *order, struct mg_guard_page *page, int ends[2])
{
	sigset_t all, before;
	int applying;
	pid_t pid;
	int ret;

	applying = (int)syscall(SYS_pidfd_open, getpid(), 0);
	if (applying >= 0 && lift(&applying)) {
		close(applying);
		applying = -1;
	}
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid = fork();
	ret = pid < 0 ? -errno : 0;
	if (pid == 0) {
		close(ends[0]); /* or the guard would hold its own channel open */
		launch(order, page, ends[1], applying);
	}
	/* ECHILD, where the caller ignores SIGCHLD, is as good */
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (applying >= 0)
		close(applying);
	return ret;
}

static int await_ready(int channel, int *pid, struct mg_error *error)
{
	struct mg_guard_message answer;
	int ret;

	ret = mg_guard_await(channel, READY_MS, false, &answer);
	if (ret == -ETIMEDOUT)
		return mg_fail(error, ret, MG_ENVIRONMENT,
			       "the guard was not ready after %d seconds", READY_MS / 1000);
	if (ret)
		return mg_fail(error, ret, MG_ENVIRONMENT, "the guard ended before it was ready");
	if (answer.op == MG_GUARD_REFUSED)
		return mg_fail(error, answer.err < 0 ? answer.err : -EIO,
			       (enum mg_status)answer.status, "%s", answer.text);
	if (answer.op != MG_GUARD_READY)
		return mg_fail(error, -EPROTO, MG_ENVIRONMENT, "the guard speaks nonsense");
	if (pid)
		*pid = answer.pid;
	return 0;
}

int mg_guard_arm(const struct mg_guard_order *order, struct mg_guard **out, int *pid,
		 struct mg_error *error)
{
	const struct mg_guard_message dismiss = mg_guard_message(MG_GUARD_DISMISS);
	struct mg_guard *guard;
	int ends[2];
	int ret;

	ret = check_order(order, error);
	if (ret)
		return ret;
	guard = calloc(1, sizeof(*guard));
	if (!guard)
		return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory");
	guard->channel = -1;
	guard->page = mmap(NULL, sizeof(*guard->page), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (guard->page == MAP_FAILED) {
		guard->page = NULL;
		ret = mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory");
		goto out;
	}
	ret = make_channel(ends);
	if (ret) {
		mg_set_error(error, MG_ENVIRONMENT, "cannot make the guard's channel: %s",
			     strerror(-ret));
		goto out;
	}
	guard->channel = ends[0];
	ret = fork_guard(order, guard->page, ends);
	close(ends[1]);
	if (ret) {
		mg_set_error(error, MG_ENVIRONMENT, "cannot fork the guard: %s", strerror(-ret));
		goto out;
	}
	ret = await_ready(guard->channel, pid, error);
	if (ret) {
		/* one that comes late must not restore what nobody has touched */
		mg_guard_send(guard->channel, &dismiss);
		/* nor may one that somebody has stopped keep the lock for ever */
		if (ret == -ETIMEDOUT)
			mg_watch_end(guard->page);
		goto out;
	}
	*out = guard;
	guard = NULL;
out:
	mg_guard_free(guard);
	return ret;
}

size_t mg_guard_processes(const struct mg_guard *guard, pid_t out[2])
{
	const pid_t both[2] = { atomic_load(&guard->page->guard),
				atomic_load(&guard->page->watcher) };
	size_t count = 0;

	for (size_t i = 0; i < 2; i++)
		if (both[i] > 0)
			out[count++] = both[i];
	return count;
}

static enum mg_verdict set_verdict(struct mg_guard *guard, const struct mg_guard_message *answer)
{
	guard->last = *answer;
	guard->verdict = (enum mg_verdict)answer->verdict;
	return guard->verdict;
}

/*
 * Both are dead. If that was in the end, when all was done and only the word of
 * it was missing, the page has it.
 */
static bool was_settled(struct mg_guard *guard)
{
	struct mg_guard_message answer = mg_guard_message(MG_GUARD_VERDICT);

	if (atomic_load(&guard->page->stage) != MG_STAGE_SETTLED)
		return false;
	answer.verdict = atomic_load(&guard->page->verdict);
	snprintf(answer.text, sizeof(answer.text), "the guard was killed as it said why");
	set_verdict(guard, &answer);
	return true;
}

static int gone(struct mg_guard *guard, struct mg_error *error)
{
	guard->verdict = MG_VERDICT_GONE;
	return mg_fail(error, -EPIPE, MG_STATE_UNKNOWN,
		       "the guard ended before anything was settled");
}

/*
 * Send a request and wait for its answer, in spite of signals: whoever asked
 * has to know. A failure to send is left to the answer: a guard that is just
 * settling has left its verdict in the channel.
 */
static int request(struct mg_guard *guard, const struct mg_guard_message *message, int milliseconds,
		   struct mg_error *error)
{
	const enum mg_guard_op op = (enum mg_guard_op)message->op;
	struct mg_guard_message answer;
	int ret;

	if (guard->verdict == MG_VERDICT_GONE)
		return gone(guard, error);
	if (guard->last.op == MG_GUARD_VERDICT)
		return mg_guard_outcome(op, &guard->last, error);
	mg_guard_send(guard->channel, message);
	do {
		ret = mg_guard_await(guard->channel, milliseconds, false, &answer);
		/* what an earlier request no longer waited for */
	} while (!ret && answer.op == MG_GUARD_HEARD && op != MG_GUARD_COMMITTED);
	if (ret == -ETIMEDOUT)
		return mg_fail(error, ret, MG_STATE_UNKNOWN, "the guard does not answer");
	if (ret && was_settled(guard))
		return mg_guard_outcome(op, &guard->last, error);
	if (ret)
		return gone(guard, error);
	if (answer.op == MG_GUARD_HEARD)
		return 0;
	if (answer.op == MG_GUARD_VERDICT)
		set_verdict(guard, &answer);
	return mg_guard_outcome(op, &answer, error);
}

int mg_guard_committed(struct mg_guard *guard, struct mg_error *error)
{
	const struct mg_guard_message message = mg_guard_message(MG_GUARD_COMMITTED);

	return request(guard, &message, HEARD_MS, error);
}

int mg_guard_dismiss(struct mg_guard *guard, struct mg_error *error)
{
	const struct mg_guard_message message = mg_guard_message(MG_GUARD_DISMISS);

	return request(guard, &message, DONE_MS, error);
}

int mg_guard_confirm(struct mg_guard *guard, const char *by, struct mg_error *error)
{
	struct mg_guard_message message = mg_guard_message(MG_GUARD_CONFIRM);

	if (mg_guard_set_by(&message, by))
		return mg_fail(error, -EINVAL, MG_INVALID,
			       "how it was confirmed is to be 1 to 31 plain characters");
	return request(guard, &message, DONE_MS, error);
}

int mg_guard_rollback(struct mg_guard *guard, struct mg_error *error)
{
	const struct mg_guard_message message = mg_guard_message(MG_GUARD_ROLLBACK);

	return request(guard, &message, DONE_MS, error);
}

/* Wait for a message, in pieces: what is overdue shows on the page only. */
static int await_piece(struct mg_guard *guard, int *milliseconds, struct mg_guard_message *answer)
{
	const int most = *milliseconds < 0 || *milliseconds > LOOK_AGAIN_MS ? LOOK_AGAIN_MS
									    : *milliseconds;
	int ret = mg_guard_await(guard->channel, most, true, answer);

	if (ret != -ETIMEDOUT)
		return ret;
	mg_watch_overdue(guard->page);
	if (*milliseconds > 0)
		*milliseconds -= most;
	return *milliseconds ? -EAGAIN : ret;
}

enum mg_verdict mg_guard_wait(struct mg_guard *guard, int milliseconds, struct mg_error *error)
{
	while (guard->verdict == MG_VERDICT_NONE && guard->last.op != MG_GUARD_VERDICT) {
		struct mg_guard_message answer;
		int ret = await_piece(guard, &milliseconds, &answer);

		if (ret == -ETIMEDOUT || ret == -EINTR)
			return MG_VERDICT_NONE;
		if (ret == -EAGAIN)
			continue;
		if (ret && !was_settled(guard))
			guard->verdict = MG_VERDICT_GONE;
		else if (!ret && answer.op == MG_GUARD_VERDICT)
			set_verdict(guard, &answer);
	}
	if (guard->verdict == MG_VERDICT_GONE)
		gone(guard, error);
	else if (guard->verdict == MG_VERDICT_FAILED)
		mg_guard_outcome(MG_GUARD_ROLLBACK, &guard->last, error);
	return guard->verdict;
}

void mg_guard_free(struct mg_guard *guard)
{
	if (!guard)
		return;
	if (guard->channel >= 0)
		close(guard->channel);
	if (guard->page)
		munmap(guard->page, sizeof(*guard->page));
	free(guard);
}
