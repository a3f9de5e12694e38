/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guard: a process of its own that takes an apply back unless it is told
 * otherwise in time; and its watcher, a second one, which does so should the
 * guard die or hang.
 *
 * It is forked before the commit and holds in memory, by the fork, whatever
 * its callbacks need. It has its own session and process group, no terminal,
 * ignores every signal that can be ignored but those of a crash and SIGCHLD,
 * keeps no descriptor of its parent but its channels and those that its order
 * names, has /dev/null as its stdio, "/" as its working directory and a umask
 * of 077, and counts its deadline on CLOCK_BOOTTIME.
 *
 * Its life:
 *   armed      ready message sent to the applying process. If that process goes
 *              away now (or lets go of its end), whatever it did is restored at
 *              once. If it neither goes away nor commits in time (stopped by
 *              ^Z, say), it is killed, and then all is restored.
 *   committed  told so by the applying process; the deadline runs. The
 *              applying process may go away: nothing changes.
 *   settled    confirmed, rolled back, or failed. The socket is removed, the
 *              settled callback runs, the kept descriptors are closed (so the
 *              transaction lock goes), and only then everybody who waits hears
 *              the verdict: who has heard it can start the next transaction.
 *
 * Who falls out is stood in for:
 *   the guard is killed     the watcher restores at once, whatever the deadline;
 *                           a confirmation that the disk has already holds
 *   the guard hangs         (stopped, say) the watcher kills it when its stage has
 *                           lasted too long (guard_sentry.h), a quarter of a second
 *                           after the deadline at the latest, and restores
 *   the watcher is killed   the guard forks another one, or restores if it cannot
 *   both                    the applying process restores, see mg_guard_wait(); if
 *                           that is gone too, whoever opens the state next
 *
 * One thread decides, so a confirmation that races with the deadline has one
 * winner: a confirmation that was begun before the deadline is carried through.
 * Must not know what a table is: it calls back.
 */
#ifndef MG_GUARD_H
#define MG_GUARD_H

#include <moongate.h>
#include <sys/types.h>

/**
 * What a guard is to do. The callbacks run in the guard's process, one at a
 * time; memory is theirs as it was when the guard was armed. They must not
 * depend on descriptors other than the kept ones.
 */
struct mg_guard_order {
	const char *socket_path; /* where confirm and rollback knock; absolute */
	const char *token;	 /* what they must say; at most 32 characters */
	double seconds;		 /* from "committed" to the roll-back */
	double commit_seconds;	 /* longest time from "armed" to "committed"; 0: 60 */

	/* Descriptors that stay open, from 3 upwards: what the callbacks use,
	 * and the transaction lock, to be held until the verdict. Not that on
	 * the tables, which others need meanwhile. The caller's copies remain
	 * its own. */
	const int *keep_fds;
	size_t keep_count;

	/* Put the old tables back; 0, or -errno with words. Tried several
	 * times with a growing pause (0.1 s doubling to 2 s, at most 8 times). */
	int (*restore)(void *context, struct mg_error *error);
	/* The last of those tries has failed: keep the harm small, and add to
	 * the words what holds now. May be NULL. */
	void (*give_up)(void *context, struct mg_error *error);
	/* Make the new generation count. @by as in struct mg_generation.
	 * If it fails nothing is confirmed and the deadline goes on. */
	int (*confirm)(void *context, const char *by, struct mg_error *error);
	/* The guard was killed as it confirmed: does it count? NULL: it does not. */
	bool (*is_confirmed)(void *context);
	/* Clean up after the verdict (pending record); MG_VERDICT_NONE when
	 * the guard was dismissed. May be NULL; may run twice. */
	void (*settled)(void *context, enum mg_verdict verdict);
	void *context;
};

struct mg_guard; /* the applying process's end */

/** A token that nobody can guess: 32 hex digits and a NUL. */
int mg_guard_token(char token[33], struct mg_error *error);

