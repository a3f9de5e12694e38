/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guard and watcher killed and stopped at each stage: somebody is always left
 * who puts the old table back, in time, and never two at once.
 */
#include <fcntl.h>

#include "guard_stage.h"

/* Both, even if the first is dead by the time that the second is asked for. */
static void kill_both(int signal_of_guard)
{
	pid_t watcher = watcher_of(stage->guard);

	EXPECT(watcher > 0);
	EXPECT_DONE(kill(stage->guard, SIGSTOP)); /* or it would fork another watcher */
	pause_ms(20);
	EXPECT_DONE(kill(watcher, SIGKILL));
	if (signal_of_guard != SIGSTOP)
		EXPECT_DONE(kill(stage->guard, signal_of_guard));
}

static void guard_killed_committed(void)
{
	double started;

	begin(20);
	arm_and_commit();
	started = now();
	kill(stage->guard, SIGKILL);
	EXPECT_IS(mg_guard_wait(guard, -1, &tap_error), MG_VERDICT_ROLLED_BACK);
	EXPECT(now() - started < 1);
	EXPECT_IS(stage->table, OLD_TABLE);
	EXPECT_IS(stage->restores, 1);
	EXPECT_IS(mg_guard_confirm(guard, "console", &tap_error), -ETIMEDOUT);
	EXPECT_IS(ask("confirm", "tok", "console"), -ENOENT);
	EXPECT(access(socket_path, F_OK) < 0);
	mg_state_unlock(state);
	EXPECT(lock_is_free());
	end();
}

/* The applying process hears at its next word that nothing holds any more. */
static void guard_killed_armed(void)
{
	begin(20);
	arm();
	stage->table = NEW_TABLE;
	kill(stage->guard, SIGKILL);
	pause_ms(50);
	/* heard, so that whoever waits lets go of the tables; and taken back */
	EXPECT_DONE(mg_guard_committed(guard, &tap_error));
	EXPECT_IS(mg_guard_wait(guard, 1000, &tap_error), MG_VERDICT_ROLLED_BACK);
	EXPECT_IS(stage->table, OLD_TABLE);
	end();
	begin(20);
	arm();
	kill(stage->guard, SIGKILL);
	EXPECT_DONE(mg_guard_dismiss(guard, &tap_error));
	EXPECT_IS(stage->restores, 0);
	end();
}

static void stay_armed(void)
{
	arm();
	stage->table = NEW_TABLE;
	stage->said = 1;
	pause_ms(60000);
}

/* One that is in no hurry is killed before the old table comes back. */
static void guard_killed_slow_commit(void)
{
	double started = now();
	int status = 0;
	pid_t pid;

	begin(20);
	pid = applying(stay_armed);
	EXPECT(comes(&stage->said, 1, 5));
	kill(stage->guard, SIGKILL);
	EXPECT(settles(MG_VERDICT_ROLLED_BACK, 1));
	reap(pid, &status);
	EXPECT(WIFSIGNALED(status));
	EXPECT_IS(stage->table, OLD_TABLE);
	EXPECT(now() - started < 1.5);
	end();
}

static void guard_stopped_committed(void)
{
	double started;

	begin(0.4);
	started = now();
	arm_and_commit();
	kill(stage->guard, SIGSTOP);
	EXPECT_IS(mg_guard_wait(guard, -1, &tap_error), MG_VERDICT_ROLLED_BACK);
	EXPECT(now() - started >= 0.4);
	EXPECT(now() - started < 1.4);
	EXPECT_IS(stage->table, OLD_TABLE);
	EXPECT_IS(stage->restores, 1);
	EXPECT(guard_is_gone());
	end();
}

static void guard_stopped_armed(void)
{
	double started;

	begin(20);
	arm();
	stage->table = NEW_TABLE;
	kill(stage->guard, SIGSTOP);
	pause_ms(20); /* until it is */
	started = now();
	EXPECT_DONE(mg_guard_committed(guard, &tap_error));
	EXPECT_IS(mg_guard_wait(guard, 1000, &tap_error), MG_VERDICT_ROLLED_BACK);
	EXPECT(now() - started < 1);
	EXPECT_IS(stage->table, OLD_TABLE);
	EXPECT(guard_is_gone());
	end();
}

static void say_confirm(void)
{
	int err = ask("confirm", "tok", "connection");

	/* it may be late for the watcher; then the state on disk tells who asks */
	stage->said = err == -EPIPE || err == -ENOENT ? 3 : err ? 2 : 1;
}

