/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See wire.h. The confined end has read(2) and write(2) and waits for as long
 * as it takes; the other one never waits beyond its deadline.
 */
#include "wire.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct head {
	uint32_t kind, size;
};

static const int64_t MILLISECOND = 1000 * 1000;

int64_t mg_wire_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 * MILLISECOND + now.tv_nsec;
}

static int wait_for(const struct mg_wire *wire, short events, int64_t deadline)
{
	const int64_t left = deadline - mg_wire_now();
	struct pollfd poll_fd = { .fd = wire->fd, .events = events };
	int count;

	if (left <= 0)
		return -ETIMEDOUT;
	count = poll(&poll_fd, 1, (int)(left / MILLISECOND) + 1);
	if (!count)
		return -ETIMEDOUT;
	return count < 0 && errno != EINTR ? -errno : 0;
}

int mg_wire_wait(const struct mg_wire *wire, int64_t deadline)
{
	return wait_for(wire, POLLIN, deadline);
}

static bool is_no_room(int number)
{
	return number == EAGAIN || number == EWOULDBLOCK;
}

/* Some of what the pieces hold. */
static ssize_t write_some(const struct mg_wire *wire, struct iovec *pieces, int count)
{
	const struct msghdr message = { .msg_iov = pieces, .msg_iovlen = (size_t)count };

	return wire->confined ? writev(wire->fd, pieces, count)
			      : sendmsg(wire->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

int mg_wire_write(const struct mg_wire *wire, struct iovec *pieces, int count)
{
	ssize_t length;
	int err;

	while (count) {
		if (!pieces->iov_len) {
			pieces++;
			count--;
			continue;
		}
		length = write_some(wire, pieces, count);
		if (length < 0 && !wire->confined && is_no_room(errno)) {
			err = wait_for(wire, POLLOUT, wire->deadline);
			if (err)
				return err;
		} else if (length < 0 && errno != EINTR) {
			return errno == ECONNRESET ? -EPIPE : -errno;
		}
		for (; count && length > 0 && (size_t)length >= pieces->iov_len; pieces++, count--)
			length -= (ssize_t)pieces->iov_len;
		if (count && length > 0) {
			pieces->iov_base = (char *)pieces->iov_base + length;
			pieces->iov_len -= (size_t)length;
		}
	}
	return 0;
}

int mg_wire_read(const struct mg_wire *wire, void *bytes, size_t size)
{
	char *at = bytes;
	ssize_t count;
	int err;

	while (size) {
		count = wire->confined ? read(wire->fd, at, size)
				       : recv(wire->fd, at, size, MSG_DONTWAIT);
		if (count > 0) {
			at += count;
			size -= (size_t)count;
		} else if (!count) {
			return -EPIPE;
		} else if (!wire->confined && is_no_room(errno)) {
			err = wait_for(wire, POLLIN, wire->deadline);
			if (err)
				return err;
		} else if (errno != EINTR) {
			return errno == ECONNRESET ? -EPIPE : -errno;
		}
	}
	return 0;
}

int mg_wire_send(const struct mg_wire *wire, enum mg_message kind, const struct mg_parcel *parcel)
{
	struct head head = { (uint32_t)kind, (uint32_t)parcel->size };
	struct iovec pieces[] = { { &head, sizeof(head) }, { parcel->bytes, parcel->size } };

	return parcel->failed ? -ENOMEM : mg_wire_write(wire, pieces, 2);
}

int mg_wire_receive(const struct mg_wire *wire, enum mg_message *kind, struct mg_parcel *parcel,
		    size_t largest)
{
	struct head head;
	int err = mg_wire_read(wire, &head, sizeof(head));

	*parcel = (struct mg_parcel){ .bytes = NULL };
	if (err)
		return err;
	if (head.kind < MG_ASK_FILE || head.kind > MG_ANSWER)
		return -EBADMSG;
	if (head.size > largest)
		return -EMSGSIZE;
	*kind = (enum mg_message)head.kind;
	parcel->bytes = malloc((size_t)head.size + 1);
	if (!parcel->bytes)
		return -ENOMEM;
	parcel->size = head.size;
	err = mg_wire_read(wire, parcel->bytes, parcel->size);
	if (err)
		mg_parcel_clear(parcel);
	return err;
}
