/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Walking up the tree of processes. See ancestors.h.
 */
#include "plan/ancestors.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ruleset/one_of.h"

/* What proc(5) counts a start in: USER_HZ, which is 100 on every machine. */
#define TICK INT64_C(10000000)

enum { STAT_PARENT = 4, STAT_START = 22 }; /* fields of /proc/PID/stat, from 1 */

/* OpenSSH 9.8 gave each session a program of its own, sshd-session. */
static bool is_sshd(const char *proc, pid_t pid, const char *name)
{
	static const char *const names[] = { "sshd", "sshd-session", "dropbear", NULL };
	char path[PATH_MAX], target[PATH_MAX];
	const char *base;
	ssize_t length;

	if (mg_is_one_of(name, names))
		return true;
	if (snprintf(path, sizeof(path), "%s/%d/exe", proc, (int)pid) >= (int)sizeof(path))
		return false;
	length = readlink(path, target, sizeof(target) - 1);
	if (length < 0)
		return false;
	target[length] = '\0';
	/* What an upgrade replaced goes on under its old name. */
	if (length > 10 && strcmp(target + length - 10, " (deleted)") == 0)
		target[length - 10] = '\0';
	base = strrchr(target, '/');
	return mg_is_one_of(base ? base + 1 : target, names);
}

static bool is_multiplexer(const char *name)
{
	static const char *const names[] = { "tmux: server", "tmux",   "screen", "SCREEN",
					     "zellij",	     "abduco", "dtach",	 NULL };

	return mg_is_one_of(name, names);
}

/* The field with this number of what stands behind the name, as a number; or -1. */
static int64_t stat_field(const char *text, int number)
{
	char *end;
	long long value;

	for (int at = 3; at < number; at++) {
		text += strcspn(text, " ");
		text += *text == ' ';
	}
	value = strtoll(text, &end, 10);
	return end == text || value < 0 ? -1 : value;
}

/* The name may have blanks and brackets of its own: it ends at the last one. */
static bool read_stat(const char *proc, pid_t pid, char name[32], struct mg_process *out)
{
	char path[PATH_MAX], text[1024];
	char *begin, *end;
	int64_t parent, start;
	size_t size;
	FILE *file;

	if (snprintf(path, sizeof(path), "%s/%d/stat", proc, (int)pid) >= (int)sizeof(path))
		return false;
	file = fopen(path, "re");
	if (!file)
		return false;
	size = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[size] = '\0';
	begin = strchr(text, '(');
	end = strrchr(text, ')');
	if (!begin || !end || end < begin || end[1] != ' ')
		return false;
	snprintf(name, 32, "%.*s", (int)(end - begin - 1), begin + 1);
	parent = stat_field(end + 2, STAT_PARENT);
	start = stat_field(end + 2, STAT_START);
	*out = (struct mg_process){
		.pid = pid,
		.parent = parent > 0 && parent <= INT_MAX ? (pid_t)parent : 0,
		.started = start < 0 || start > INT64_MAX / TICK ? -1 : start * TICK,
	};
	return true;
}

static ssize_t read_namespace(const char *proc, pid_t pid, char out[64])
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/%d/ns/net", proc, (int)pid) >= (int)sizeof(path))
		return -1;
	return readlink(path, out, 64);
}

/*
 * "ip netns exec": such a process is in another network namespace than its
 * parents, whose connections do not come through the tables here.
 */
static bool is_elsewhere(const char *proc, pid_t process, pid_t ancestor)
{
	char own[64], other[64];
	const ssize_t own_length = read_namespace(proc, process, own);
	const ssize_t other_length = read_namespace(proc, ancestor, other);

	return own_length > 0 && other_length > 0 &&
	       (own_length != other_length || memcmp(own, other, (size_t)own_length) != 0);
}

void mg_ancestors_read(const char *proc, pid_t pid, struct mg_ancestors *out)
{
	const pid_t first = pid;
	char name[32];

	out->count = 0;
	while (pid > 0 && out->count < MG_ANCESTORS) {
		struct mg_process *process = &out->items[out->count];

		if (!read_stat(proc, pid, name, process))
			return;
		/* An sshd that is process 1 of a container adopts all orphans. */
		process->is_sshd = pid != 1 && is_sshd(proc, pid, name);
		process->is_multiplexer = is_multiplexer(name);
		process->is_elsewhere = is_elsewhere(proc, first, pid);
		out->count++;
		pid = process->parent;
	}
}

size_t mg_ancestors_sshd(const struct mg_ancestors *ancestors)
{
	size_t i = 0;

	while (i < ancestors->count &&
	       (!ancestors->items[i].is_sshd || ancestors->items[i].is_elsewhere))
		i++;
	return i;
}

bool mg_ancestors_log_in_elsewhere(const struct mg_ancestors *ancestors)
{
	bool is_any = false;

	for (size_t i = 0; i < ancestors->count; i++)
		is_any |= ancestors->items[i].is_sshd;
	return is_any && mg_ancestors_sshd(ancestors) == ancestors->count;
}

bool mg_ancestors_multiplexed(const struct mg_ancestors *ancestors, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (ancestors->items[i].is_multiplexer)
			return true;
	return false;
}

bool mg_process_is_sshd(const char *proc, pid_t pid)
{
	struct mg_process process;
	char name[32];

	return read_stat(proc, pid, name, &process) && is_sshd(proc, pid, name);
}
