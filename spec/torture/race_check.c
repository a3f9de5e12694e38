/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A confirmation that races with the deadline: whoever comes first wins, and
 * all who ask hear the same. Some of them knock, one waits on the channel.
 */
#include "spec/unit/plan/guard_stage.h"

#include <sched.h>

/* How many: all of them where `make torture` asks for it. */
static int races(void)
{
	const char *whole = getenv("MOONGATE_WHOLE");

	return whole && strcmp(whole, "1") == 0 ? 10000 : 60;
}

static void until(double moment)
{
	while (now() < moment)
		sched_yield();
}

/* In a process of its own; the answer goes into its exit code. */
static pid_t knocker(double moment, const char *request)
{
	pid_t pid = fork();
	int err;

	if (pid != 0)
		return pid;
	mg_state_close(state); /* its share of the lock */
	until(moment);
	err = mg_guard_ask(socket_path, request, "tok", strcmp(request, "confirm") ? NULL : "race",
			   NULL);
	_exit(err == 0 ? 0 : err == -ETIMEDOUT || err == -ENOENT ? 1 : 2);
}

static int answer_of(pid_t pid)
{
	int status = -1;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 3;
}

/* One race: the verdict, the table, and every answer have to agree. */
static bool race(uint32_t *seed, int *confirmed)
{
	const double deadline = 0.02;
	enum mg_verdict verdict;
	pid_t knockers[3];
	double moment;
	bool kept;

	begin(deadline);
	arm_and_commit();
	if (tap_reason[0])
		return false;
	/* from 2 ms before it to 2 ms after it */
	moment = now() + deadline - 0.002 + tap_random(seed) % 4000 / 1e6;
	knockers[0] = knocker(moment, "confirm");
	knockers[1] = knocker(moment + tap_random(seed) % 1000 / 1e6, "confirm");
	knockers[2] = knocker(moment + tap_random(seed) % 1000 / 1e6, "rollback");
	verdict = mg_guard_wait(guard, 10000, &tap_error);
	kept = verdict == MG_VERDICT_CONFIRMED;
	*confirmed += kept;
	if (!kept && verdict != MG_VERDICT_ROLLED_BACK)
		tap_fail(__LINE__, "verdict %d", (int)verdict);
	if (stage->table != (kept ? KEPT_TABLE : OLD_TABLE))
		tap_fail(__LINE__, "verdict %d, table %d", (int)verdict, stage->table);
	if (stage->confirms + stage->restores != 1)
		tap_fail(__LINE__, "%d confirmations, %d roll-backs", stage->confirms,
			 stage->restores);
	for (int i = 0; i < 3; i++) {
		const int answer = answer_of(knockers[i]);

		/* told that it was done: then it was */
		if (answer > 1 || (answer == 0 && kept != (i < 2)))
			tap_fail(__LINE__, "verdict %d, and knocker %d heard %d", (int)verdict, i,
				 answer);
	}
	end();
	return !tap_reason[0];
}

static void one_winner(void)
{
	uint32_t seed = (uint32_t)getpid();
	const int count = races();
	int confirmed = 0;

	for (int i = 0; i < count; i++) {
		if (!race(&seed, &confirmed))
			return;
	}
	/* else nothing raced */
	EXPECT(confirmed > 0);
	EXPECT(confirmed < count);
}

int main(int argc, char **argv)
{
	stage_open(argc > 1 ? argv[1] : "/tmp");
	tap_run("have one winner, and tell everybody the same", one_winner);
	return tap_end();
}
