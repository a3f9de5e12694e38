/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a guard ends: confirming, restoring, and telling those who wait. The
 * guard's watcher ends in the same way when it has to take the guard's place.
 *
 * Owns nothing. Must not print, or look at what is guarded.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "plan/guard_sentry.h"

#define TRIES 8
#define FIRST_PAUSE (100 * MG_MILLISECOND)
#define LONGEST_PAUSE (2 * MG_SECOND)

/*
 * One try waits at most 5 s for the xtables lock, and writes a few tables; of
 * 100,000 rules in less than a second. Beyond this it is stuck.
 */
#define RESTORE_BOUND (20 * MG_SECOND)

/* A disk that is busy takes its time for an fsync; who confirmed in time is not to lose for it. */
#define CONFIRM_BOUND (10 * MG_SECOND)

#define SETTLE_BOUND (10 * MG_SECOND) /* some unlinks, and an fsync */

/* For those whose connection broke with the guard's death, to knock once more. */
#define LINGER (30 * MG_MILLISECOND)

static void pause_for(int64_t duration)
{
	const struct timespec time = { .tv_sec = duration / MG_SECOND,
				       .tv_nsec = duration % MG_SECOND };

	nanosleep(&time, NULL);
}

void mg_sentry_enter(const struct mg_sentry *sentry, enum mg_stage stage, int64_t limit)
{
	const uint64_t one = 1;

	/* in this order: a new stage is never seen with the limit of an earlier one */
	atomic_store(&sentry->page->limit, limit);
	atomic_store(&sentry->page->stage, stage);
	(void)!write(sentry->poke, &one, sizeof(one));
}

void mg_sentry_refuse(int fd, const struct mg_error *error, int err)
{
	struct mg_guard_message answer = mg_guard_message(MG_GUARD_REFUSED);

	answer.err = err;
	answer.status = (int32_t)error->status;
	memcpy(answer.text, error->text, strnlen(error->text, sizeof(answer.text) - 1));
	mg_guard_send(fd, &answer);
}

/*
 * Everybody who is waiting hears it, those at the door too. shutdown() makes
 * a connect() that comes now fail cleanly, and leaves us those that came.
 */
static void tell(const struct mg_sentry *sentry, const struct mg_guard_message *answer)
{
	struct mg_guard_message request;
	struct mg_error error;
	int ret;

	shutdown(sentry->door.fd, SHUT_RDWR);
	for (int i = 0; i < MG_KNOCKERS + 2 * MG_DOOR_BACKLOG; i++) {
		int fd = i < MG_KNOCKERS ? sentry->knockers[i].fd
					 : accept4(sentry->door.fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0 && i >= MG_KNOCKERS)
			break;
		if (fd < 0)
			continue;
		/* nothing to read from the one whose request led to the verdict */
		ret = 0;
		if (!mg_guard_receive(fd, &request))
			ret = mg_door_judge(sentry->order->token, fd, &request, &error);
		if (ret)
			mg_sentry_refuse(fd, &error, ret);
		else
			mg_guard_send(fd, answer);
	}
	if (sentry->channel >= 0)
		mg_guard_send(sentry->channel, answer);
}

void mg_sentry_finish(struct mg_sentry *sentry, enum mg_verdict verdict,
		      const struct mg_error *error, int err)
{
	const struct mg_guard_order *order = sentry->order;
	struct mg_guard_message answer = mg_guard_message(MG_GUARD_VERDICT);

	answer.verdict = (int32_t)verdict;
	answer.err = err;
	if (error)
		memcpy(answer.text, error->text, strnlen(error->text, sizeof(answer.text) - 1));

	atomic_store(&sentry->page->verdict, (int)verdict);
	mg_sentry_enter(sentry, MG_STAGE_SETTLING, mg_guard_now() + SETTLE_BOUND);
	if (sentry->stands_in)
		pause_for(LINGER);
	mg_door_remove(&sentry->door);
	if (order->settled)
		order->settled(order->context, verdict);
	mg_sentry_enter(sentry, MG_STAGE_SETTLED, mg_guard_now() + SETTLE_BOUND);
	/* whoever hears the verdict may start anew at once: the locks go first */
	mg_watch_stop(sentry);
	for (size_t i = 0; i < order->keep_count; i++)
		close(order->keep_fds[i]);
	tell(sentry, &answer);
	_exit(0);
}

void mg_sentry_roll_back(struct mg_sentry *sentry)
{
	const struct mg_guard_order *order = sentry->order;
	struct mg_error error = { 0 };
	int64_t pause = FIRST_PAUSE;
	int ret = -EIO;

	for (int i = 0; i < TRIES; i++) {
		memset(&error, 0, sizeof(error));
		mg_sentry_enter(sentry, MG_STAGE_RESTORING, mg_guard_now() + RESTORE_BOUND);
		ret = order->restore(order->context, &error);
		if (!ret)
			mg_sentry_finish(sentry, MG_VERDICT_ROLLED_BACK, NULL, 0);
		if (i == TRIES - 1)
			break;
		pause_for(pause);
		pause = pause * 2 < LONGEST_PAUSE ? pause * 2 : LONGEST_PAUSE;
	}
	if (order->give_up) {
		mg_sentry_enter(sentry, MG_STAGE_RESTORING, mg_guard_now() + RESTORE_BOUND);
		order->give_up(order->context, &error);
	}
	mg_sentry_finish(sentry, MG_VERDICT_FAILED, &error, ret);
}

void mg_sentry_confirm(struct mg_sentry *sentry, const char *by, int asker)
{
	const struct mg_guard_order *order = sentry->order;
	struct mg_error error = { .status = MG_ENVIRONMENT };
	int ret;

	mg_sentry_enter(sentry, MG_STAGE_CONFIRMING, mg_guard_now() + CONFIRM_BOUND);
	ret = order->confirm(order->context, by, &error);
	if (!ret)
		mg_sentry_finish(sentry, MG_VERDICT_CONFIRMED, NULL, 0);
	mg_sentry_enter(sentry, MG_STAGE_COMMITTED, sentry->deadline + MG_GUARD_GRACE);
	mg_sentry_refuse(asker, &error, ret);
}

void mg_sentry_stop_applying(const struct mg_sentry *sentry)
{
	struct pollfd ended = { .fd = sentry->applying, .events = POLLIN };

	if (sentry->applying < 0)
		return;
	if (syscall(SYS_pidfd_send_signal, sentry->applying, SIGKILL, NULL, 0) == 0)
		poll(&ended, 1, 5000);
}
