/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a guard listens, and who may be heard there.
 *
 * Owns the listening socket and its name in the file system. Must not wait
 * for anybody, or act on what it hears.
 */
#include "plan/guard_door.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ruleset/failure.h"

/*
 * Make room for our socket. One that nobody listens at is what a killed guard
 * left; anything else there is not ours to remove.
 */
static int clear_place(const struct sockaddr_un *address, struct mg_error *error)
{
	const char *path = address->sun_path;
	struct stat st;
	int ret;
	int fd;

	if (lstat(path, &st) < 0) {
		if (errno == ENOENT)
			return 0;
		return mg_fail(error, -errno, MG_ENVIRONMENT, "%s: %s", path, strerror(errno));
	}
	if (!S_ISSOCK(st.st_mode))
		return mg_fail(error, -EEXIST, MG_ENVIRONMENT, "%s is in the way", path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return mg_fail(error, -errno, MG_ENVIRONMENT, "socket: %s", strerror(errno));
	ret = connect(fd, (const struct sockaddr *)address, sizeof(*address)) ? -errno : 0;
	close(fd);
	if (ret != -ECONNREFUSED && ret != -ENOENT)
		return mg_fail(error, -EBUSY, MG_BUSY,
			       "another guard waits for its confirmation at %s", path);
	if (unlink(path) < 0 && errno != ENOENT)
		return mg_fail(error, -errno, MG_ENVIRONMENT, "%s: %s", path, strerror(errno));
	return 0;
}

int mg_door_open(struct mg_door *door, const char *path, struct mg_error *error)
{
	struct mg_door new = { .fd = -1 };
	int ret;

	ret = mg_guard_address(path, &new.address, error);
	if (!ret)
		ret = clear_place(&new.address, error);
	if (ret)
		return ret;
	new.fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (new.fd < 0)
		return mg_fail(error, -errno, MG_ENVIRONMENT, "socket: %s", strerror(errno));
	if (bind(new.fd, (const struct sockaddr *)&new.address, sizeof(new.address)) < 0) {
		ret = mg_fail(error, -errno, MG_ENVIRONMENT, "%s: %s", path, strerror(errno));
		close(new.fd);
		return ret;
	}
	/* nobody gets in before listen(), so the mode is right from the start */
	if (chmod(path, 0600) < 0 || lstat(path, &new.place) < 0 ||
	    listen(new.fd, MG_DOOR_BACKLOG) < 0) {
		ret = mg_fail(error, -errno, MG_ENVIRONMENT, "%s: %s", path, strerror(errno));
		unlink(path);
		close(new.fd);
		return ret;
	}
	*door = new;
	return 0;
}

void mg_door_remove(const struct mg_door *door)
{
	const char *path = door->address.sun_path;
	struct stat st;

	if (door->fd >= 0 && lstat(path, &st) == 0 && st.st_dev == door->place.st_dev &&
	    st.st_ino == door->place.st_ino)
		unlink(path);
}

/* In constant time, though nobody but root gets this far. */
static bool right_token(const char *token, const char *said)
{
	char ours[MG_GUARD_TOKEN] = "";
	unsigned char differs = 0;

	snprintf(ours, sizeof(ours), "%s", token);
	for (size_t i = 0; i < sizeof(ours); i++)
		differs |= (unsigned char)(ours[i] ^ said[i]);
	return differs == 0;
}

int mg_door_judge(const char *token, int fd, const struct mg_guard_message *message,
		  struct mg_error *error)
{
	struct mg_guard_message checked = *message;
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 ||
	    (peer.uid != 0 && peer.uid != geteuid()))
		return mg_fail(error, -EPERM, MG_ENVIRONMENT, "only root may do that");
	if (message->op != MG_GUARD_CONFIRM && message->op != MG_GUARD_ROLLBACK)
		return mg_fail(error, -EINVAL, MG_INVALID, "that is no request");
	if (!right_token(token, message->token))
		return mg_fail(error, -EACCES, MG_INVALID,
			       "this was meant for another transaction; nothing was done");
	if (message->op == MG_GUARD_CONFIRM && mg_guard_set_by(&checked, message->by))
		return mg_fail(error, -EINVAL, MG_INVALID, "it does not say how it is confirmed");
	return 0;
}
