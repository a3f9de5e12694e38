/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The folders of the state, the transaction lock and the record of a pending
 * confirmation.
 *
 * Owns the descriptors of both folders and of the lock. Must not touch the
 * kernel's tables, print or exit.
 */
#include "plan/state.h"
#include "plan/durable.h"
#include "plan/state_inner.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "ruleset/failure.h"

#define STATE_DIR "/var/lib/moongate"
#define RUN_DIR "/run/moongate"
#define LOCK "lock"
#define PENDING "pending.json"
#define PENDING_FORMAT 2 /* 1 had its times in seconds */
#define SOCKET "guard.sock"

#define LOCK_PAUSE_MS 10 /* short against any transaction, long against a busy loop */

int mg_state_fail(struct mg_error *error, int err, const struct mg_folder *folder, const char *name)
{
	return mg_fail(error, err, MG_ENVIRONMENT, "%s/%s: %s", folder->path, name, strerror(-err));
}

int mg_state_damaged(struct mg_error *error, const struct mg_folder *folder, const char *name,
		     const char *what)
{
	return mg_fail(error, -EBADMSG, MG_ENVIRONMENT, "%s/%s is damaged: %s", folder->path, name,
		       what);
}

json_t *mg_state_string(const char *text)
{
	json_t *string;
	char *plain;

	if (!text)
		return json_null();
	string = json_string(text);
	if (string)
		return string;
	plain = strdup(text);
	if (!plain)
		return NULL;
	for (char *c = plain; *c; c++) {
		if ((unsigned char)*c >= 0x80)
			*c = '?';
	}
	string = json_string(plain);
	free(plain);
	return string;
}

/* Relative paths would mean another place once the guard is in "/". */
static char *absolute(const char *path)
{
	char here[PATH_MAX];
	char *out;

	if (path[0] == '/')
		return strdup(path);
	if (!getcwd(here, sizeof(here)))
		return NULL;
	return asprintf(&out, "%s/%s", here, path) < 0 ? NULL : out;
}

/* Make the folder, so that it is still there after a power cut. */
static int make_folder(const char *path)
{
	char *copy;
	int parent;
	int ret;

	if (mkdir(path, 0700) < 0)
		return errno == EEXIST ? 0 : -errno;
	copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	ret = 0;
	parent = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (parent >= 0) {
		ret = mg_durable_sync(parent);
		close(parent);
	}
	free(copy);
	return ret;
}

static int open_folder(struct mg_folder *folder, const char *path, bool create,
		       struct mg_error *error)
{
	struct stat st;
	int ret;

	folder->path = absolute(path);
	if (!folder->path)
		return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "%s: %s", path, strerror(errno));
	if (create) {
		ret = make_folder(folder->path);
		if (ret)
			return mg_fail(error, ret, MG_ENVIRONMENT, "cannot make the folder %s: %s",
				       folder->path, strerror(-ret));
	}
	folder->fd = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder->fd < 0 && errno == ENOENT && !create)
		return 0;
	if (folder->fd < 0 || fstat(folder->fd, &st) < 0) {
		ret = -errno;
		return mg_fail(error, ret, MG_ENVIRONMENT, "%s: %s", folder->path, strerror(-ret));
	}
	if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & (S_IWGRP | S_IWOTH)))
		return mg_fail(error, -EPERM, MG_ENVIRONMENT,
			       "%s: others could change what is in this folder (owner %u, mode "
			       "%04o); make it root's, mode 0700",
			       folder->path, (unsigned int)st.st_uid,
			       (unsigned int)st.st_mode & 07777);
	return 0;
}

int mg_state_open(const char *state_dir, const char *run_dir, bool create, struct mg_state **out,
		  struct mg_error *error)
{
	struct mg_state *state;
	int ret;

	state = calloc(1, sizeof(*state));
	if (!state)
		return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory");
	state->state.fd = -1;
	state->run.fd = -1;
	state->lock = -1;
	ret = open_folder(&state->state, state_dir ? state_dir : STATE_DIR, create, error);
	if (ret)
		goto out;
	ret = open_folder(&state->run, run_dir ? run_dir : RUN_DIR, create, error);
	if (ret)
		goto out;
	if (asprintf(&state->socket, "%s/%s", state->run.path, SOCKET) < 0) {
		state->socket = NULL;
		ret = mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory");
		goto out;
	}
	*out = state;
	state = NULL;
out:
	mg_state_close(state);
	return ret;
}

void mg_state_close(struct mg_state *state)
{
	if (!state)
		return;
	mg_state_unlock(state);
	if (state->state.fd >= 0)
		close(state->state.fd);
	if (state->run.fd >= 0)
		close(state->run.fd);
	free(state->state.path);
	free(state->run.path);
	free(state->socket);
	free(state);
}

bool mg_state_exists(const struct mg_state *state)
{
	return state->state.fd >= 0;
}

const char *mg_state_socket(const struct mg_state *state)
{
	return state->socket;
}

