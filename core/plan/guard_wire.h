/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a guard and those who talk to it send each other: one struct, one
 * message of a SOCK_SEQPACKET socket each, so that there are no halves.
 *
 * Must not be included by anyone but the guard's own files.
 */
#ifndef MG_PLAN_GUARD_WIRE_H
#define MG_PLAN_GUARD_WIRE_H

#include "plan/guard.h"

#include <sys/un.h>

#define MG_GUARD_MAGIC 0x4d474731U /* "MGG1": changes when the struct does */
#define MG_GUARD_TOKEN 33
#define MG_GUARD_BY 32

enum mg_guard_op {
	/* from the applying process; the last two from whoever knocks, too */
	MG_GUARD_COMMITTED = 1,
	MG_GUARD_DISMISS,
	MG_GUARD_CONFIRM,
	MG_GUARD_ROLLBACK,
	/* from the guard */
	MG_GUARD_READY,	  /* pid */
	MG_GUARD_HEARD,	  /* "committed" */
	MG_GUARD_REFUSED, /* err, status, text; nothing is settled by it */
	MG_GUARD_VERDICT, /* verdict; err and text for a failed roll-back */
};

struct mg_guard_message {
	uint32_t magic;
	uint32_t op;
	int32_t err;
	int32_t status;
	int32_t verdict;
	int32_t pid;
	char token[MG_GUARD_TOKEN];
	char by[MG_GUARD_BY];
	char text[sizeof(((struct mg_error *)0)->text)];
};

/** A message with everything but @op zero. */
struct mg_guard_message mg_guard_message(enum mg_guard_op op);

/** Put how it was confirmed into a message. -EINVAL where it does not fit. */
int mg_guard_set_by(struct mg_guard_message *message, const char *by);

/** Fill an address. -ENAMETOOLONG with words where the path does not fit. */
int mg_guard_address(const char *path, struct sockaddr_un *out, struct mg_error *error);

/** Send without ever waiting or raising SIGPIPE. 0 or -errno. */
int mg_guard_send(int fd, const struct mg_guard_message *message);

/**
 * Receive one message without waiting. 0; -EAGAIN: none there yet; -EPIPE:
 * the other end is gone and all that it said was heard; -EBADMSG: nonsense.
 */
int mg_guard_receive(int fd, struct mg_guard_message *out);

/**
 * The same, waiting. @interruptible: -EINTR when a signal handler ran.
 * -ETIMEDOUT after @milliseconds (-1: never).
 */
int mg_guard_await(int fd, int milliseconds, bool interruptible, struct mg_guard_message *out);

/** What a REFUSED or VERDICT answer means to who asked for @op. */
int mg_guard_outcome(enum mg_guard_op op, const struct mg_guard_message *answer,
		     struct mg_error *error);

struct mg_guard_page; /* guard_sentry.h */

/**
 * The guard's own process. Does not return.
 * @page: zeroed, and shared with the applying process
 * @applying: a pidfd, or -1
 */
void mg_guard_run(const struct mg_guard_order *order, struct mg_guard_page *page, int channel,
		  int applying) __attribute__((noreturn));

#endif
