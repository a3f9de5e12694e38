/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guard from armed to its verdict: whatever becomes of the process that
 * armed it, the old table comes back unless somebody keeps the new one.
 */
#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>

#include "guard_stage.h"

static void stay_armed(void)
{
	arm();
	stage->table = NEW_TABLE;
	stage->said = 1;
	pause_ms(60000);
}

static void stay_committed(void)
{
	arm_and_commit();
	stage->said = 1;
	pause_ms(60000);
}

static void killed_while_armed(void)
{
	pid_t pid;

	begin(20);
	pid = applying(stay_armed);
	EXPECT(comes(&stage->said, 1, 5));
	EXPECT(!lock_is_free());
	kill_and_reap(pid);
	EXPECT(settles(MG_VERDICT_ROLLED_BACK, 2));
	EXPECT_IS(stage->table, OLD_TABLE);
	EXPECT(guard_is_gone());
	EXPECT(lock_is_free());
	EXPECT(access(socket_path, F_OK) < 0);
	end();
}

static void killed_after_commit(void)
{
	double started = now();
	pid_t pid;

	begin(0.7);
	pid = applying(stay_committed);
	EXPECT(comes(&stage->said, 1, 5));
	kill_and_reap(pid);
	pause_ms(150);
	EXPECT_IS(stage->table, NEW_TABLE);
	EXPECT(!lock_is_free());
	EXPECT(settles(MG_VERDICT_ROLLED_BACK, 3));
	EXPECT(now() - started >= 0.7);
	EXPECT_IS(stage->table, OLD_TABLE);
	EXPECT_IS(stage->restores, 1);
	EXPECT(guard_is_gone());
	EXPECT(lock_is_free());
	end();
}

/* At any moment between the fork and the commit: the new table never stays. */
static void killed_at_random(void)
{
	for (int i = 0; i < 80 && !tap_reason[0]; i++) {
		struct timespec pause = { .tv_nsec = i % 40 * 75000L };
		double limit;
		pid_t pid;

		begin(0.02);
		pid = applying(stay_committed);
		nanosleep(&pause, NULL);
		kill_and_reap(pid);
		limit = now() + 3;
		while (now() < limit && !(lock_is_free() && access(socket_path, F_OK) < 0))
			pause_ms(1);
		EXPECT(lock_is_free());
		EXPECT(stage->table != NEW_TABLE);
		EXPECT(stage->restores <= 1);
		end();
	}
}

/* Stopped by ^Z, say: it must not commit once it wakes up. */
static void stopped(void)
{
	int status = 0;
	pid_t pid;

	begin(20);
	order.commit_seconds = 0.3;
	pid = applying(stay_armed);
	EXPECT(comes(&stage->said, 1, 5));
	kill(pid, SIGSTOP);
	EXPECT(settles(MG_VERDICT_ROLLED_BACK, 3));
	reap(pid, &status);
	EXPECT(WIFSIGNALED(status));
	EXPECT_IS(WTERMSIG(status), SIGKILL);
	EXPECT_IS(stage->table, OLD_TABLE);
	EXPECT(guard_is_gone());
	end();
}

/* A child of the applying process keeps the channel open; its death counts all the same. */
static void share_channel(void)
{
	arm();
	stage->table = NEW_TABLE;
	if (fork() == 0) {
		mg_state_unlock(state); /* of the lock it would else have a share as well */
		pause_ms(3000);
		_exit(0);
	}
	stage->said = 1;
	pause_ms(60000);
}

static void channel_is_shared(void)
{
	pid_t pid;

	begin(20);
	pid = applying(share_channel);
	EXPECT(comes(&stage->said, 1, 5));
	kill_and_reap(pid);
	EXPECT(settles(MG_VERDICT_ROLLED_BACK, 2));
	EXPECT(guard_is_gone());
	end();
}

static void freed_while_armed(void)
{
	begin(20);
	arm();
	stage->table = NEW_TABLE;
	mg_guard_free(guard);
	guard = NULL;
	EXPECT(settles(MG_VERDICT_ROLLED_BACK, 2));
	EXPECT(guard_is_gone());
	end();
}

