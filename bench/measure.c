/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * measure [--fresh | --in NAMESPACE] OUTPUT PROGRAM [ARGUMENT]...
 *
 * Runs a program once, its output into the file OUTPUT, and prints a line with
 * its exit code, its wall time in microseconds and its peak memory in kB.
 * With --fresh it runs in a network namespace of its own, which is made before
 * the clock starts; with --in it runs in another one, given as its file in /proc.
 *
 * A program of its own because a process inherits the peak of the one that
 * forks it: this one is smaller than anything that it measures.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void die(const char *what)
{
	fprintf(stderr, "measure: %s: %s\n", what, strerror(errno));
	exit(125);
}

static long long microseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

static _Noreturn void become(char **argv, int output)
{
	if (dup2(output, STDOUT_FILENO) < 0 || dup2(output, STDERR_FILENO) < 0)
		_exit(125);
	execvp(argv[0], argv);
	dprintf(STDERR_FILENO, "measure: %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

static void enter(const char *namespace)
{
	int fd = open(namespace, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
		die(namespace);
	close(fd);
}

int main(int argc, char **argv)
{
	struct rusage usage;
	long long start, end;
	int output, status;
	pid_t pid;

	if (argc > 1 && strcmp(argv[1], "--fresh") == 0) {
		if (unshare(CLONE_NEWNET) < 0)
			die("a network namespace");
		argc--, argv++;
	} else if (argc > 2 && strcmp(argv[1], "--in") == 0) {
		enter(argv[2]);
		argc -= 2, argv += 2;
	}
	if (argc < 3) {
		fprintf(stderr,
			"Usage: measure [--fresh | --in NAMESPACE] OUTPUT PROGRAM [ARGUMENT]...\n");
		return 64;
	}
	output = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (output < 0)
		die(argv[1]);

	start = microseconds();
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0)
		become(argv + 2, output);
	while (wait4(pid, &status, 0, &usage) < 0)
		if (errno != EINTR)
			die("wait4");
	end = microseconds();

	printf("%d %lld %ld\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
	       end - start, usage.ru_maxrss);
	return 0;
}
