/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guard's own process: one loop over its channel, its socket, its clock and
 * its watcher, which ends with a verdict.
 *
 * Owns the door and the clock. Never returns to the code that forked it. Must
 * not print, wait for anybody but the kernel, or look at what it guards.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "plan/guard_detach.h"
#include "plan/guard_sentry.h"
#include "ruleset/failure.h"

#define COMMIT_SECONDS 60.0	/* to get from "armed" to "committed" */
#define SILENCE (2 * MG_SECOND) /* a knocker has said what it wants by then */
#define SET_UP_BOUND (10 * MG_SECOND)
#define ACCEPT_PAUSE (100 * MG_MILLISECOND)
#define LOOK_AGAIN_MS 1000 /* should the timer ever fail us */

int64_t mg_guard_now(void)
{
	struct timespec time;

	/* unlike CLOCK_MONOTONIC this one goes on while the host is suspended */
	clock_gettime(CLOCK_BOOTTIME, &time);
	return (int64_t)time.tv_sec * MG_SECOND + time.tv_nsec;
}

static void dismiss_knocker(struct mg_knocker *knocker)
{
	close(knocker->fd);
	knocker->fd = -1;
}

/* The loop */

static void start_deadline(struct mg_sentry *sentry)
{
	if (sentry->committed)
		return;
	sentry->committed = true;
	sentry->deadline = mg_guard_now() + (int64_t)(sentry->order->seconds * (double)MG_SECOND);
	if (sentry->applying >= 0)
		close(sentry->applying);
	sentry->applying = -1; /* it may end now */
	mg_sentry_enter(sentry, MG_STAGE_COMMITTED, sentry->deadline + MG_GUARD_GRACE);
}

static void lose_channel(struct mg_sentry *sentry)
{
	if (!sentry->committed)
		mg_sentry_roll_back(sentry);
	close(sentry->channel);
	sentry->channel = -1;
}

/* Hear all that the applying process has said, up to its end if it has ended. */
static void hear_channel(struct mg_sentry *sentry)
{
	const struct mg_guard_message heard = mg_guard_message(MG_GUARD_HEARD);
	struct mg_guard_message message;
	int ret;

	while (!(ret = mg_guard_receive(sentry->channel, &message))) {
		switch (message.op) {
		case MG_GUARD_COMMITTED:
			start_deadline(sentry);
			mg_guard_send(sentry->channel, &heard);
			break;
		case MG_GUARD_DISMISS: mg_sentry_finish(sentry, MG_VERDICT_NONE, NULL, 0);
		case MG_GUARD_CONFIRM:
			start_deadline(sentry);
			mg_sentry_confirm(sentry, message.by, sentry->channel);
			break;
		case MG_GUARD_ROLLBACK: mg_sentry_roll_back(sentry);
		default: break;
		}
	}
	if (ret != -EAGAIN)
		lose_channel(sentry);
}

/* One request, one answer. */
static void hear_knocker(struct mg_sentry *sentry, struct mg_knocker *knocker)
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
		ret = mg_door_judge(sentry->order->token, knocker->fd, &message, &error);
	if (!ret && !sentry->committed)
		ret = mg_fail(&error, -EBUSY, MG_BUSY, "the rules are still being applied");
	if (ret && ret != -EPIPE)
		mg_sentry_refuse(knocker->fd, &error, ret);
	if (!ret && message.op == MG_GUARD_CONFIRM)
		mg_sentry_confirm(sentry, message.by, knocker->fd);
	else if (!ret)
		mg_sentry_roll_back(sentry);
	dismiss_knocker(knocker);
}

/* A free place; if there is none, that of the one that has been silent longest. */
static struct mg_knocker *find_place(struct mg_sentry *sentry)
{
	struct mg_knocker *place = &sentry->knockers[0];

	for (int i = 0; i < MG_KNOCKERS; i++) {
		struct mg_knocker *knocker = &sentry->knockers[i];

		if (knocker->fd < 0)
			return knocker;
		if (knocker->until < place->until)
			place = knocker;
	}
	dismiss_knocker(place);
	return place;
}

static void open_door(struct mg_sentry *sentry)
{
	struct mg_knocker *place;
	int fd;

	fd = accept4(sentry->door.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0) {
		/* out of descriptors, say: poll() would return at once for ever */
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			sentry->accept_after = mg_guard_now() + ACCEPT_PAUSE;
		return;
	}
	place = find_place(sentry);
	place->fd = fd;
	place->until = mg_guard_now() + SILENCE;
}

static void set_timer(const struct mg_sentry *sentry)
{
	struct itimerspec at = { 0 };
	int64_t next = sentry->deadline;

	for (int i = 0; i < MG_KNOCKERS; i++) {
		const struct mg_knocker *knocker = &sentry->knockers[i];

		if (knocker->fd >= 0 && knocker->until < next)
			next = knocker->until;
	}
	if (sentry->accept_after && sentry->accept_after < next)
		next = sentry->accept_after;
	/* setting it anew also forgets an old expiry, so it is never read */
	at.it_value.tv_sec = next / MG_SECOND;
	at.it_value.tv_nsec = next % MG_SECOND;
	timerfd_settime(sentry->timer, TFD_TIMER_ABSTIME, &at, NULL);
}

static void watch_time(struct mg_sentry *sentry)
{
	int64_t time = mg_guard_now();

	if (time >= sentry->deadline) {
		if (!sentry->committed)
			mg_sentry_stop_applying(sentry);
		mg_sentry_roll_back(sentry);
	}
	for (int i = 0; i < MG_KNOCKERS; i++) {
		struct mg_knocker *knocker = &sentry->knockers[i];

		if (knocker->fd >= 0 && time >= knocker->until)
			dismiss_knocker(knocker);
	}
	if (time >= sentry->accept_after)
		sentry->accept_after = 0;
}