static void signals(void)
{
	const int all[] = { SIGHUP,  SIGINT,  SIGTERM, SIGQUIT, SIGPIPE,   SIGUSR1, SIGUSR2,
			    SIGTSTP, SIGTTIN, SIGTTOU, SIGALRM, SIGXCPU,   SIGIO,   SIGPWR,
			    SIGPROF, SIGCHLD, SIGCONT, SIGURG,	SIGVTALRM, SIGWINCH };

	begin(0.5);
	arm_and_commit();
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		EXPECT_DONE(kill(stage->guard, all[i]));
	for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
		EXPECT_DONE(kill(stage->guard, number));
	pause_ms(50);
	EXPECT_DONE(kill(stage->guard, 0));
	EXPECT_IS(mg_guard_wait(guard, 10, &tap_error), MG_VERDICT_NONE);
	EXPECT_IS(mg_guard_wait(guard, -1, &tap_error), MG_VERDICT_ROLLED_BACK);
	EXPECT_IS(mg_guard_wait(guard, -1, &tap_error), MG_VERDICT_ROLLED_BACK);
	EXPECT_IS(stage->restores, 1);
	end();
}

static void own_verdicts(void)
{
	begin(20);
	arm();
	stage->table = NEW_TABLE;
	EXPECT_DONE(mg_guard_confirm(guard, "no-confirm", &tap_error));
	EXPECT_IS(stage->table, KEPT_TABLE);
	EXPECT_TEXT(stage->by, "no-confirm");
	EXPECT_IS(mg_guard_wait(guard, 0, &tap_error), MG_VERDICT_CONFIRMED);
	end();
	EXPECT(lock_is_free());
	begin(20);
	arm_and_commit();
	EXPECT_DONE(mg_guard_rollback(guard, &tap_error));
	EXPECT_IS(stage->table, OLD_TABLE);
	EXPECT_IS(mg_guard_wait(guard, 0, &tap_error), MG_VERDICT_ROLLED_BACK);
	EXPECT_IS(mg_guard_confirm(guard, "console", &tap_error), -ETIMEDOUT);
	EXPECT_IS(tap_error.status, MG_ROLLED_BACK);
	EXPECT_IS(stage->confirms, 0);
	end();
}

static void dismissed(void)
{
	for (int committed = 0; committed < 2; committed++) {
		begin(20);
		arm();
		if (committed)
			commit();
		EXPECT_DONE(mg_guard_dismiss(guard, &tap_error));
		EXPECT_IS(stage->restores, 0);
		EXPECT_IS(stage->settled, SETTLED + MG_VERDICT_NONE);
		EXPECT(access(socket_path, F_OK) < 0);
		mg_state_unlock(state);
		EXPECT(lock_is_free());
		end();
	}
}

static void failing_confirm(void)
{
	double started;

	begin(0.6);
	stage->failing_confirms = 2;
	started = now();
	arm_and_commit();
	EXPECT_IS(ask("confirm", "tok", "connection"), -ENOSPC);
	EXPECT_TEXT(tap_error.text, "disk full");
	EXPECT_IS(tap_error.status, MG_ENVIRONMENT);
	EXPECT_IS(mg_guard_confirm(guard, "console", &tap_error), -ENOSPC);
	EXPECT_IS(stage->table, NEW_TABLE);
	EXPECT_IS(mg_guard_wait(guard, -1, &tap_error), MG_VERDICT_ROLLED_BACK);
	EXPECT(now() - started >= 0.6 && now() - started < 3);
	EXPECT_IS(stage->table, OLD_TABLE);
	end();
}

static void failing_then_good_confirm(void)
{
	begin(20);
	stage->failing_confirms = 1;
	arm_and_commit();
	EXPECT_IS(ask("confirm", "tok", "connection"), -ENOSPC);
	EXPECT_DONE(ask("confirm", "tok", "connection"));
	EXPECT_IS(stage->table, KEPT_TABLE);
	end();
}

static void failing_restore(void)
{
	begin(0.1);
	stage->failing_restores = 2;
	arm_and_commit();
	EXPECT_IS(mg_guard_wait(guard, -1, &tap_error), MG_VERDICT_ROLLED_BACK);
	EXPECT_IS(stage->restores, 3);
	EXPECT_IS(stage->table, OLD_TABLE);
	end();
}

static void second_guard(void)
{
	struct mg_guard *second = NULL;

	begin(20);
	arm();
	EXPECT_IS(mg_guard_arm(&order, &second, NULL, &tap_error), -EBUSY);
	EXPECT_IS(tap_error.status, MG_BUSY);
	EXPECT(second == NULL);
	EXPECT_IS(stage->restores, 0);
	EXPECT_DONE(mg_guard_dismiss(guard, &tap_error));
	end();
}

