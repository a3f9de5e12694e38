/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The stage on which the guard is tried: instead of tables there is a number
 * in memory that all processes share, and the callbacks count there.
 */
#ifndef SPEC_GUARD_STAGE_H
#define SPEC_GUARD_STAGE_H

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "plan/guard.h"
#include "plan/state.h"
#include "spec/support/tap.h"

enum { OLD_TABLE, NEW_TABLE, KEPT_TABLE }; /* what stage->table can be */
enum { SETTLED = 10 };			   /* and the verdict is added */

struct stage {
	volatile int table, restores, confirms, settled, said;
	volatile int failing_restores, failing_confirms, restore_ms, settle_ms;
	volatile int confirm_ms; /* that it takes, before it counts where negative */
	volatile int guard;	 /* its process id */
	volatile int limit, guard_of_somebody;
	char by[32];
};

static struct stage *stage;
static struct mg_state *state;
static struct mg_guard *guard;
static struct mg_guard_order order;
static char state_dir[256], run_dir[256], socket_path[300];

static inline double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static inline void pause_ms(int milliseconds)
{
	struct timespec time = { milliseconds / 1000, milliseconds % 1000 * 1000000L };

	while (nanosleep(&time, &time) < 0 && errno == EINTR)
		;
}

static inline int restore(void *context, struct mg_error *error)
{
	(void)context;
	pause_ms(stage->restore_ms);
	stage->restores++;
	if (stage->failing_restores) {
		stage->failing_restores--;
		*error = (struct mg_error){ MG_KERNEL, "the kernel says no" };
		return -EAGAIN;
	}
	stage->table = OLD_TABLE;
	return 0;
}

static inline int confirm(void *context, const char *by, struct mg_error *error)
{
	(void)context;
	stage->confirms++;
	if (stage->confirm_ms < 0)
		pause_ms(-stage->confirm_ms);
	if (stage->failing_confirms) {
		stage->failing_confirms--;
		*error = (struct mg_error){ MG_ENVIRONMENT, "disk full" };
		return -ENOSPC;
	}
	strcpy(stage->by, by);
	stage->table = KEPT_TABLE;
	if (stage->confirm_ms > 0)
		pause_ms(stage->confirm_ms);
	return 0;
}

static inline bool is_confirmed(void *context)
{
	(void)context;
	return stage->table == KEPT_TABLE;
}

static inline void settled(void *context, enum mg_verdict verdict)
{
	(void)context;
	stage->settled = SETTLED + (int)verdict;
	pause_ms(stage->settle_ms);
}

static pid_t applying_pid; /* of the last applying process, until it is reaped */

static inline void end(void)
{
	mg_guard_free(guard);
	guard = NULL;
	mg_state_close(state);
	state = NULL;
}

/* What holds the lock after a case that failed must not fail the next one. */
static inline void clean_up(void)
{
	if (applying_pid > 0)
		kill(applying_pid, SIGKILL);
	if (stage->guard > 0)
		kill(stage->guard, SIGKILL);
	applying_pid = 0;
	end();
}

/** Once, before all cases. @dir: an empty folder */
static inline void stage_open(const char *dir)
{
	stage = mmap(NULL, sizeof(*stage), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	if (stage == MAP_FAILED)
		abort();
	tap_clean_up = clean_up;
	snprintf(state_dir, sizeof(state_dir), "%s/state", dir);
	snprintf(run_dir, sizeof(run_dir), "%s/run", dir);
	snprintf(socket_path, sizeof(socket_path), "%s/guard.sock", run_dir);
}

/** An order for a guard that holds the transaction lock, as apply makes it. */
static inline void begin(double seconds)
{
	static int fds[MG_STATE_DESCRIPTORS];

	memset(stage, 0, sizeof(*stage));
	order = (struct mg_guard_order){ .socket_path = socket_path,
					 .token = "tok",
					 .seconds = seconds,
					 .restore = restore,
					 .confirm = confirm,
					 .is_confirmed = is_confirmed,
					 .settled = settled };
	EXPECT_DONE(mg_state_open(state_dir, run_dir, true, &state, &tap_error));
	EXPECT_DONE(mg_state_lock(state, 2, &tap_error));
	order.keep_count = mg_state_descriptors(state, fds);
	order.keep_fds = fds;
}

static inline bool lock_is_free(void)
{
	struct mg_state *other = NULL;
	bool is_free;

	if (mg_state_open(state_dir, run_dir, false, &other, NULL))
		return false;
	is_free = mg_state_lock(other, 0, NULL) == 0;
	mg_state_close(other);
	return is_free;
}

static inline void arm(void)
{
	int pid = 0;

	EXPECT_DONE(mg_guard_arm(&order, &guard, &pid, &tap_error));
	stage->guard = pid;
}

static inline void commit(void)
{
	stage->table = NEW_TABLE;
	EXPECT_DONE(mg_guard_committed(guard, &tap_error));
}

static inline void arm_and_commit(void)
{
	arm();
	if (!tap_reason[0])
		commit();
}

/** Run @act in a child, the applying process; its share of the lock is the only one then. */
static inline pid_t applying(void (*act)(void))
{
	pid_t pid = fork();

	if (pid < 0)
		abort();
	if (pid == 0) {
		act();
		_exit(tap_reason[0] ? 9 : 0);
	}
	mg_state_unlock(state);
	applying_pid = pid;
	return pid;
}

static inline void reap(pid_t pid, int *status)
{
	while (waitpid(pid, status, 0) < 0 && errno == EINTR)
		;
	if (pid == applying_pid)
		applying_pid = 0;
}

static inline void kill_and_reap(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	reap(pid, &status);
}

/** Wait for a value in shared memory; false after @seconds. */
static inline bool comes(volatile int *value, int wanted, double seconds)
{
	double limit = now() + seconds;

	while (*value != wanted && now() < limit)
		pause_ms(1);
	return *value == wanted;
}

static inline bool settles(enum mg_verdict verdict, double seconds)
{
	return comes(&stage->settled, SETTLED + (int)verdict, seconds);
}

/** The guard's child; 0: it has none. */
static inline pid_t watcher_of(pid_t pid)
{
	char path[64];
	int watcher = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	file = fopen(path, "r");
	if (!file)
		return 0;
	if (fscanf(file, "%d", &watcher) != 1)
		watcher = 0;
	fclose(file);
	return watcher;
}

/* Process 1 may take its time to reap: a zombie has gone. */
static inline bool is_alive(pid_t pid)
{
	char path[64], state_letter = 'Z';
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "r");
	if (!file)
		return false;
	if (fscanf(file, "%*d (%*[^)]) %c", &state_letter) != 1)
		state_letter = 'Z';
	fclose(file);
	return state_letter != 'Z' && state_letter != 'X';
}

static inline bool guard_is_gone(void)
{
	double limit = now() + 3;

	while (is_alive(stage->guard) && now() < limit)
		pause_ms(1);
	return !is_alive(stage->guard);
}

static inline int ask(const char *request, const char *token, const char *by)
{
	return mg_guard_ask(socket_path, request, token, by, &tap_error);
}

#endif
