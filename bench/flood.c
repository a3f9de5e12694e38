/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flood ADDRESS COUNT
 *
 * Sends COUNT small UDP datagrams to port 9 of an IPv4 address as fast as it
 * can, and prints the microseconds that it took. Over a veth pair the receiver's
 * rules run in the sender's time, on the one processor that it keeps to.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void die(const char *what)
{
	fprintf(stderr, "flood: %s: %s\n", what, strerror(errno));
	exit(1);
}

static long long microseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };
	long count = argc == 3 ? strtol(argv[2], NULL, 10) : 0, i;
	static const char payload[18];
	long long start;
	cpu_set_t one;
	int sock;

	if (count < 1 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1) {
		fprintf(stderr, "Usage: flood ADDRESS COUNT\n");
		return 64;
	}
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		die("a processor of its own");
	sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sock < 0 || connect(sock, (struct sockaddr *)&to, sizeof(to)))
		die(argv[1]);
	start = microseconds();
	for (i = 0; i < count; i++)
		if (send(sock, payload, sizeof(payload), 0) < 0)
			die("send");
	printf("%lld\n", microseconds() - start);
	close(sock);
	return 0;
}