static void impossible_orders(void)
{
	char far_too_long[300], path[300];

	begin(5);
	memset(far_too_long, 'a', sizeof(far_too_long) - 1);
	far_too_long[0] = '/';
	far_too_long[299] = '\0';
	order.socket_path = far_too_long;
	EXPECT_IS(mg_guard_arm(&order, &guard, NULL, &tap_error), -ENAMETOOLONG);
	snprintf(path, sizeof(path), "%s/nowhere/sock", run_dir);
	order.socket_path = path;
	EXPECT_IS(mg_guard_arm(&order, &guard, NULL, &tap_error), -ENOENT);
	snprintf(path, sizeof(path), "%s/lock", run_dir);
	EXPECT_IS(mg_guard_arm(&order, &guard, NULL, &tap_error), -EEXIST);
	order.socket_path = socket_path;
	order.seconds = NAN;
	EXPECT_IS(mg_guard_arm(&order, &guard, NULL, &tap_error), -EINVAL);
	EXPECT_IS(tap_error.status, MG_INVALID);
	EXPECT(guard == NULL);
	EXPECT_IS(stage->settled, 0);
	end();
}

static int count_descriptors(pid_t pid)
{
	char path[64];
	struct dirent *entry;
	int count = 0;
	DIR *folder;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	folder = opendir(path);
	while (folder && (entry = readdir(folder)))
		count += entry->d_name[0] != '.';
	if (folder)
		closedir(folder);
	return count;
}

static void own_surroundings(void)
{
	char path[64], target[64] = "";
	struct stat about;
	int fds[50];

	begin(20);
	for (int i = 0; i < 50; i++)
		fds[i] = open("/dev/zero", O_RDONLY);
	arm_and_commit();
	for (int i = 0; i < 50; i++)
		close(fds[i]);
	EXPECT(count_descriptors(stage->guard) > 3);
	EXPECT(count_descriptors(stage->guard) <= 13);
	EXPECT(count_descriptors(watcher_of(stage->guard)) <= 13);
	EXPECT(getsid(stage->guard) != getsid(0));
	snprintf(path, sizeof(path), "/proc/%d/cwd", stage->guard);
	EXPECT(readlink(path, target, sizeof(target) - 1) > 0);
	EXPECT_TEXT(target, "/");
	EXPECT_DONE(stat(socket_path, &about));
	EXPECT_IS(about.st_mode & 0777, 0600);
	EXPECT_DONE(mg_guard_rollback(guard, &tap_error));
	end();
}

static void without_stdio(void)
{
	close(0);
	close(1);
	close(2);
	arm_and_commit();
	EXPECT_DONE(mg_guard_confirm(guard, "console", &tap_error));
}

static void stdio_is_closed(void)
{
	int status = -1;

	begin(20);
	reap(applying(without_stdio), &status);
	EXPECT(WIFEXITED(status));
	EXPECT_IS(WEXITSTATUS(status), 0);
	EXPECT_IS(stage->table, KEPT_TABLE);
	end();
}

int main(int argc, char **argv)
{
	stage_open(argc > 1 ? argv[1] : "/tmp");
	tap_run("restores at once when the applying process is killed while armed",
		killed_while_armed);
	tap_run("keeps its deadline when the applying process is killed afterwards",
		killed_after_commit);
	tap_run("never leaves a new table, whenever the applying process is killed",
		killed_at_random);
	tap_run("kills an applying process that is stopped before the commit", stopped);
	tap_run("notices a death though a child shares the channel", channel_is_shared);
	tap_run("restores when it is let go while armed", freed_while_armed);
	tap_run("ignores every signal that can be ignored", signals);
	tap_run("confirms and rolls back for the applying process", own_verdicts);
	tap_run("ends without a restore when it is dismissed", dismissed);
	tap_run("leaves the deadline running when a confirmation fails", failing_confirm);
	tap_run("confirms at the second try", failing_then_good_confirm);
	tap_run("tries again when a restore fails", failing_restore);
	tap_run("refuses to be a second one", second_guard);
	tap_run("refuses an order that cannot be", impossible_orders);
	tap_run("keeps nothing of its parent but what it is told to", own_surroundings);
	tap_run("is armed by a process without stdio", stdio_is_closed);
	return tap_end();
}
