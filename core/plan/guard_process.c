/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guard's own process: one loop over its channel, its socket and its
 * clock, which ends with a verdict.
 *
 * Owns the door and the clock. Never returns to the code that forked it. Must
 * not print, wait for anybody but the kernel, or look at what it guards.
 */
#include "plan/guard.h"
#include "plan/guard_detach.h"
#include "plan/guard_door.h"
#include "plan/guard_wire.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "ruleset/failure.h"

#define SECOND INT64_C(1000000000)
#define MILLISECOND INT64_C(1000000)

#define COMMIT_SECONDS 60.0  /* to get from "armed" to "committed" */
#define KNOCKERS 8	     /* at a time */
#define SILENCE (2 * SECOND) /* a knocker has said what it wants by then */
#define ACCEPT_PAUSE (100 * MILLISECOND)
#define LOOK_AGAIN_MS 1000 /* should the timer ever fail us */

#define TRIES 8
#define FIRST_PAUSE (100 * MILLISECOND)
#define LONGEST_PAUSE (2 * SECOND)

struct knocker {
	int fd; /* -1: a free place */
	int64_t until;
};

struct guard {
	const struct mg_guard_order *order;
	int channel;  /* to the applying process; -1: it is gone */
	int applying; /* pidfd of it; -1: unknown, or of no more interest */
	int timer;
	struct mg_door door;
	bool committed;
	int64_t deadline;     /* CLOCK_BOOTTIME, as all times here */
	int64_t accept_after; /* a pause after accept() failed */
	struct knocker knockers[KNOCKERS];
};

static int64_t now(void)
{
	struct timespec time;

	/* unlike CLOCK_MONOTONIC this one goes on while the host is suspended */
	clock_gettime(CLOCK_BOOTTIME, &time);
	return (int64_t)time.tv_sec * SECOND + time.tv_nsec;
}

static void pause_for(int64_t duration)
{
	const struct timespec time = { .tv_sec = duration / SECOND, .tv_nsec = duration % SECOND };

	nanosleep(&time, NULL);
}

static void refuse(int fd, const struct mg_error *error, int err)
{
	struct mg_guard_message answer = mg_guard_message(MG_GUARD_REFUSED);

	answer.err = err;
	answer.status = (int32_t)error->status;
	memcpy(answer.text, error->text, strnlen(error->text, sizeof(answer.text) - 1));
	mg_guard_send(fd, &answer);
}

static void dismiss_knocker(struct knocker *knocker)
{
	close(knocker->fd);
	knocker->fd = -1;
}

/* The verdict */

/*
 * Everybody who is waiting hears it, those at the door too. shutdown() makes
 * a connect() that comes now fail cleanly, and leaves us those that came.
 */
static void tell(struct guard *guard, const struct mg_guard_message *answer)
{
	struct mg_guard_message request;
	struct mg_error error;
	int ret;

	shutdown(guard->door.fd, SHUT_RDWR);
	for (int i = 0; i < KNOCKERS + 2 * MG_DOOR_BACKLOG; i++) {
		int fd = i < KNOCKERS ? guard->knockers[i].fd
				      : accept4(guard->door.fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0 && i >= KNOCKERS)
			break;
		if (fd < 0)
			continue;
		/* nothing to read from the one whose request led to the verdict */
		ret = 0;
		if (!mg_guard_receive(fd, &request))
			ret = mg_door_judge(guard->order->token, fd, &request, &error);
		if (ret)
			refuse(fd, &error, ret);
		else
			mg_guard_send(fd, answer);
	}
	if (guard->channel >= 0)
		mg_guard_send(guard->channel, answer);
}

static void finish(struct guard *guard, enum mg_verdict verdict, const struct mg_error *error,
		   int err) __attribute__((noreturn));
static void finish(struct guard *guard, enum mg_verdict verdict, const struct mg_error *error,
		   int err)
{
	const struct mg_guard_order *order = guard->order;
	struct mg_guard_message answer = mg_guard_message(MG_GUARD_VERDICT);

	answer.verdict = (int32_t)verdict;
	answer.err = err;
	if (error)
		memcpy(answer.text, error->text, strnlen(error->text, sizeof(answer.text) - 1));

	mg_door_remove(&guard->door);
	if (order->settled)
		order->settled(order->context, verdict);
	/* whoever hears the verdict may start anew at once: the locks go first */
	for (size_t i = 0; i < order->keep_count; i++)
		close(order->keep_fds[i]);
	tell(guard, &answer);
	_exit(0);
}