/**
 * Fork the guard and its watcher and wait (at most 5 s) for both to be ready. The guard is not
 * a child of the caller when this returns: a child in between is forked and
 * reaped (with SIGCHLD, which is ignored by default).
 * @pid: its process id; may be NULL
 * Errors: -EBUSY with MG_BUSY where a guard listens already at that path;
 * -EINVAL with MG_INVALID for an order that cannot be; else MG_ENVIRONMENT.
 * Nothing was armed then.
 *
 * Children that the caller forks afterwards share its end of the channel
 * unless they exec or close it; its death is noticed nevertheless on kernels
 * that have pidfd_open(2) (5.3).
 */
int mg_guard_arm(const struct mg_guard_order *order, struct mg_guard **out, int *pid,
		 struct mg_error *error);

/** The process ids of guard and watcher, as far as they are known now; how many. */
size_t mg_guard_processes(const struct mg_guard *guard, pid_t out[2]);

/**
 * Say that the commit is done, and wait for the guard to have heard it: the
 * deadline starts to run now. On failure there may be no guard any more, or
 * it has just rolled back (-ETIMEDOUT, MG_ROLLED_BACK): the caller has to put
 * the old tables back itself, then to dismiss.
 */
int mg_guard_committed(struct mg_guard *guard, struct mg_error *error);

/**
 * Say that nothing was changed, or all was put back: end without a restore.
 * When this returns 0, socket and lock are free.
 */
int mg_guard_dismiss(struct mg_guard *guard, struct mg_error *error);

/**
 * From the applying process itself, after the commit: --no-confirm, or an
 * operator who takes it back at once. "committed" need not have been said.
 * Returns 0 when it was done; else what the callback failed with (after a
 * failed confirmation the deadline runs), -ETIMEDOUT when it was settled
 * otherwise first, -EPIPE when the guard is gone. MG_STATE_UNKNOWN: the
 * roll-back failed.
 */
int mg_guard_confirm(struct mg_guard *guard, const char *by, struct mg_error *error);
int mg_guard_rollback(struct mg_guard *guard, struct mg_error *error);

/**
 * Wait for a verdict, at most @milliseconds (-1: for ever). MG_VERDICT_NONE
 * when that time is up or a signal handler ran. Meanwhile guard and watcher
 * are killed if neither does its duty. The error is filled for
 * MG_VERDICT_FAILED and MG_VERDICT_GONE; after the latter the tables are
 * the caller's to put back. The same verdict is given again when asked again.
 */
enum mg_verdict mg_guard_wait(struct mg_guard *guard, int milliseconds, struct mg_error *error);

/**
 * Let go of the channel. After "committed" the guard goes on alone; before,
 * it restores at once.
 */
void mg_guard_free(struct mg_guard *guard);

/**
 * From another process, when a deadline is long over, or all is to be taken back:
 * kill that guard if somebody has stopped it, so that whoever stands in for it acts.
 * Was it stopped, and is it dead now?
 */
bool mg_guard_end_stopped(pid_t guard);

/**
 * From another process: ask the guard at @socket_path to confirm or to roll
 * back, and wait for its answer (at most a minute).
 * @request: "confirm" or "rollback"
 * @by: how it was confirmed ("connection", "console"), at most 31 printable
 *	ASCII characters; NULL for a roll-back
 * Returns 0 when it was done. -ENOENT: nobody listens there. -EACCES: the
 * token is another transaction's. -EPERM: not this user. -EBUSY: the commit
 * is still under way. -ETIMEDOUT: it was settled otherwise first
 * (MG_ROLLED_BACK says how, for a confirmation). -EPIPE: no answer came, so
 * it is not known what was done. MG_STATE_UNKNOWN: the roll-back failed.
 * Else what the confirmation failed with; the deadline goes on then.
 */
int mg_guard_ask(const char *socket_path, const char *request, const char *token, const char *by,
		 struct mg_error *error);

#endif
