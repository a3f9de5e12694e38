/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * moongate apply: plan, commit, wait for the confirmation.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "output.h"
#include "render_plan.h"
#include "signals.h"
#include "wanted.h"

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
	interrupted = number;
}

/*
 * From now on ^C and SIGTERM mean "take it back": the handler only ends the
 * wait. SIGHUP keeps its default: when the session is gone the guard waits
 * for the operator to come back on a new one.
 */
static void catch_signals(void)
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

static void count_down(const struct options *options, double left)
{
	if (!options->quiet && isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[K%.0f s left ", left > 0 ? left : 0);
}

static int tell_verdict(const struct options *options, enum mg_verdict verdict,
			const struct mg_error *error)
{
	if (!options->quiet && isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[K");
	if (verdict == MG_VERDICT_CONFIRMED) {
		remark(options, "Confirmed: this is the ruleset for the next boot too.");
		return MG_DONE;
	}
	if (verdict == MG_VERDICT_ROLLED_BACK) {
		fprintf(stderr, "moongate: taken back; the tables are what they were before\n");
		return MG_ROLLED_BACK;
	}
	fprintf(stderr, "moongate: the roll-back failed, the state of the tables is unknown: %s\n",
		error->text);
	return MG_STATE_UNKNOWN;
}

static int wait_for_verdict(const struct options *options, struct mg_transaction *transaction)
{
	double deadline = now() + options->confirm;
	enum mg_verdict verdict;
	struct mg_error error = { 0 };

	remark(options,
	       "Applied as generation %u. In %.0f s it is taken back, unless you type from a NEW "
	       "connection:\n\n    moongate confirm%s%s\n\n(`moongate rollback' takes it back at "
	       "once.)",
	       mg_transaction_number(transaction), options->confirm,
	       options->request.state_dir ? " --state-dir " : "",
	       options->request.state_dir ? options->request.state_dir : "");
	do {
		count_down(options, deadline - now());
		if (interrupted) {
			remark(options, "\nInterrupted: taking it back.");
			mg_transaction_rollback(transaction);
			interrupted = 0;
		}
		verdict = mg_transaction_wait(transaction, 1000, &error);
	} while (verdict == MG_VERDICT_NONE);
	return tell_verdict(options, verdict, &error);
}

static int commit(const struct options *options, struct mg_engine *engine)
{
	struct mg_transaction *transaction = NULL;
	struct mg_error error = { 0 };
	/* without a confirmation to wait for, the guard still covers the commit */
	const double seconds = options->confirm > 0 ? options->confirm : 60;
	/* before anything happens, what speaks against it */
	const size_t told = print_notes(options, mg_engine_notes(engine), 0);
	int code, err;

	catch_signals();
	hold_signals(SIG_BLOCK);
	err = mg_engine_apply(engine, seconds, &transaction, &error);
	if (!err && options->confirm == 0)
		err = mg_transaction_confirm(transaction, "no-confirm", &error);
	hold_signals(SIG_UNBLOCK);
	print_notes(options, mg_engine_notes(engine), told);
	if (err) {
		code = print_error(&error);
	} else if (options->confirm == 0) {
		remark(options, "Applied as generation %u, without a confirmation.",
		       mg_transaction_number(transaction));
		code = MG_DONE;
	} else {
		code = wait_for_verdict(options, transaction);
	}
	mg_transaction_free(transaction);
	return code;
}

static bool is_empty(const struct mg_engine *engine)
{
	struct mg_plan_summary summary;

	mg_engine_plan_summary(engine, &summary);
	return summary.is_empty;
}

static int apply(const struct options *options, struct mg_engine *engine, struct mg_error *error)
{
	int err = read_wanted(options, engine, error);

	if (!err)
		err = mg_engine_begin(engine, error);
	if (!err)
		err = mg_engine_plan(engine, error);
	if (!err)
		err = render_plan(options, engine, NULL, error);
	if (!err && is_empty(engine))
		err = mg_engine_record(engine, options->confirm == 0, error);
	/* whoever watches must have got the plan before the session may hang */
	if (!err && fflush(stdout)) {
		err = -errno;
		error->status = MG_ENVIRONMENT;
		snprintf(error->text, sizeof(error->text),
			 "cannot write the plan to stdout: %s; nothing was changed",
			 strerror(errno));
	}
	return err;
}

static int run(const struct options *options)
{
	struct mg_engine *engine;
	struct mg_error error = { 0 };
	int code, err = mg_engine_open(&options->request, &engine, &error);

	if (err)
		return print_error(&error);
	err = apply(options, engine, &error);
	if (err || is_empty(engine)) {
		print_notes(options, mg_engine_notes(engine), 0);
		code = err ? print_error(&error) : MG_DONE;
	} else {
		code = commit(options, engine);
	}
	mg_engine_close(engine);
	return code;
}

const struct command apply_command = {
	.name = "apply",
	.arguments = "[POLICY]",
	.summary = "make the live tables what the policy says",
	.details =
		"Show the plan, commit it in one transaction, and wait for a confirmation. Unless\n"
		"`moongate confirm' comes from a new connection in time, a guard puts the old "
		"tables\n"
		"back, even if this process, its terminal and its session are gone by then.\n"
		"POLICY may be a plan that `moongate plan --out' saved: it is applied as it was\n"
		"shown, or refused if the live rules have changed since.\n"
		"Exit 0 if confirmed or nothing to do, 3 if taken back.",
	.options = "cNwRBFH",
	.run = run,
};
