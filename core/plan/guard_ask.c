/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Knocking at a guard: moongate confirm and moongate rollback.
 *
 * Owns one connection while it asks. Must not print or exit, or judge whether
 * the one who asks may confirm: that is its caller's business.
 */
#include "plan/guard.h"
#include "plan/guard_wire.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "ruleset/failure.h"

#define CONNECT_SECONDS 5
#define ANSWER_MS 60000 /* a roll-back with all of its tries is under 10 s */

static int nobody(const char *path, struct mg_error *error)
{
	return mg_fail(error, -ENOENT, MG_INVALID, "nothing waits for a confirmation (at %s)",
		       path);
}

static int knock(const char *path, int *out, struct mg_error *error)
{
	/* for a unix socket, connect() waits while too many others do */
	const struct timeval limit = { .tv_sec = CONNECT_SECONDS };
	struct sockaddr_un address;
	int ret;
	int fd;

	ret = mg_guard_address(path, &address, error);
	if (ret)
		return ret;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return mg_fail(error, -errno, MG_ENVIRONMENT, "socket: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	do {
		ret = connect(fd, (struct sockaddr *)&address, sizeof(address)) ? -errno : 0;
	} while (ret == -EINTR);
	if (!ret) {
		*out = fd;
		return 0;
	}
	close(fd);
	if (ret == -ENOENT || ret == -ECONNREFUSED || ret == -ENOTDIR)
		return nobody(path, error);
	return mg_fail(error, ret, MG_ENVIRONMENT, "%s: %s", path, strerror(-ret));
}

static int no_answer(int err, struct mg_error *error)
{
	if (err == -ETIMEDOUT)
		return mg_fail(error, -EPIPE, MG_STATE_UNKNOWN,
			       "the guard does not answer; moongate status tells what holds");
	return mg_fail(error, -EPIPE, MG_STATE_UNKNOWN,
		       "the guard ended without an answer; moongate status tells what holds");
}

/*
 * A failure to send is left to the answer: a guard that is just settling has
 * closed its ears, and tells the verdict.
 */
static int ask(const char *path, const struct mg_guard_message *message,
	       struct mg_guard_message *answer, struct mg_error *error)
{
	int fd = -1;
	int ret = knock(path, &fd, error);

	if (ret)
		return ret;
	mg_guard_send(fd, message);
	ret = mg_guard_await(fd, ANSWER_MS, false, answer);
	close(fd);
	if (ret == -EBADMSG)
		return mg_fail(error, -EPROTO, MG_STATE_UNKNOWN,
			       "the guard is of another version of moongate");
	return ret ? no_answer(ret, error) : 0;
}

int mg_guard_ask(const char *socket_path, const char *request, const char *token, const char *by,
		 struct mg_error *error)
{
	struct mg_guard_message message = mg_guard_message(MG_GUARD_CONFIRM);
	struct mg_guard_message answer;
	int ret;

	if (!strcmp(request, "rollback"))
		message.op = MG_GUARD_ROLLBACK;
	else if (strcmp(request, "confirm") != 0)
		return mg_fail(error, -EINVAL, MG_INVALID, "\"%s\" is no request", request);
	if (strlen(token) >= sizeof(message.token))
		return mg_fail(error, -EACCES, MG_INVALID, "that is not a token");
	memcpy(message.token, token, strlen(token) + 1);
	if (message.op == MG_GUARD_CONFIRM && (!by || mg_guard_set_by(&message, by)))
		return mg_fail(error, -EINVAL, MG_INVALID,
			       "how it was confirmed is to be 1 to 31 plain characters");

	ret = ask(socket_path, &message, &answer, error);
	/* the guard was killed as it had our ear: its watcher listens at the same place */
	if (ret == -EPIPE && ask(socket_path, &message, &answer, NULL) == 0)
		ret = 0;
	if (!ret)
		ret = mg_guard_outcome(!strcmp(request, "rollback") ? MG_GUARD_ROLLBACK
								    : MG_GUARD_CONFIRM,
				       &answer, error);
	return ret;
}