static void roll_back(struct guard *guard) __attribute__((noreturn));
static void roll_back(struct guard *guard)
{
	struct mg_error error = { 0 };
	int64_t pause = FIRST_PAUSE;
	int ret = -EIO;

	for (int i = 0; i < TRIES; i++) {
		memset(&error, 0, sizeof(error));
		ret = guard->order->restore(guard->order->context, &error);
		if (!ret)
			finish(guard, MG_VERDICT_ROLLED_BACK, NULL, 0);
		if (i == TRIES - 1)
			break;
		pause_for(pause);
		pause = pause * 2 < LONGEST_PAUSE ? pause * 2 : LONGEST_PAUSE;
	}
	finish(guard, MG_VERDICT_FAILED, &error, ret);
}

static void confirm(struct guard *guard, const char *by, int asker)
{
	struct mg_error error = { .status = MG_ENVIRONMENT };
	int ret;

	ret = guard->order->confirm(guard->order->context, by, &error);
	if (!ret)
		finish(guard, MG_VERDICT_CONFIRMED, NULL, 0);
	refuse(asker, &error, ret);
}

/*
 * The applying process has had its time to commit and is still there: stopped,
 * or stuck. It must not go on committing once the old tables are back.
 */
static void stop_applying(struct guard *guard)
{
	struct pollfd ended = { .fd = guard->applying, .events = POLLIN };

	if (guard->applying < 0)
		return;
	if (syscall(SYS_pidfd_send_signal, guard->applying, SIGKILL, NULL, 0) == 0)
		poll(&ended, 1, 5000);
}

/* The loop */

static void start_deadline(struct guard *guard)
{
	if (guard->committed)
		return;
	guard->committed = true;
	guard->deadline = now() + (int64_t)(guard->order->seconds * (double)SECOND);
	if (guard->applying >= 0)
		close(guard->applying);
	guard->applying = -1; /* it may end now */
}

static void lose_channel(struct guard *guard)
{
	if (!guard->committed)
		roll_back(guard);
	close(guard->channel);
	guard->channel = -1;
}

/* Hear all that the applying process has said, up to its end if it has ended. */
static void hear_channel(struct guard *guard)
{
	const struct mg_guard_message heard = mg_guard_message(MG_GUARD_HEARD);
	struct mg_guard_message message;
	int ret;

	while (!(ret = mg_guard_receive(guard->channel, &message))) {
		switch (message.op) {
		case MG_GUARD_COMMITTED:
			start_deadline(guard);
			mg_guard_send(guard->channel, &heard);
			break;
		case MG_GUARD_DISMISS: finish(guard, MG_VERDICT_NONE, NULL, 0);
		case MG_GUARD_CONFIRM:
			start_deadline(guard);
			confirm(guard, message.by, guard->channel);
			break;
		case MG_GUARD_ROLLBACK: roll_back(guard);
		default: break;
		}
	}
	if (ret != -EAGAIN)
		lose_channel(guard);
}

/* One request, one answer. */
static void hear_knocker(struct guard *guard, struct knocker *knocker)
{
	struct mg_guard_message message;
	struct mg_error error = { 0 };
	int ret;

	ret = mg_guard_receive(knocker->fd, &message);
	if (ret == -EAGAIN)
		return;
	if (ret == -EBADMSG)
		mg_set_error(&error, MG_ENVIRONMENT, "the guard is of another version of moongate");
	else if (!ret)
		ret = mg_door_judge(guard->order->token, knocker->fd, &message, &error);
	if (!ret && !guard->committed)
		ret = mg_fail(&error, -EBUSY, MG_BUSY, "the rules are still being applied");
	if (ret && ret != -EPIPE)
		refuse(knocker->fd, &error, ret);
	if (!ret && message.op == MG_GUARD_CONFIRM)
		confirm(guard, message.by, knocker->fd);
	else if (!ret)
		roll_back(guard);
	dismiss_knocker(knocker);
}

/* A free place; if there is none, that of the one that has been silent longest. */
static struct knocker *find_place(struct guard *guard)
{
	struct knocker *place = &guard->knockers[0];

	for (int i = 0; i < KNOCKERS; i++) {
		struct knocker *knocker = &guard->knockers[i];

		if (knocker->fd < 0)
			return knocker;
		if (knocker->until < place->until)
			place = knocker;
	}
	dismiss_knocker(place);
	return place;
}

static void open_door(struct guard *guard)
{
	struct knocker *place;
	int fd;

	fd = accept4(guard->door.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0) {
		/* out of descriptors, say: poll() would return at once for ever */
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			guard->accept_after = now() + ACCEPT_PAUSE;
		return;
	}
	place = find_place(guard);
	place->fd = fd;
	place->until = now() + SILENCE;
}