/*
 * poll() does not even begin where a process may have fewer descriptors than it
 * is asked about. All are read without waiting, but for a pidfd: its being
 * ready is what it says.
 */
static void look_everywhere(struct pollfd *fds, size_t count, size_t except)
{
	for (size_t i = 0; i < count; i++)
		fds[i].revents = i == except || errno == EINTR || fds[i].fd < 0 ? 0 : POLLIN;
	if (errno != EINTR)
		poll(NULL, 0, 10);
}

static void loop(struct mg_sentry *sentry) __attribute__((noreturn));
static void loop(struct mg_sentry *sentry)
{
	enum { TIMER, LISTENER, CHANNEL, APPLYING, WATCHER, FIRST };

	for (;;) {
		/* poll() passes over negative descriptors */
		struct pollfd fds[FIRST + MG_KNOCKERS] = {
			[TIMER] = { .fd = sentry->timer, .events = POLLIN },
			[LISTENER] = { .fd = sentry->accept_after ? -1 : sentry->door.fd,
				       .events = POLLIN },
			[CHANNEL] = { .fd = sentry->channel, .events = POLLIN },
			[APPLYING] = { .fd = sentry->applying, .events = POLLIN },
			[WATCHER] = { .fd = sentry->watcher, .events = POLLIN },
		};

		for (int i = 0; i < MG_KNOCKERS; i++)
			fds[FIRST + i] = (struct pollfd){ .fd = sentry->knockers[i].fd,
							  .events = POLLIN };
		set_timer(sentry);
		if (poll(fds, FIRST + MG_KNOCKERS, LOOK_AGAIN_MS) < 0)
			look_everywhere(fds, FIRST + MG_KNOCKERS, APPLYING);
		/* the clock first, each time: nothing else may delay it */
		watch_time(sentry);
		if (fds[WATCHER].revents || sentry->watcher < 0)
			mg_watch_renew(sentry);
		if (fds[CHANNEL].revents)
			hear_channel(sentry);
		if (fds[APPLYING].revents && !sentry->committed) {
			/* dead, though a child of its holds the channel open */
			hear_channel(sentry);
			if (!sentry->committed)
				mg_sentry_roll_back(sentry);
		}
		for (int i = 0; i < MG_KNOCKERS; i++) {
			if (fds[FIRST + i].revents && sentry->knockers[i].fd >= 0)
				hear_knocker(sentry, &sentry->knockers[i]);
		}
		if (fds[LISTENER].revents)
			open_door(sentry);
	}
}

/* What lives as long as the guard: its clock, and what its watcher looks at. */
static int open_clock(struct mg_sentry *sentry, struct mg_error *error)
{
	sentry->timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (sentry->timer < 0)
		return mg_fail(error, -errno, MG_ENVIRONMENT, "timerfd: %s", strerror(errno));
	sentry->poke = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (sentry->poke < 0)
		return mg_fail(error, -errno, MG_ENVIRONMENT, "eventfd: %s", strerror(errno));
	sentry->self = (int)syscall(SYS_pidfd_open, getpid(), 0);
	if (sentry->self < 0 && errno != ENOSYS)
		return mg_fail(error, -errno, MG_ENVIRONMENT, "pidfd: %s", strerror(errno));
	return 0;
}

static int set_up(struct mg_sentry *sentry, struct mg_error *error)
{
	const struct mg_guard_order *order = sentry->order;
	size_t count = 0;
	int *keep;
	int ret;

	atomic_store(&sentry->page->guard, getpid());
	keep = calloc(order->keep_count + 2, sizeof(*keep));
	if (!keep)
		return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory");
	for (size_t i = 0; i < order->keep_count; i++)
		keep[count++] = order->keep_fds[i];
	keep[count++] = sentry->channel;
	if (sentry->applying >= 0)
		keep[count++] = sentry->applying;
	ret = mg_detach("moongate-guard", keep, count, error);
	free(keep);
	if (!ret)
		ret = open_clock(sentry, error);
	if (!ret)
		ret = mg_door_open(&sentry->door, order->socket_path, error);
	if (ret)
		return ret;
	ret = mg_watch_start(sentry, error);
	if (ret)
		mg_door_remove(&sentry->door);
	return ret;
}

void mg_guard_run(const struct mg_guard_order *order, struct mg_guard_page *page, int channel,
		  int applying)
{
	const double seconds = order->commit_seconds > 0 ? order->commit_seconds : COMMIT_SECONDS;
	struct mg_guard_message ready = mg_guard_message(MG_GUARD_READY);
	struct mg_sentry sentry = { .order = order,
				    .page = page,
				    .channel = channel,
				    .applying = applying,
				    .timer = -1,
				    .self = -1,
				    .poke = -1,
				    .watcher = -1,
				    .door = { .fd = -1 } };
	struct mg_error error = { 0 };
	int ret;

	for (int i = 0; i < MG_KNOCKERS; i++)
		sentry.knockers[i].fd = -1;
	atomic_store(&page->limit, mg_guard_now() + SET_UP_BOUND);
	ret = set_up(&sentry, &error);
	if (ret) {
		mg_sentry_refuse(channel, &error, ret);
		_exit(1);
	}
	sentry.deadline = mg_guard_now() + (int64_t)(seconds * (double)MG_SECOND);
	mg_sentry_enter(&sentry, MG_STAGE_ARMED, sentry.deadline + MG_GUARD_GRACE);
	ready.pid = getpid();
	if (mg_guard_send(channel, &ready)) {
		/* nobody is there any more, so nothing has been touched */
		mg_door_remove(&sentry.door);
		mg_watch_stop(&sentry);
		_exit(1);
	}
	loop(&sentry);
}