/* @confirm_ms: negative: killed before it counts; else behind that */
static void killed_confirming(int confirm_ms, int by_signal, enum mg_verdict expected, int answer)
{
	int status;
	pid_t pid;

	begin(0.8);
	stage->confirm_ms = confirm_ms;
	arm_and_commit();
	pid = fork();
	if (pid == 0) {
		say_confirm();
		_exit(0);
	}
	EXPECT(comes(&stage->confirms, 1, 2));
	pause_ms(30);
	kill(stage->guard, by_signal);
	EXPECT_IS(mg_guard_wait(guard, -1, &tap_error), expected);
	EXPECT_IS(stage->table, expected == MG_VERDICT_CONFIRMED ? KEPT_TABLE : OLD_TABLE);
	EXPECT_IS(stage->confirms, 1);
	waitpid(pid, &status, 0);
	EXPECT(stage->said == answer || stage->said == 3);
	end();
}

static void guard_killed_confirming(void)
{
	int heard = 0;

	killed_confirming(-2000, SIGKILL, MG_VERDICT_ROLLED_BACK, 2);
	heard += stage->said != 3;
	killed_confirming(2000, SIGKILL, MG_VERDICT_CONFIRMED, 1);
	heard += stage->said != 3;
	killed_confirming(-2000, SIGSTOP, MG_VERDICT_ROLLED_BACK, 2);
	heard += stage->said != 3;
	killed_confirming(2000, SIGSTOP, MG_VERDICT_CONFIRMED, 1);
	heard += stage->said != 3;
	EXPECT(heard > 0);
}

/* A slow disk is no reason to kill who works. */
static void slow_confirmation(void)
{
	begin(0.2);
	stage->confirm_ms = 900;
	arm_and_commit();
	EXPECT_DONE(ask("confirm", "tok", "connection"));
	EXPECT_IS(stage->restores, 0);
	EXPECT_IS(stage->table, KEPT_TABLE);
	end();
}

static void guard_killed_restoring(void)
{
	const int signals[] = { SIGKILL, SIGSTOP };

	for (int i = 0; i < 2; i++) {
		begin(0.1);
		stage->restore_ms = 500;
		arm_and_commit();
		pause_ms(250);
		EXPECT_IS(stage->restores, 0);
		kill(stage->guard, signals[i]);
		stage->restore_ms = 0;
		EXPECT_IS(mg_guard_wait(guard, 1500, &tap_error), MG_VERDICT_ROLLED_BACK);
		EXPECT_IS(stage->restores, 1);
		EXPECT_IS(stage->table, OLD_TABLE);
		end();
	}
}

/* A long one that works is left to it: the 5 s for the lock of the tables, say. */
static void slow_restore(void)
{
	begin(0.1);
	stage->restore_ms = 1500;
	arm_and_commit();
	EXPECT_IS(mg_guard_wait(guard, -1, &tap_error), MG_VERDICT_ROLLED_BACK);
	EXPECT_IS(stage->restores, 1);
	end();
}

static void guard_killed_settling(void)
{
	begin(20);
	stage->settle_ms = 500;
	arm_and_commit();
	EXPECT_DONE(mg_guard_rollback(guard, &tap_error) == 0 ? 0 : -1);
	end();
	begin(0.1);
	stage->settle_ms = 1000;
	arm_and_commit();
	EXPECT(settles(MG_VERDICT_ROLLED_BACK, 2));
	kill(stage->guard, SIGKILL);
	stage->settle_ms = 0;
	EXPECT_IS(mg_guard_wait(guard, 900, &tap_error), MG_VERDICT_ROLLED_BACK);
	EXPECT_IS(stage->restores, 1);
	end();
}

static void watcher_killed(void)
{
	pid_t first, second = 0;
	double limit;

	begin(0.6);
	arm_and_commit();
	first = watcher_of(stage->guard);
	EXPECT(first > 0);
	EXPECT_DONE(kill(first, SIGKILL));
	for (limit = now() + 1; now() < limit && (second == 0 || second == first); pause_ms(2))
		second = watcher_of(stage->guard);
	EXPECT(second > 0 && second != first);
	EXPECT_IS(mg_guard_wait(guard, 0, &tap_error), MG_VERDICT_NONE);
	EXPECT_IS(mg_guard_wait(guard, -1, &tap_error), MG_VERDICT_ROLLED_BACK);
	EXPECT_IS(stage->restores, 1);
	EXPECT(!is_alive(second));
	end();
	/* and the new one does what the first one would have done */
	begin(20);
	arm_and_commit();
	first = watcher_of(stage->guard);
	second = 0;
	EXPECT_DONE(kill(first, SIGKILL));
	for (limit = now() + 1; now() < limit && (second == 0 || second == first); pause_ms(2))
		second = watcher_of(stage->guard);
	kill(stage->guard, SIGKILL);
	EXPECT_IS(mg_guard_wait(guard, 1000, &tap_error), MG_VERDICT_ROLLED_BACK);
	end();
}

