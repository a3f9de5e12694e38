/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A made-up /proc: processes, and the sockets that they hold.
 */
#ifndef SPEC_MADE_UP_PROC_H
#define SPEC_MADE_UP_PROC_H

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The first line of net/tcp and net/tcp6. */
#define SOCKETS_HEAD                                                                               \
	"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  "      \
	"timeout inode\n"

static char proc[256];

static void write_file(const char *name, const char *text, size_t length)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", proc, name);
	file = fopen(path, "w");
	if (!file || fwrite(text, 1, length, file) != length || fclose(file))
		abort();
}

static void make_folder(const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", proc, name);
	if (mkdir(path, 0700) && errno != EEXIST)
		abort();
}

__attribute__((format(printf, 2, 3))) static void make_link(const char *name, const char *format,
							    ...)
{
	char path[512], target[128];
	va_list args;

	va_start(args, format);
	vsnprintf(target, sizeof(target), format, args);
	va_end(args);
	snprintf(path, sizeof(path), "%s/%s", proc, name);
	if (symlink(target, path))
		abort();
}

/*
 * @start: in the hundredths of a second that the kernel counts
 * @environment: "A=B|C=D"; each | becomes the NUL between two
 * @inode: of the socket that it holds; 0: none
 */
static void make_process(int pid, const char *name, int parent, unsigned long long start,
			 const char *environment, unsigned long inode)
{
	char file[64], text[256];

	snprintf(file, sizeof(file), "%d", pid);
	make_folder(file);
	snprintf(file, sizeof(file), "%d/fd", pid);
	make_folder(file);
	snprintf(file, sizeof(file), "%d/ns", pid);
	make_folder(file);
	snprintf(file, sizeof(file), "%d/ns/net", pid);
	make_link(file, "net:[1]");
	if (inode) {
		snprintf(file, sizeof(file), "%d/fd/3", pid);
		make_link(file, "socket:[%lu]", inode);
		snprintf(file, sizeof(file), "%d/fd/4", pid);
		make_link(file, "/dev/null");
	}
	snprintf(file, sizeof(file), "%d/stat", pid);
	snprintf(text, sizeof(text),
		 "%d (%s) S %d 1 1 0 -1 4194560 522 13565 0 3 0 0 9 7 20 0 1 0 %llu 4169728 691\n",
		 pid, name, parent, start);
	write_file(file, text, strlen(text));
	snprintf(file, sizeof(file), "%d/environ", pid);
	snprintf(text, sizeof(text), "%s", environment);
	for (char *c = text; *c; c++)
		if (*c == '|')
			*c = '\0';
	write_file(file, text, strlen(environment) + 1);
}

/* Into another network namespace than the others, which are in the first. */
static __attribute__((unused)) void move_process(int pid, int space)
{
	char file[64], path[512];

	snprintf(file, sizeof(file), "%d/ns/net", pid);
	snprintf(path, sizeof(path), "%s/%s", proc, file);
	if (unlink(path))
		abort();
	make_link(file, "net:[%d]", space);
}

/* An address as net/tcp has it: the words of the network as numbers of the machine. */
static const char *end_of(const char *address, int port)
{
	static char texts[2][48];
	static int turn;
	char *text = texts[turn = !turn];
	bool is_six = strchr(address, ':') != NULL;
	uint32_t words[4];
	int used = 0;

	if (inet_pton(is_six ? AF_INET6 : AF_INET, address, words) != 1)
		abort();
	for (int i = 0; i < (is_six ? 4 : 1); i++)
		used += snprintf(text + used, 48 - (size_t)used, "%08X", words[i]);
	snprintf(text + used, 48 - (size_t)used, ":%04X", (unsigned int)port);
	return text;
}

static void add_socket(char *table, const char *server, int port, const char *client,
		       int client_port, unsigned int status, unsigned long inode)
{
	sprintf(table + strlen(table),
		"   0: %s %s %02X 00000000:00000000 00:00000000 00000000     0        0 %lu 1 "
		"0000000000000000 20 4 30 10 -1\n",
		end_of(server, port), end_of(client, client_port), status, inode);
}

enum { ESTABLISHED = 1, SYN_RECEIVED = 3, TIME_WAIT = 6, LISTEN = 10 };

#endif
