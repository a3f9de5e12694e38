/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the commit to the verdict, on the screen of whoever applies.
 */
#include "waiting.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "confirm_command.h"
#include "output.h"

enum { LOOK_MS = 1000 };

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
	interrupted = number;
}

/* It only ends a wait, too. */
static void on_child(int number)
{
	(void)number;
}

void catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_BOOTTIME, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static bool counts_down(const struct options *options)
{
	return !options->quiet && isatty(STDERR_FILENO);
}

static void count_down(const struct options *options, double left)
{
	if (counts_down(options))
		fprintf(stderr, "\r\033[K%.0f s left ", left > 0 ? left : 0);
}

static int tell_verdict(const struct options *options, const struct mg_transaction *transaction,
			enum mg_verdict verdict, const struct mg_error *error)
{
	if (counts_down(options))
		fprintf(stderr, "\r\033[K");
	if (verdict == MG_VERDICT_CONFIRMED) {
		remark(options,
		       "Confirmed: generation %u stays, and is the ruleset for the next "
		       "boot too.",
		       mg_transaction_number(transaction));
		return MG_DONE;
	}
	if (verdict == MG_VERDICT_ROLLED_BACK) {
		fprintf(stderr, "moongate: taken back; the tables are what they were before\n");
		return MG_ROLLED_BACK;
	}
	fprintf(stderr, "moongate: the state of the tables is unknown\n");
	print_error(error);
	return MG_STATE_UNKNOWN;
}

/* Is it to be taken back, since somebody has pressed ^C? */
static void heed_interruption(const struct options *options, struct mg_transaction *transaction)
{
	if (!interrupted)
		return;
	remark(options, "\nInterrupted: taking it back.");
	mg_transaction_rollback(transaction);
	interrupted = 0;
}

static void tell_deadline(const struct options *options, const struct mg_transaction *transaction,
			  const char *condition)
{
	const time_t at = time(NULL) + (time_t)(options->confirm + 0.5);
	char clock[32] = "?";
	struct tm local;

	if (localtime_r(&at, &local))
		strftime(clock, sizeof(clock), "%H:%M:%S", &local);
	remark(options, "Applied as generation %u. In %.0f s, at %s, it is taken back, unless %s",
	       mg_transaction_number(transaction), options->confirm, clock, condition);
}

static void tell_how(const struct options *options, const struct mg_transaction *transaction)
{
	const char *given = options->request.state_dir;
	const char *option = given ? " --state-dir " : "";
	char dir[PATH_MAX] = "";

	/* whoever types it is in another folder */
	if (given && !realpath(given, dir))
		snprintf(dir, sizeof(dir), "%s", given);
	tell_deadline(options, transaction, "you type from a NEW connection:");
	remark(options,
	       "\n    moongate confirm %s%s%s\n\n"
	       "One that is open now proves nothing: it survives any ruleset. At the machine "
	       "itself say\n--console. To take it back at once: %s`moongate rollback%s%s'.\n"
	       "If this session ends, the guard goes on without it.",
	       mg_transaction_token(transaction), option, dir,
	       isatty(STDIN_FILENO) ? "^C here, or " : "", option, dir);
}

static int wait_for_person(const struct options *options, struct mg_transaction *transaction)
{
	const double deadline = now() + options->confirm;
	enum mg_verdict verdict;
	struct mg_error error = { 0 };

	tell_how(options, transaction);
	do {
		count_down(options, deadline - now());
		heed_interruption(options, transaction);
		verdict = mg_transaction_wait(transaction, LOOK_MS, &error);
	} while (verdict == MG_VERDICT_NONE);
	return tell_verdict(options, transaction, verdict, &error);
}

/* The command has ended: 0 confirms, anything else takes it back. */
static bool heed_end(struct mg_transaction *transaction, const struct confirm_command *command)
{
	struct mg_error error = { 0 };
	char how[64];

	if (command->code == 0) {
		if (!mg_transaction_confirm(transaction, "command", &error))
			return true;
		print_error(&error);
		return false;
	}
	describe_end(command, how);
	fprintf(stderr, "moongate: the command that was to confirm %s: taking it back\n", how);
	mg_transaction_rollback(transaction);
	return false;
}

static int wait_for_command(const struct options *options, struct mg_transaction *transaction)
{
	struct sigaction action = { .sa_handler = on_child };
	enum mg_verdict verdict = MG_VERDICT_NONE;
	struct confirm_command command;
	struct mg_error error = { 0 };
	bool confirmed = false;

	sigaction(SIGCHLD, &action, NULL);
	tell_deadline(options, transaction, "this command succeeds:");
	remark(options, "\n    %s\n", options->confirm_command);
	start_command(options, transaction, &command);
	do {
		heed_interruption(options, transaction);
		if (command_has_ended(&command))
			confirmed = heed_end(transaction, &command);
		/* a child that ends right here is noticed a moment later */
		if (!confirmed)
			verdict = mg_transaction_wait(transaction, 100, &error);
	} while (!confirmed && verdict == MG_VERDICT_NONE);
	if (!confirmed && verdict == MG_VERDICT_ROLLED_BACK && command.pid > 0)
		fprintf(stderr, "moongate: the command that was to confirm was still at it\n");
	stop_command(&command);
	return tell_verdict(options, transaction, confirmed ? MG_VERDICT_CONFIRMED : verdict,
			    &error);
}

int wait_for_verdict(const struct options *options, struct mg_transaction *transaction)
{
	return options->confirm_command ? wait_for_command(options, transaction)
					: wait_for_person(options, transaction);
}
