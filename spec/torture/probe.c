/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets at 1 kHz, to a port that is always open and to one that is always
 * closed, while rulesets are swapped.
 *
 *   probe serve                 in the host: counts what arrives on both
 *   probe send ADDRESS...       in a neighbour: each millisecond, to each address,
 *	a datagram to each port, a byte on a connection that lasts, and a SYN to
 *	the closed port; and 100 times a second a new connection to the open one
 *
 * Both print "ready" first, and on SIGTERM a line "NAME COUNT" for what they counted.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { OPEN_PORT = 7000, CLOSED_PORT = 7001, MOST = 512, MOST_ADDRESSES = 2 };

#define TICK 1000000L
#define SECOND INT64_C(1000000000)
/* After a pause not more than this at once: the kernel's own queues are short. */
#define BURST 20
/* A SYN that was dropped is sent again after a second. */
#define LOST (900 * INT64_C(1000000))

static volatile sig_atomic_t ended;

static void end(int signal)
{
	(void)signal;
	ended = 1;
}

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (int64_t)time.tv_sec * SECOND + time.tv_nsec;
}

static void must(bool good, const char *what)
{
	if (!good) {
		perror(what);
		exit(1);
	}
}

/* The host */

static int listener(int type, int port)
{
	const struct sockaddr_in6 any = { .sin6_family = AF_INET6,
					  .sin6_port = htons((uint16_t)port) };
	const int size = 32 << 20, on = 1;
	int fd = socket(AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	must(fd >= 0, "socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	must(bind(fd, (const struct sockaddr *)&any, sizeof(any)) == 0, "bind");
	must(type == SOCK_DGRAM || listen(fd, 4096) == 0, "listen");
	return fd;
}

struct counted {
	long open_datagrams, closed_datagrams, open_connections, closed_connections, bytes;
};

static void hear(struct pollfd *fds, int *count, struct counted *counted)
{
	char bytes[4096];
	ssize_t size;

	while (recv(fds[0].fd, bytes, sizeof(bytes), 0) >= 0)
		counted->open_datagrams++;
	while (recv(fds[1].fd, bytes, sizeof(bytes), 0) >= 0)
		counted->closed_datagrams++;
	for (int i = 2; i < 4; i++) {
		int fd;

		while (*count < MOST && (fd = accept4(fds[i].fd, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
			*(i == 2 ? &counted->open_connections : &counted->closed_connections) += 1;
			fds[(*count)++] = (struct pollfd){ .fd = fd, .events = POLLIN };
		}
	}
	for (int i = 4; i < *count; i++) {
		size = recv(fds[i].fd, bytes, sizeof(bytes), 0);
		if (size > 0) {
			counted->bytes += size;
		} else if (size == 0 || errno != EAGAIN) {
			close(fds[i].fd);
			fds[i--] = fds[--*count];
		}
	}
}

static void serve(void)
{
	struct pollfd fds[MOST] = { { .fd = listener(SOCK_DGRAM, OPEN_PORT), .events = POLLIN },
				    { .fd = listener(SOCK_DGRAM, CLOSED_PORT), .events = POLLIN },
				    { .fd = listener(SOCK_STREAM, OPEN_PORT), .events = POLLIN },
				    { .fd = listener(SOCK_STREAM, CLOSED_PORT),
				      .events = POLLIN } };
	struct counted counted = { 0 };
	int count = 4;

	printf("ready\n");
	fflush(stdout);
	while (!ended) {
		poll(fds, (nfds_t)count, 200);
		hear(fds, &count, &counted);
	}
	printf("open_datagrams %ld\nclosed_datagrams %ld\nopen_connections %ld\n"
	       "closed_connections %ld\nbytes %ld\n",
	       counted.open_datagrams, counted.closed_datagrams, counted.open_connections,
	       counted.closed_connections, counted.bytes);
}

/* The neighbour */

struct attempt {
	int fd; /* -1: none */
	int64_t since;
};

struct target {
	struct sockaddr_storage open, closed;
	socklen_t size;
	int family, datagrams, stream;
	struct attempt attempts[64];
};

struct sent {
	long ticks, datagrams, bytes, connections, lost, refused, closed_syns;
};

static void address(const char *text, int port, struct target *target, struct sockaddr_storage *out)
{
	struct sockaddr_in *four = (struct sockaddr_in *)out;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;

	if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
		four->sin_port = htons((uint16_t)port);
		target->family = AF_INET;
		target->size = sizeof(*four);
	} else {
		must(inet_pton(AF_INET6, text, &six->sin6_addr) == 1, text);
		six->sin6_port = htons((uint16_t)port);
		target->family = AF_INET6;
		target->size = sizeof(*six);
	}
	out->ss_family = (sa_family_t)target->family;
}

static void open_target(const char *text, struct target *target)
{
	const int on = 1;

	memset(target, 0, sizeof(*target));
	address(text, OPEN_PORT, target, &target->open);
	address(text, CLOSED_PORT, target, &target->closed);
	target->datagrams = socket(target->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	target->stream = socket(target->family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(target->stream, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	must(connect(target->stream, (struct sockaddr *)&target->open, target->size) == 0,
	     "connect");
	for (size_t i = 0; i < sizeof(target->attempts) / sizeof(target->attempts[0]); i++)
		target->attempts[i].fd = -1;
}

/* Has a connection come about that was begun? One that takes long has lost its SYN. */
static void look_after(struct target *target, struct sent *sent)
{
	for (size_t i = 0; i < sizeof(target->attempts) / sizeof(target->attempts[0]); i++) {
		struct attempt *attempt = &target->attempts[i];
		struct pollfd ready = { .fd = attempt->fd, .events = POLLOUT };
		int err = 0;
		socklen_t size = sizeof(err);

		if (attempt->fd < 0)
			continue;
		if (poll(&ready, 1, 0) == 1) {
			getsockopt(attempt->fd, SOL_SOCKET, SO_ERROR, &err, &size);
			sent->refused += err != 0;
		} else if (now() - attempt->since < LOST) {
			continue;
		} else {
			sent->lost++;
		}
		close(attempt->fd);
		attempt->fd = -1;
	}
}

static void begin(struct target *target, struct sent *sent)
{
	for (size_t i = 0; i < sizeof(target->attempts) / sizeof(target->attempts[0]); i++) {
		struct attempt *attempt = &target->attempts[i];

		if (attempt->fd >= 0)
			continue;
		attempt->fd = socket(target->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		attempt->since = now();
		if (connect(attempt->fd, (struct sockaddr *)&target->open, target->size) == 0 ||
		    errno == EINPROGRESS)
			sent->connections++;
		return;
	}
}

/* A SYN to the closed port; the socket is gone before anybody could answer. */
static void knock(struct target *target, struct sent *sent)
{
	int fd = socket(target->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	connect(fd, (struct sockaddr *)&target->closed, target->size);
	close(fd);
	sent->closed_syns++;
}

static void tick(struct target *target, struct sent *sent)
{
	if (sendto(target->datagrams, &sent->ticks, sizeof(sent->ticks), 0,
		   (struct sockaddr *)&target->open, target->size) > 0)
		sent->datagrams++;
	sendto(target->datagrams, &sent->ticks, sizeof(sent->ticks), 0,
	       (struct sockaddr *)&target->closed, target->size);
	if (send(target->stream, "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1)
		sent->bytes++;
	knock(target, sent);
	if (sent->ticks % 10 == 0)
		begin(target, sent);
	look_after(target, sent);
}

/* What was sent again because it was lost, and not because its answer was slow. */
static long lost_bytes(const struct target *target)
{
	struct tcp_info info = { 0 };
	socklen_t size = sizeof(info);

	must(getsockopt(target->stream, IPPROTO_TCP, TCP_INFO, &info, &size) == 0, "TCP_INFO");
	return (long)info.tcpi_total_retrans - (long)info.tcpi_dsack_dups;
}

static void send_all(int count, char **texts)
{
	struct target targets[MOST_ADDRESSES];
	struct sent sent = { 0 };
	int64_t started, next;
	long again = 0;

	for (int i = 0; i < count; i++)
		open_target(texts[i], &targets[i]);
	printf("ready\n");
	fflush(stdout);
	started = next = now();
	while (!ended) {
		const struct timespec at = { next / SECOND, next % SECOND };

		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
		for (int i = 0; i < count; i++)
			tick(&targets[i], &sent);
		sent.ticks++;
		next += TICK;
		if (now() - next > BURST * TICK)
			next = now() - BURST * TICK;
	}
	next = now();
	while (now() - next < LOST + SECOND / 10) {
		for (int i = 0; i < count; i++)
			look_after(&targets[i], &sent);
		poll(NULL, 0, 10);
	}
	for (int i = 0; i < count; i++)
		again += lost_bytes(&targets[i]);
	printf("seconds %.3f\nticks %ld\ndatagrams %ld\nbytes %ld\nconnections %ld\nlost %ld\n"
	       "refused %ld\nsyns %ld\nlost_bytes %ld\n",
	       (double)(next - started) / 1e9, sent.ticks, sent.datagrams, sent.bytes,
	       sent.connections, sent.lost, sent.refused, sent.closed_syns, again);
}

int main(int argc, char **argv)
{
	const struct sigaction action = { .sa_handler = end };

	sigaction(SIGTERM, &action, NULL);
	if (argc == 2 && strcmp(argv[1], "serve") == 0)
		serve();
	else if (argc > 2 && argc - 2 <= MOST_ADDRESSES && strcmp(argv[1], "send") == 0)
		send_all(argc - 2, argv + 2);
	else
		return 64;
	return 0;
}
