/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Taking everything away from a child process but one descriptor: what it
 * runs afterwards can count, and talk to its parent over that descriptor, and
 * can neither reach a file, a process or a network nor get anything back.
 *
 *   privileges.c    user, groups, capabilities, bounding set, no new privileges
 *   limits.c        rlimits, and who is killed first where memory runs out
 *   landlock.c      no file system, no sockets of others, no signals
 *   system_calls.c  seccomp: what computing needs, and nothing else
 *
 * Each layer holds if the others are not there. Must not know what runs
 * inside, print or exit.
 */
#ifndef MG_CONFINE_H
#define MG_CONFINE_H

#include <stdbool.h>
#include <stddef.h>

/** Layers that can be left out, for specs of the others. */
enum {
	MG_WITHOUT_LANDLOCK = 1,
	MG_WITHOUT_SECCOMP = 2,
};

struct mg_confinement {
	int fd;	       /* stays open; nothing else does, not even stdin */
	size_t memory; /* bytes of address space beyond what it has now */
	unsigned int
		seconds; /* of processor time from the start of the process, and it is killed */
	int parent;	 /* pid; where that is gone, so is the child */
	int own_signal;	 /* whose handler stays; 0: none */
	unsigned int without; /* 0, but for specs */
};

/** What came of it. */
struct mg_confined {
	const char *step; /* that has failed, in words that stand behind "cannot" */
	bool no_seccomp;  /* that step was the filter: this kernel has none, or not for us */
	bool own_user;	  /* it was root, and is nobody now */
	int landlock;	  /* version of its interface; 0: this kernel has none */
};

/**
 * Confine the calling process, which is a child with one thread, for good.
 * Allocates before it locks, not afterwards.
 * Returns 0; or -errno, and @out->step: then it is confined in part, and has to end.
 */
int mg_confine(const struct mg_confinement *confinement, struct mg_confined *out);

#endif
