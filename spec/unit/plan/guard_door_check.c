/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who knocks at the guard's door: with the right token and a wrong one, too
 * early, too late, at the same moment as the deadline, and with junk.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "guard_stage.h"

static void confirmed_by_another(void)
{
	int status = -1;

	begin(20);
	reap(applying(arm_and_commit), &status);
	EXPECT_IS(status, 0);
	EXPECT_DONE(ask("confirm", "tok", "console"));
	/* who has heard the verdict can start the next transaction */
	EXPECT(lock_is_free());
	EXPECT(access(socket_path, F_OK) < 0);
	EXPECT_IS(stage->table, KEPT_TABLE);
	EXPECT_TEXT(stage->by, "console");
	EXPECT_IS(stage->settled, SETTLED + MG_VERDICT_CONFIRMED);
	EXPECT_IS(ask("confirm", "tok", "console"), -ENOENT);
	EXPECT(guard_is_gone());
	end();
}

static void rolled_back_by_another(void)
{
	int status = -1;

	begin(20);
	reap(applying(arm_and_commit), &status);
	EXPECT_IS(status, 0);
	EXPECT_DONE(ask("rollback", "tok", NULL));
	EXPECT(lock_is_free());
	EXPECT_IS(stage->table, OLD_TABLE);
	EXPECT_IS(stage->settled, SETTLED + MG_VERDICT_ROLLED_BACK);
	EXPECT(guard_is_gone());
	end();
}

static void wrong_token(void)
{
	const char *const wrong[] = { "",     "to",  "toc",
				      "tok ", "TOK", "0123456789abcdef0123456789abcdef" };

	begin(20);
	arm_and_commit();
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		EXPECT_IS(ask("confirm", wrong[i], "console"), -EACCES);
		EXPECT_IS(ask("rollback", wrong[i], NULL), -EACCES);
	}
	EXPECT_IS(stage->table, NEW_TABLE);
	EXPECT_IS(stage->confirms + stage->restores, 0);
	EXPECT_DONE(ask("confirm", "tok", "console"));
	end();
}

static void too_early(void)
{
	begin(20);
	arm();
	EXPECT_IS(ask("confirm", "tok", "console"), -EBUSY);
	EXPECT_DONE(mg_guard_dismiss(guard, &tap_error));
	EXPECT_IS(stage->confirms, 0);
	end();
}

/* Let others reach the socket, as a careless administrator might. */
static void open_folders(void)
{
	char path[300];

	for (int up = 0; up < 3; up++) {
		snprintf(path, sizeof(path), "%s/%s", run_dir, up == 2 ? "../.." : up ? ".." : ".");
		EXPECT_DONE(chmod(path, 0755));
	}
	EXPECT_DONE(chmod(socket_path, 0666));
}

static void another_user(void)
{
	int status = -1;
	pid_t pid;

	if (geteuid() != 0)
		SKIP("only root can become somebody else");
	begin(20);
	arm_and_commit();
	open_folders();
	pid = fork();
	if (pid == 0) {
		if (setuid(65534) || access(socket_path, W_OK))
			_exit(8);
		_exit(ask("rollback", "tok", NULL) == -EPERM ? 0 : 9);
	}
	reap(pid, &status);
	EXPECT_IS(WEXITSTATUS(status), 0);
	EXPECT_IS(stage->table, NEW_TABLE);
	EXPECT_DONE(mg_guard_dismiss(guard, &tap_error));
	end();
}

