/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A process and those above it, as proc(5) shows them: which of them is an
 * sshd, which a terminal multiplexer, and since when they run.
 *
 * A process can lie about its name; about its parent, its start and its network
 * namespace it cannot. Must not change anything, print or exit.
 */
#ifndef MG_ANCESTORS_H
#define MG_ANCESTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/** More than anybody has; ends a loop in a made-up tree. */
#define MG_ANCESTORS 256

struct mg_process {
	pid_t pid;
	pid_t parent;
	bool is_sshd;
	bool is_multiplexer; /* tmux, screen and their like */
	bool is_elsewhere;   /* in another network namespace than the first one */
	/* CLOCK_BOOTTIME in ns, cut to the 10 ms that the kernel tells; -1: it cannot be read */
	int64_t started;
};

struct mg_ancestors {
	struct mg_process items[MG_ANCESTORS]; /* the process itself, its parent, and so on */
	size_t count;
};

/**
 * @proc: "/proc", or a folder for tests
 * What cannot be read ends the list.
 */
void mg_ancestors_read(const char *proc, pid_t pid, struct mg_ancestors *out);

/** The index of the nearest sshd of this network namespace, or @ancestors->count. */
size_t mg_ancestors_sshd(const struct mg_ancestors *ancestors);

/** Is there an sshd above, though none of this network namespace? */
bool mg_ancestors_log_in_elsewhere(const struct mg_ancestors *ancestors);

/** Is there a multiplexer among the nearest @count of them? */
bool mg_ancestors_multiplexed(const struct mg_ancestors *ancestors, size_t count);

/** Is this process an sshd? */
bool mg_process_is_sshd(const char *proc, pid_t pid);

#endif
