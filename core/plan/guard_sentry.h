/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The inside of the two processes that guard an apply: the guard, which hears
 * and decides, and its watcher, which does nothing but look after the guard.
 *
 * The watcher is forked from the guard, so it holds the same memory, locks and
 * sockets. They share a page with the applying process, on which the guard says
 * at what stage it is, and until when at the latest it will have left it: a
 * guard that is dead, or still there after that, is taken the place of. A guard
 * that hangs is killed first, and its end awaited, so that there are never two
 * who restore. A watcher that dies is replaced by the guard.
 *
 * Must not be included by anyone but the guard's own files.
 */
#ifndef MG_PLAN_GUARD_SENTRY_H
#define MG_PLAN_GUARD_SENTRY_H

#include <poll.h>
#include <stdatomic.h>

#include "plan/guard_door.h"
#include "plan/guard_wire.h"

#define MG_SECOND INT64_C(1000000000)
#define MG_MILLISECOND INT64_C(1000000)

/** What a guard is about; each has its bound, after which it is taken for hanging. */
enum mg_stage {
	MG_STAGE_BEGUN,	     /* not ready yet: nothing was touched */
	MG_STAGE_ARMED,	     /* the commit may be under way: its time, and a grace */
	MG_STAGE_COMMITTED,  /* the deadline, and a grace */
	MG_STAGE_CONFIRMING, /* begun in time; a slow disk may make it late */
	MG_STAGE_RESTORING,  /* anew with each try: 5 s for the xtables lock, and the work */
	MG_STAGE_SETTLING,   /* the verdict is there; the state is put in order */
	MG_STAGE_SETTLED,    /* that is done too; those who wait hear it */
};

/** After a time that it should have kept, a living guard has this long. */
#define MG_GUARD_GRACE (250 * MG_MILLISECOND)

/** What guard, watcher and applying process share. Times are CLOCK_BOOTTIME, in ns. */
struct mg_guard_page {
	_Atomic int stage;
	_Atomic int verdict;   /* from MG_STAGE_SETTLING on: enum mg_verdict */
	_Atomic int64_t limit; /* the stage is left by then, or the guard hangs */
	_Atomic int guard;     /* process ids, */
	_Atomic int watcher;
	_Atomic int session; /* and the session that both are of */
};

#define MG_KNOCKERS 8 /* at a time */

struct mg_knocker {
	int fd; /* -1: a free place */
	int64_t until;
};

/** What a guard knows, and its watcher as it was when that was forked. */
struct mg_sentry {
	const struct mg_guard_order *order;
	struct mg_guard_page *page;
	int channel;  /* to the applying process; -1: it is gone */
	int applying; /* pidfd of it; -1: unknown, or of no more interest */
	int timer;
	int self;    /* pidfd of the guard, for its watcher; -1: the kernel has none */
	int poke;    /* eventfd: the stage is another one */
	int watcher; /* pidfd of the watcher; -1: there is none, or the kernel has none */
	struct mg_door door;
	bool stands_in; /* a watcher in the guard's place */
	bool committed;
	int64_t deadline;
	int64_t accept_after; /* a pause after accept() failed */
	struct mg_knocker knockers[MG_KNOCKERS];
};

/* guard_process.c */

int64_t mg_guard_now(void);

/* guard_verdict.c */

/** Say on the page what comes now, and what it may take. */
void mg_sentry_enter(const struct mg_sentry *sentry, enum mg_stage stage, int64_t limit);

/** Tell somebody who asked that it was not done. Nothing is settled by it. */
void mg_sentry_refuse(int fd, const struct mg_error *error, int err);

/** Clean up, tell everybody who waits, and end. @error, @err: of a roll-back that failed */
void mg_sentry_finish(struct mg_sentry *sentry, enum mg_verdict verdict,
		      const struct mg_error *error, int err) __attribute__((noreturn));

/** Put the old tables back, and finish. */
void mg_sentry_roll_back(struct mg_sentry *sentry) __attribute__((noreturn));

/** Make it count, and finish; returns if that failed, which @asker has heard. */
void mg_sentry_confirm(struct mg_sentry *sentry, const char *by, int asker);

/** Kill the applying process before it commits any further; wait for its end. */
void mg_sentry_stop_applying(const struct mg_sentry *sentry);

/* guard_watch.c */

/** Fork a watcher. Signals are as in the guard. On failure there is none. */
int mg_watch_start(struct mg_sentry *sentry, struct mg_error *error);

/** In the guard: if the watcher is dead, fork another one, or roll back where that fails. */
void mg_watch_renew(struct mg_sentry *sentry);

/** In the guard, last of all: end the watcher, so that it holds no locks any more. */
void mg_watch_stop(struct mg_sentry *sentry);

/**
 * In the applying process: if neither of the two has done what its limit
 * asks for, as when one is stopped and the other one dead, kill both.
 */
void mg_watch_overdue(const struct mg_guard_page *page);

/** In the applying process, where nothing was touched: kill both. */
void mg_watch_end(const struct mg_guard_page *page);

#endif
