/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a guard listens, and who may be heard there.
 *
 * Must not be included by anyone but the guard's own files.
 */
#ifndef MG_PLAN_GUARD_DOOR_H
#define MG_PLAN_GUARD_DOOR_H

#include "plan/guard_wire.h"

#include <sys/stat.h>

#define MG_DOOR_BACKLOG 16

struct mg_door {
	int fd; /* non-blocking, listening; -1: closed */
	struct sockaddr_un address;
	struct stat place; /* of our socket, to remove no other */
};

/**
 * Listen at @path, mode 0600, removing what a killed guard left there.
 * -EBUSY with MG_BUSY where a guard listens. On failure nothing is left.
 */
int mg_door_open(struct mg_door *door, const char *path, struct mg_error *error);

/** Remove the socket's name, if it is ours still. Connections stay. */
void mg_door_remove(const struct mg_door *door);

/** Are this peer, and what it says, to be heard? 0, or -errno with words. */
int mg_door_judge(const char *token, int fd, const struct mg_guard_message *message,
		  struct mg_error *error);

#endif