static void set_timer(const struct guard *guard)
{
	struct itimerspec at = { 0 };
	int64_t next = guard->deadline;

	for (int i = 0; i < KNOCKERS; i++) {
		const struct knocker *knocker = &guard->knockers[i];

		if (knocker->fd >= 0 && knocker->until < next)
			next = knocker->until;
	}
	if (guard->accept_after && guard->accept_after < next)
		next = guard->accept_after;
	/* setting it anew also forgets an old expiry, so it is never read */
	at.it_value.tv_sec = next / SECOND;
	at.it_value.tv_nsec = next % SECOND;
	timerfd_settime(guard->timer, TFD_TIMER_ABSTIME, &at, NULL);
}

static void watch_time(struct guard *guard)
{
	int64_t time = now();

	if (time >= guard->deadline) {
		if (!guard->committed)
			stop_applying(guard);
		roll_back(guard);
	}
	for (int i = 0; i < KNOCKERS; i++) {
		struct knocker *knocker = &guard->knockers[i];

		if (knocker->fd >= 0 && time >= knocker->until)
			dismiss_knocker(knocker);
	}
	if (time >= guard->accept_after)
		guard->accept_after = 0;
}

static void loop(struct guard *guard) __attribute__((noreturn));
static void loop(struct guard *guard)
{
	enum { TIMER, LISTENER, CHANNEL, APPLYING, FIRST };

	for (;;) {
		/* poll() passes over negative descriptors */
		struct pollfd fds[FIRST + KNOCKERS] = {
			[TIMER] = { .fd = guard->timer, .events = POLLIN },
			[LISTENER] = { .fd = guard->accept_after ? -1 : guard->door.fd,
				       .events = POLLIN },
			[CHANNEL] = { .fd = guard->channel, .events = POLLIN },
			[APPLYING] = { .fd = guard->applying, .events = POLLIN },
		};

		for (int i = 0; i < KNOCKERS; i++)
			fds[FIRST + i] = (struct pollfd){ .fd = guard->knockers[i].fd,
							  .events = POLLIN };
		set_timer(guard);
		if (poll(fds, FIRST + KNOCKERS, LOOK_AGAIN_MS) < 0) {
			if (errno != EINTR)
				pause_for(10 * MILLISECOND);
			memset(fds, 0, sizeof(fds));
		}
		/* the clock first, each time: nothing else may delay it */
		watch_time(guard);
		if (fds[CHANNEL].revents)
			hear_channel(guard);
		if (fds[APPLYING].revents && !guard->committed) {
			/* dead, though a child of its holds the channel open */
			hear_channel(guard);
			if (!guard->committed)
				roll_back(guard);
		}
		for (int i = 0; i < KNOCKERS; i++) {
			if (fds[FIRST + i].revents && guard->knockers[i].fd >= 0)
				hear_knocker(guard, &guard->knockers[i]);
		}
		if (fds[LISTENER].revents)
			open_door(guard);
	}
}

static int set_up(struct guard *guard, struct mg_error *error)
{
	const struct mg_guard_order *order = guard->order;
	size_t count = 0;
	int *keep;
	int ret;

	keep = calloc(order->keep_count + 2, sizeof(*keep));
	if (!keep)
		return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory");
	for (size_t i = 0; i < order->keep_count; i++)
		keep[count++] = order->keep_fds[i];
	keep[count++] = guard->channel;
	if (guard->applying >= 0)
		keep[count++] = guard->applying;
	ret = mg_detach("moongate-guard", keep, count, error);
	free(keep);
	if (ret)
		return ret;
	guard->timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (guard->timer < 0)
		return mg_fail(error, -errno, MG_ENVIRONMENT, "timerfd: %s", strerror(errno));
	return mg_door_open(&guard->door, order->socket_path, error);
}

void mg_guard_run(const struct mg_guard_order *order, int channel, int applying)
{
	const double seconds = order->commit_seconds > 0 ? order->commit_seconds : COMMIT_SECONDS;
	struct mg_guard_message ready = mg_guard_message(MG_GUARD_READY);
	struct guard guard = { .order = order,
			       .channel = channel,
			       .applying = applying,
			       .timer = -1,
			       .door = { .fd = -1 } };
	struct mg_error error = { 0 };
	int ret;

	for (int i = 0; i < KNOCKERS; i++)
		guard.knockers[i].fd = -1;
	ret = set_up(&guard, &error);
	if (ret) {
		refuse(channel, &error, ret);
		_exit(1);
	}
	guard.deadline = now() + (int64_t)(seconds * (double)SECOND);
	ready.pid = getpid();
	if (mg_guard_send(channel, &ready)) {
		/* nobody is there any more, so nothing has been touched */
		mg_door_remove(&guard.door);
		_exit(1);
	}
	loop(&guard);
}
