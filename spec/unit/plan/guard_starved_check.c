/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guard that lacks processes or descriptors: all of it is armed, watcher
 * included, or nothing is, and nothing stays that it cannot look after.
 */
#include <sys/resource.h>

#include "guard_stage.h"

/*
 * The limit on processes does not concern root; so somebody else applies, who is
 * nobody yet, and each time another: a process that is just ending counts, too.
 */
static uid_t somebody;

static void choose_somebody(void)
{
	somebody = somebody ? somebody + 1 : 100000 + (uid_t)getpid() * 16;
}

/* A place for a socket where anybody may make one. */
static const char *path_for_all(void)
{
	static char path[64];

	snprintf(path, sizeof(path), "/tmp/moongate-guard-%d.sock", (int)getpid());
	return path;
}

static void arm_as_somebody(void)
{
	const struct rlimit limit = { (rlim_t)stage->limit, (rlim_t)stage->limit };
	pid_t both[2] = { 0 };
	int err;

	if (setrlimit(RLIMIT_NPROC, &limit) < 0 || setgid(somebody) < 0 || setuid(somebody) < 0)
		abort();
	err = mg_guard_arm(&order, &guard, NULL, &tap_error);
	if (err) {
		stage->said = 1;
		pause_ms(60000);
	}
	mg_guard_processes(guard, both);
	stage->guard_of_somebody = both[0];
	commit();
	stage->said = 2;
	pause_ms(60000);
}

/* Each fork of the arming fails in its turn: then there is nothing armed. */
static void no_forks(void)
{
	int failed = 0;

	if (geteuid() != 0)
		return;
	for (int limit = 1; limit <= 4; limit++) {
		pid_t pid;

		begin(20);
		choose_somebody();
		order.socket_path = path_for_all();
		stage->limit = limit;
		pid = applying(arm_as_somebody);
		for (double until = now() + 5; !stage->said && now() < until;)
			pause_ms(1);
		failed += stage->said == 1;
		kill_and_reap(pid);
		if (stage->said == 2)
			EXPECT(stage->table == NEW_TABLE);
		else
			EXPECT(stage->table == OLD_TABLE && stage->settled == 0);
		if (stage->said == 2)
			EXPECT_DONE(mg_guard_ask(order.socket_path, "rollback", "tok", NULL,
						 &tap_error));
		for (double until = now() + 2; !lock_is_free() && now() < until;)
			pause_ms(1);
		EXPECT(lock_is_free());
		EXPECT(access(order.socket_path, F_OK) < 0);
		end();
	}
	EXPECT(failed >= 2);
}

static void crowd(void)
{
	if (setuid(somebody) < 0)
		abort();
	pause_ms(60000);
}

/* The watcher is killed, and no other one can be forked: nothing stays unwatched. */
static void no_other_watcher(void)
{
	pid_t pid, others[5];

	if (geteuid() != 0)
		return;
	begin(20);
	choose_somebody();
	order.socket_path = path_for_all();
	stage->limit = 5;
	pid = applying(arm_as_somebody);
	EXPECT(comes(&stage->said, 2, 5));
	for (int i = 0; i < 5; i++) {
		others[i] = fork();
		if (others[i] == 0)
			crowd();
	}
	pause_ms(50); /* until they are that user's */
	EXPECT_DONE(kill(watcher_of(stage->guard_of_somebody), SIGKILL));
	EXPECT(settles(MG_VERDICT_ROLLED_BACK, 1));
	EXPECT_IS(stage->table, OLD_TABLE);
	for (int i = 0; i < 5; i++)
		kill_and_reap(others[i]);
	kill_and_reap(pid);
	end();
}

static void arm_with_few_descriptors(void)
{
	const struct rlimit limit = { (rlim_t)stage->limit, (rlim_t)stage->limit };

	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		abort();
	if (mg_guard_arm(&order, &guard, NULL, &tap_error)) {
		stage->said = 1;
		return;
	}
	commit();
	stage->said = mg_guard_rollback(guard, &tap_error) ? 3 : 2;
}

/* Out of descriptors, wherever: all of it is armed, or nothing is. */
static void few_descriptors(void)
{
	int failed = 0, worked = 0;

	for (int limit = 3; limit <= 24; limit++) {
		int status;

		begin(20);
		stage->limit = limit;
		reap(applying(arm_with_few_descriptors), &status);
		failed += stage->said == 1;
		worked += stage->said == 2;
		EXPECT(stage->said == 1 || stage->said == 2);
		EXPECT_IS(stage->table, OLD_TABLE);
		EXPECT_IS(stage->restores, stage->said == 2);
		/* a guard that has said why it cannot be one may take a moment to end */
		for (double until = now() + 2; !lock_is_free() && now() < until;)
			pause_ms(1);
		EXPECT(lock_is_free());
		EXPECT(access(socket_path, F_OK) < 0);
		end();
	}
	EXPECT(failed > 0);
	EXPECT(worked > 0);
}

int main(int argc, char **argv)
{
	stage_open(argc > 1 ? argv[1] : "/tmp");
	tap_run("is not armed where a process cannot be forked", no_forks);
	tap_run("rolls back where no other watcher can be forked", no_other_watcher);
	tap_run("is armed with its watcher, or not at all, where descriptors are few",
		few_descriptors);
	return tap_end();
}
