/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages between a guard and those who talk to it.
 *
 * Owns nothing. Must not print, exit or decide anything.
 */
#include "plan/guard_wire.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "ruleset/failure.h"

#define SHORT_OF_MEMORY_NS 10000000
#define SHORT_OF_MEMORY_TRIES 100

struct mg_guard_message mg_guard_message(enum mg_guard_op op)
{
	struct mg_guard_message message;

	/* all of it, padding too: no stray memory goes over a socket */
	memset(&message, 0, sizeof(message));
	message.magic = MG_GUARD_MAGIC;
	message.op = op;
	return message;
}

/* It ends in a file and on a terminal, so only plain characters. */
int mg_guard_set_by(struct mg_guard_message *message, const char *by)
{
	size_t length = strlen(by);

	if (length == 0 || length >= sizeof(message->by))
		return -EINVAL;
	for (size_t i = 0; i < length; i++) {
		if (by[i] < ' ' || by[i] > '~')
			return -EINVAL;
	}
	memcpy(message->by, by, length + 1);
	return 0;
}

int mg_guard_address(const char *path, struct sockaddr_un *out, struct mg_error *error)
{
	memset(out, 0, sizeof(*out));
	out->sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(out->sun_path))
		return mg_fail(error, -ENAMETOOLONG, MG_ENVIRONMENT,
			       "%s: too long for a socket, which has at most %zu characters; use a "
			       "shorter run folder",
			       path, sizeof(out->sun_path) - 1);
	memcpy(out->sun_path, path, strlen(path) + 1);
	return 0;
}

/*
 * The kernel was short of memory for a moment: that says nothing about the
 * other end, which must not be taken for dead because of it.
 */
static bool may_pass(int err, int *tries)
{
	const struct timespec pause = { .tv_nsec = SHORT_OF_MEMORY_NS };

	if ((err != ENOMEM && err != ENOBUFS) || ++*tries > SHORT_OF_MEMORY_TRIES)
		return false;
	nanosleep(&pause, NULL);
	return true;
}

int mg_guard_send(int fd, const struct mg_guard_message *message)
{
	int tries = 0;

	for (;;) {
		if (send(fd, message, sizeof(*message), MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
			return 0;
		if (errno != EINTR && !may_pass(errno, &tries))
			return -errno;
	}
}

int mg_guard_receive(int fd, struct mg_guard_message *out)
{
	struct mg_guard_message message;
	int tries = 0;
	ssize_t size;

	for (;;) {
		size = recv(fd, &message, sizeof(message), MSG_DONTWAIT | MSG_TRUNC);
		if (size >= 0)
			break;
		/*
		 * The other end closed with something of ours unread. Linux
		 * says so once, in front of what it had sent before.
		 */
		if (errno == EINTR || errno == ECONNRESET || may_pass(errno, &tries))
			continue;
		return errno == EAGAIN ? -EAGAIN : -EPIPE;
	}
	if (size == 0)
		return -EPIPE;
	if (size != (ssize_t)sizeof(message) || message.magic != MG_GUARD_MAGIC)
		return -EBADMSG;
	message.token[sizeof(message.token) - 1] = '\0';
	message.by[sizeof(message.by) - 1] = '\0';
	message.text[sizeof(message.text) - 1] = '\0';
	*out = message;
	return 0;
}

static int64_t milliseconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int mg_guard_await(int fd, int milliseconds, bool interruptible, struct mg_guard_message *out)
{
	int64_t end = milliseconds_now() + milliseconds;
	int tries = 0;

	for (;;) {
		struct pollfd wait = { .fd = fd, .events = POLLIN };
		int64_t left = -1;
		int ret;

		/* first look, then wait: a verdict that is there comes before a time-out */
		ret = mg_guard_receive(fd, out);
		if (ret != -EAGAIN)
			return ret;
		if (milliseconds >= 0) {
			left = end - milliseconds_now();
			if (left <= 0)
				return -ETIMEDOUT;
		}
		if (poll(&wait, 1, (int)left) < 0) {
			if (errno == EINTR && interruptible)
				return -EINTR;
			if (errno != EINTR && !may_pass(errno, &tries))
				return -errno;
		}
	}
}

static int settled_otherwise(enum mg_guard_op op, enum mg_verdict verdict, struct mg_error *error)
{
	switch (verdict) {
	case MG_VERDICT_ROLLED_BACK:
		return mg_fail(error, -ETIMEDOUT, MG_ROLLED_BACK,
			       "too late: the old rules are back already");
	case MG_VERDICT_CONFIRMED:
		return mg_fail(error, -ETIMEDOUT, MG_INVALID,
			       "too late: the new rules are confirmed already");
	default:
		return mg_fail(error, -ETIMEDOUT, MG_INVALID, "there is nothing to %s any more",
			       op == MG_GUARD_CONFIRM ? "confirm" : "roll back");
	}
}

int mg_guard_outcome(enum mg_guard_op op, const struct mg_guard_message *answer,
		     struct mg_error *error)
{
	if (answer->op == MG_GUARD_REFUSED)
		return mg_fail(error, answer->err < 0 ? answer->err : -EIO,
			       (enum mg_status)answer->status, "%s", answer->text);
	if (answer->op != MG_GUARD_VERDICT)
		return mg_fail(error, -EPROTO, MG_STATE_UNKNOWN,
			       "the guard gave an answer that makes no sense");
	if (answer->verdict == MG_VERDICT_FAILED)
		return mg_fail(error, answer->err < 0 ? answer->err : -EIO, MG_STATE_UNKNOWN,
			       "the roll-back failed: %s", answer->text);
	if ((op == MG_GUARD_CONFIRM && answer->verdict == MG_VERDICT_CONFIRMED) ||
	    (op == MG_GUARD_ROLLBACK && answer->verdict == MG_VERDICT_ROLLED_BACK) ||
	    (op == MG_GUARD_DISMISS && answer->verdict == MG_VERDICT_NONE))
		return 0;
	return settled_otherwise(op, (enum mg_verdict)answer->verdict, error);
}