static void both_killed(void)
{
	begin(20);
	arm_and_commit();
	kill_both(SIGKILL);
	EXPECT_IS(mg_guard_wait(guard, 1000, &tap_error), MG_VERDICT_GONE);
	EXPECT(tap_error.text[0] != '\0');
	EXPECT_IS(mg_guard_confirm(guard, "console", &tap_error), -EPIPE);
	EXPECT_IS(ask("confirm", "tok", "console"), -ENOENT);
	mg_guard_free(guard);
	guard = NULL;
	/* the socket that they left is in nobody's way */
	EXPECT_DONE(access(socket_path, F_OK));
	arm();
	EXPECT_DONE(mg_guard_dismiss(guard, &tap_error));
	end();
}

/* The applying process is the third: it sees that nobody is going to act. */
static void one_stopped_one_killed(void)
{
	double started;

	begin(0.3);
	arm_and_commit();
	started = now();
	kill_both(SIGSTOP);
	EXPECT_IS(mg_guard_wait(guard, -1, &tap_error), MG_VERDICT_GONE);
	EXPECT(now() - started < 1.5);
	EXPECT_IS(stage->restores, 0);
	EXPECT(guard_is_gone());
	end();
}

static void both_stopped(void)
{
	begin(0.3);
	arm_and_commit();
	EXPECT_DONE(kill(watcher_of(stage->guard), SIGSTOP));
	EXPECT_DONE(kill(stage->guard, SIGSTOP));
	EXPECT_IS(mg_guard_wait(guard, 3000, &tap_error), MG_VERDICT_GONE);
	EXPECT(guard_is_gone());
	end();
}

static void watcher_stopped(void)
{
	begin(0.3);
	arm_and_commit();
	EXPECT_DONE(kill(watcher_of(stage->guard), SIGSTOP));
	EXPECT_IS(mg_guard_wait(guard, -1, &tap_error), MG_VERDICT_ROLLED_BACK);
	mg_state_unlock(state);
	EXPECT(lock_is_free());
	end();
}

/* Whenever the guard is killed, the new table does not outlive it by a second. */
static void guard_killed_at_random(void)
{
	for (int i = 0; i < 40 && !tap_reason[0]; i++) {
		struct timespec pause = { .tv_nsec = i * 750000L };
		enum mg_verdict verdict;

		begin(0.012);
		stage->restore_ms = 5;
		stage->settle_ms = 3;
		arm_and_commit();
		nanosleep(&pause, NULL);
		kill(stage->guard, SIGKILL);
		verdict = mg_guard_wait(guard, 1500, &tap_error);
		EXPECT_IS(verdict, MG_VERDICT_ROLLED_BACK);
		EXPECT_IS(stage->table, OLD_TABLE);
		mg_state_unlock(state);
		EXPECT(lock_is_free());
		end();
	}
}

int main(int argc, char **argv)
{
	stage_open(argc > 1 ? argv[1] : "/tmp");
	tap_run("restores at once when the guard is killed", guard_killed_committed);
	tap_run("restores when the guard is killed before the commit is through",
		guard_killed_armed);
	tap_run("does not wait long for a commit that nobody guards", guard_killed_slow_commit);
	tap_run("keeps the deadline of a guard that is stopped", guard_stopped_committed);
	tap_run("does not let anybody commit under a stopped guard", guard_stopped_armed);
	tap_run("asks the disk when the guard dies in a confirmation", guard_killed_confirming);
	tap_run("lets a slow confirmation come to its end", slow_confirmation);
	tap_run("ends a roll-back that the guard has begun", guard_killed_restoring);
	tap_run("lets a slow roll-back come to its end", slow_restore);
	tap_run("tells the verdict that the guard has found", guard_killed_settling);
	tap_run("is replaced when it is killed itself", watcher_killed);
	tap_run("leaves it to the applying process when both are killed", both_killed);
	tap_run("leaves it to that when one is stopped and one killed", one_stopped_one_killed);
	tap_run("leaves it to that when both are stopped", both_stopped);
	tap_run("holds up nobody when it is stopped", watcher_stopped);
	tap_run("leaves no new table, whenever the guard is killed", guard_killed_at_random);
	return tap_end();
}