size_t mg_state_descriptors(const struct mg_state *state, int fds[MG_STATE_DESCRIPTORS])
{
	const int all[MG_STATE_DESCRIPTORS] = { state->state.fd, state->run.fd, state->lock };
	size_t count = 0;

	for (size_t i = 0; i < MG_STATE_DESCRIPTORS; i++) {
		if (all[i] >= 0)
			fds[count++] = all[i];
	}
	return count;
}

/* The lock */

/*
 * One try. -EBUSY: somebody holds it. -EAGAIN: the file that we locked is not
 * the one that lies there (somebody has removed it), so it keeps nobody out.
 */
static int try_lock(const struct mg_state *state, int *out)
{
	struct stat ours, there;
	int ret;
	int fd;

	fd = openat(state->run.fd, LOCK, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	ret = 0;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		ret = errno == EWOULDBLOCK || errno == EINTR ? -EBUSY : -errno;
	else if (fstat(fd, &ours) < 0)
		ret = -errno;
	else if (fstatat(state->run.fd, LOCK, &there, AT_SYMLINK_NOFOLLOW) < 0)
		ret = errno == ENOENT ? -EAGAIN : -errno;
	else if (ours.st_dev != there.st_dev || ours.st_ino != there.st_ino)
		ret = -EAGAIN;
	if (ret) {
		close(fd);
		return ret;
	}
	*out = fd;
	return 0;
}

/* Who holds the lock, for a person. */
static int say_busy(struct mg_state *state, struct mg_error *error)
{
	struct mg_pending pending;
	char *text = NULL;
	long holder = 0;

	/* the guard shares the lock that the applying process took */
	if (mg_state_read_pending(state, &pending, NULL) == 0 && pending.committed &&
	    (kill(pending.guard, 0) == 0 || errno == EPERM))
		return mg_fail(error, -EBUSY, MG_BUSY,
			       "generation %" PRIu32 " waits for its confirmation (its guard is "
			       "process %d): moongate confirm keeps it, moongate rollback takes "
			       "it back",
			       pending.number, (int)pending.guard);
	if (mg_durable_read(state->run.fd, LOCK, MG_RECORD_LIMIT, &text, NULL) == 0)
		holder = strtol(text, NULL, 10);
	free(text);
	if (holder > 0)
		return mg_fail(error, -EBUSY, MG_BUSY,
			       "another moongate (process %ld) is at work: it holds %s/%s", holder,
			       state->run.path, LOCK);
	return mg_fail(error, -EBUSY, MG_BUSY, "another moongate is at work: it holds %s/%s",
		       state->run.path, LOCK);
}

static int64_t milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int mg_state_lock(struct mg_state *state, double seconds, struct mg_error *error)
{
	const struct timespec pause = { .tv_nsec = LOCK_PAUSE_MS * 1000000L };
	int64_t end = INT64_MAX;
	int fd = -1;
	int ret;

	if (state->lock >= 0)
		return 0;
	if (state->run.fd < 0)
		return mg_state_fail(error, -ENOENT, &state->run, LOCK);
	if (!(seconds > 0))
		end = 0;
	else if (seconds < 1e9)
		end = milliseconds() + (int64_t)(seconds * 1000);
	for (;;) {
		ret = try_lock(state, &fd);
		if (ret == -EAGAIN)
			continue;
		if (ret != -EBUSY || milliseconds() >= end)
			break;
		nanosleep(&pause, NULL);
	}
	if (ret == -EBUSY)
		return say_busy(state, error);
	if (ret)
		return mg_state_fail(error, ret, &state->run, LOCK);
	/* only for the words above, so a full disk is no reason to stop */
	if (ftruncate(fd, 0) == 0)
		(void)!dprintf(fd, "%ld\n", (long)getpid());
	state->lock = fd;
	return 0;
}

void mg_state_unlock(struct mg_state *state)
{
	/* no LOCK_UN: that would take it away from the guard as well */
	if (state->lock >= 0)
		close(state->lock);
	state->lock = -1;
}

/* The record of a pending confirmation */

static int read_boot_id(char out[37], struct mg_error *error)
{
	static const char path[] = "/proc/sys/kernel/random/boot_id";
	ssize_t length = -1;
	int err = EIO;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		length = read(fd, out, 36);
	if (length < 0)
		err = errno;
	if (fd >= 0)
		close(fd);
	if (length != 36)
		return mg_fail(error, -err, MG_ENVIRONMENT, "%s: %s", path, strerror(err));
	out[36] = '\0';
	return 0;
}

/* What tells a network namespace from all others that there are: "4:4026531840". */
static void read_netns(char *out, size_t size)
{
	struct stat st;

	*out = '\0';
	if (stat("/proc/self/ns/net", &st) == 0)
		snprintf(out, size, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
}

bool mg_state_is_here(const struct mg_pending *pending)
{
	char here[sizeof(pending->netns)];

	read_netns(here, sizeof(here));
	return !*here || !*pending->netns || strcmp(here, pending->netns) == 0;
}

int mg_state_write_pending(struct mg_state *state, const struct mg_pending *pending,
			   struct mg_error *error)
{
	char boot_id[37], netns[sizeof(pending->netns)];
	char *text = NULL;
	json_t *record;
	int ret;

	if (state->run.fd < 0)
		return mg_state_fail(error, -ENOENT, &state->run, PENDING);
	memcpy(boot_id, pending->boot_id, sizeof(boot_id));
	if (!boot_id[0]) {
		ret = read_boot_id(boot_id, error);
		if (ret)
			return ret;
	}
	memcpy(netns, pending->netns, sizeof(netns));
	if (!*netns)
		read_netns(netns, sizeof(netns));
	record = json_pack("{s:i, s:I, s:s, s:I, s:I, s:I, s:s, s:s, s:o}", "format",
			   PENDING_FORMAT, "number", (json_int_t)pending->number, "token",
			   pending->token, "guard", (json_int_t)pending->guard, "committed",
			   (json_int_t)pending->committed, "deadline",
			   (json_int_t)pending->deadline, "boot_id", boot_id, "netns", netns,
			   "connections", mg_state_string(pending->connections));
	if (record)
		text = mg_record_text(record);
	if (text)
		ret = mg_durable_write(state->run.fd, PENDING, text, strlen(text));
	else
		ret = -ENOMEM;
	if (ret)
		mg_state_fail(error, ret, &state->run, PENDING);
	free(text);
	json_decref(record);
	return ret;
}

/* Copy a string that has to fit and that has to be there. */
static bool take_string(const json_t *record, const char *key, char *out, size_t size)
{
	const json_t *value = json_object_get(record, key);

	if (!json_is_string(value) || json_string_length(value) >= size)
		return false;
	memcpy(out, json_string_value(value), json_string_length(value) + 1);
	return true;
}

static bool take_number(const json_t *record, const char *key, int64_t max, int64_t *out)
{
	const json_t *value = json_object_get(record, key);

	if (!json_is_integer(value))
		return false;
	*out = json_integer_value(value);
	return *out >= 0 && *out <= max;
}

static bool parse_pending(const json_t *record, struct mg_pending *out)
{
	int64_t format, number, guard;

	if (!take_number(record, "format", PENDING_FORMAT, &format) || format != PENDING_FORMAT ||
	    !take_number(record, "number", UINT32_MAX, &number) ||
	    !take_number(record, "guard", INT_MAX, &guard) ||
	    !take_number(record, "committed", INT64_MAX, &out->committed) ||
	    !take_number(record, "deadline", INT64_MAX, &out->deadline) ||
	    !take_string(record, "token", out->token, sizeof(out->token)) ||
	    !take_string(record, "boot_id", out->boot_id, sizeof(out->boot_id)) ||
	    /* a text that memory did not suffice for is cut off, and no other boot's */
	    strlen(out->boot_id) != sizeof(out->boot_id) - 1 ||
	    !take_string(record, "netns", out->netns, sizeof(out->netns)) ||
	    !take_string(record, "connections", out->connections, sizeof(out->connections)))
		return false;
	out->number = (uint32_t)number;
	out->guard = (pid_t)guard;
	return true;
}

int mg_state_read_pending(struct mg_state *state, struct mg_pending *out, struct mg_error *error)
{
	struct mg_pending pending = { 0 };
	json_t *record = NULL;
	char *text = NULL;
	char boot_id[37];
	int ret;

	if (state->run.fd < 0)
		return -ENOENT;
	ret = mg_durable_read(state->run.fd, PENDING, MG_RECORD_LIMIT, &text, NULL);
	if (ret == -ENOENT)
		return ret;
	if (ret) {
		mg_state_fail(error, ret, &state->run, PENDING);
		goto out;
	}
	ret = read_boot_id(boot_id, error);
	if (ret)
		goto out;
	record = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	if (!record || !mg_record_is_whole(record, true) || !parse_pending(record, &pending))
		ret = mg_state_damaged(error, &state->run, PENDING, "it is not a record of ours");
	else if (strcmp(pending.boot_id, boot_id) != 0)
		ret = -ENOENT;
	else
		*out = pending;
out:
	json_decref(record);
	free(text);
	return ret;
}

int mg_state_clear_pending(struct mg_state *state, struct mg_error *error)
{
	struct stat st;
	int ret;

	if (state->run.fd < 0)
		return 0;
	ret = mg_durable_unlink(state->run.fd, PENDING);
	/* a guard that ends takes its socket with it; of a killed one it would stay */
	if (!ret && fstatat(state->run.fd, SOCKET, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISSOCK(st.st_mode))
		unlinkat(state->run.fd, SOCKET, 0);
	return ret ? mg_state_fail(error, ret, &state->run, PENDING) : 0;
}