static int knock(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	strcpy(address.sun_path, socket_path); /* a guard has been there already */
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* They connect and say nothing, or junk, or half of something. */
static void slow_and_rude(void)
{
	static const char junk[5000];
	int fds[200], count = 0;
	double started;

	begin(0.6);
	arm_and_commit();
	started = now();
	while (now() - started < 0.5) {
		int fd = count < 200 ? knock() : -1;

		if (fd >= 0) {
			if (count % 3 == 0)
				send(fd, junk, count % 2 ? 10 : 4000, MSG_NOSIGNAL);
			if (count % 7 == 0)
				shutdown(fd, SHUT_WR);
			fds[count++] = fd;
		}
		pause_ms(2);
	}
	EXPECT_IS(ask("confirm", "bad", "console"), -EACCES);
	EXPECT_IS(mg_guard_wait(guard, -1, &tap_error), MG_VERDICT_ROLLED_BACK);
	EXPECT(now() - started < 2.5);
	EXPECT(count > 20);
	while (count)
		close(fds[--count]);
	end();
}

/* What the @number-th of those who knock during a roll-back has to hear. */
static bool hears_what_was_done(int number)
{
	switch (number % 3) {
	case 0:
		return ask("confirm", "tok", "console") == -ETIMEDOUT &&
		       tap_error.status == MG_ROLLED_BACK;
	case 1: return ask("rollback", "tok", NULL) == 0;
	default: return ask("confirm", "bad", "console") == -EACCES;
	}
}

static void during_the_roll_back(void)
{
	pid_t pids[12];

	begin(0.1);
	stage->restore_ms = 400;
	arm_and_commit();
	mg_state_unlock(state);
	pause_ms(200);
	for (int i = 0; i < 12; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			_exit(hears_what_was_done(i) ? 0 : 9);
	}
	for (int i = 0; i < 12; i++) {
		int status = -1;

		reap(pids[i], &status);
		EXPECT_IS(status, 0);
	}
	EXPECT_IS(mg_guard_wait(guard, -1, &tap_error), MG_VERDICT_ROLLED_BACK);
	EXPECT_IS(stage->confirms, 0);
	end();
}

/* One confirmation, at about the moment of the deadline. */
static void race(int round, int *confirmed, int *rolled_back)
{
	double seconds = 0.004 + round % 40 * 0.00002, moment;
	enum mg_verdict verdict;
	int answer;

	begin(seconds);
	arm_and_commit();
	mg_state_unlock(state);
	moment = now() + seconds - 0.0004 + round % 17 * 0.00004;
	while (now() < moment)
		;
	answer = ask("confirm", "tok", "connection");
	verdict = mg_guard_wait(guard, -1, &tap_error);
	if (answer == 0) {
		++*confirmed;
		EXPECT_IS(verdict, MG_VERDICT_CONFIRMED);
		EXPECT_IS(stage->table, KEPT_TABLE);
		EXPECT_IS(stage->restores, 0);
	} else {
		++*rolled_back;
		if (answer != -ENOENT) /* it was gone already */
			EXPECT_IS(answer, -ETIMEDOUT);
		EXPECT_IS(verdict, MG_VERDICT_ROLLED_BACK);
		EXPECT_IS(stage->table, OLD_TABLE);
		EXPECT_IS(stage->confirms, 0);
	}
	EXPECT(lock_is_free());
	end();
}

static void races(void)
{
	int confirmed = 0, rolled_back = 0;

	for (int i = 0; i < 400 && !tap_reason[0]; i++)
		race(i, &confirmed, &rolled_back);
	EXPECT(tap_reason[0] || confirmed + rolled_back == 400);
	/* else nothing was raced with */
	EXPECT(confirmed > 0 && rolled_back > 0);
}

static void one_after_the_other(void)
{
	for (int i = 0; i < 100 && !tap_reason[0]; i++) {
		begin(20);
		arm_and_commit();
		mg_state_unlock(state);
		EXPECT_DONE(ask("confirm", "tok", "connection"));
		EXPECT(lock_is_free());
		end();
	}
}

/* With generations and a pending record, as the engine does it. */
static uint32_t generation;

static int confirm_generation(void *context, const char *by, struct mg_error *error)
{
	stage->confirms++;
	return mg_state_confirm_generation(context, generation, by, error);
}

static void settle_generation(void *context, enum mg_verdict verdict)
{
	if (verdict != MG_VERDICT_CONFIRMED)
		mg_state_drop_generation(context, generation, NULL);
	mg_state_clear_pending(context, NULL);
	stage->settled = SETTLED + (int)verdict;
}

static void apply_generation(void)
{
	struct mg_pending pending = {
		.number = generation, .token = "tok", .committed = 5, .deadline = 9
	};

	order.confirm = confirm_generation;
	order.settled = settle_generation;
	order.context = state;
	arm();
	stage->table = NEW_TABLE;
	pending.guard = stage->guard;
	EXPECT_DONE(mg_state_write_pending(state, &pending, &tap_error));
	commit();
}

static void transaction(int kind)
{
	struct mg_generation written = { .user = "u", .policy = "p", .rules = { "four", "six" } };
	struct mg_generation *read = NULL;
	struct mg_pending pending;
	int status = -1, ret;

	begin(kind == 2 ? 0.05 : 20);
	EXPECT_DONE(mg_state_write_generation(state, &written, &tap_error));
	generation = written.number;
	reap(applying(apply_generation), &status);
	EXPECT_IS(status, 0);
	if (kind == 0)
		EXPECT_DONE(ask("confirm", "tok", "connection"));
	else if (kind == 1)
		EXPECT_DONE(ask("rollback", "tok", NULL));
	else
		EXPECT(settles(MG_VERDICT_ROLLED_BACK, 3) && guard_is_gone());
	EXPECT(lock_is_free());
	EXPECT_IS(mg_state_read_pending(state, &pending, &tap_error), -ENOENT);
	ret = mg_state_read_generation(state, generation, &read, &tap_error);
	EXPECT_IS(ret, kind == 0 ? 0 : -ENOENT);
	if (read)
		EXPECT_TEXT(read->confirmed_by, "connection");
	mg_generation_free(read);
	end();
}

static void transactions(void)
{
	for (int i = 0; i < 24 && !tap_reason[0]; i++)
		transaction(i % 3);
}

static void tokens(void)
{
	char token[33], other[33];

	EXPECT_DONE(mg_guard_token(token, &tap_error));
	EXPECT_DONE(mg_guard_token(other, &tap_error));
	EXPECT_IS(strspn(token, "0123456789abcdef"), 32);
	EXPECT_IS(strlen(token), 32);
	EXPECT(strcmp(token, other) != 0);
}

int main(int argc, char **argv)
{
	stage_open(argc > 1 ? argv[1] : "/tmp");
	tap_run("confirms for another process after the applying one has gone",
		confirmed_by_another);
	tap_run("rolls back for another process", rolled_back_by_another);
	tap_run("does nothing for a wrong token", wrong_token);
	tap_run("asks for patience before the commit", too_early);
	tap_run("does nothing for another user", another_user);
	tap_run("keeps its deadline though people knock and say nothing", slow_and_rude);
	tap_run("tells those who knock during the roll-back what was done", during_the_roll_back);
	tap_run("has one winner when a confirmation meets the deadline", races);
	tap_run("can be followed by the next one at once", one_after_the_other);
	tap_run("settles the generation on the disk", transactions);
	tap_run("makes tokens that differ", tokens);
	return tap_end();
}
