/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * moongate apply: plan, commit, wait for the confirmation.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "output.h"
#include "render_flows.h"
#include "render_plan.h"
#include "signals.h"
#include "waiting.h"
#include "wanted.h"

static int commit(const struct options *options, struct mg_engine *engine)
{
	struct mg_transaction *transaction = NULL;
	struct mg_error error = { 0 };
	/* with no confirmation to wait for, until this process itself makes it count */
	const double seconds = options->confirm > 0 ? options->confirm : 5;
	/* before anything happens, what speaks against it */
	const size_t told = print_notes(options, mg_engine_notes(engine), 0);
	int code, err;

	if (!options->verbose && !mg_engine_operators(engine)) /* else it is a note */
		remark(options,
		       "You do not come by ssh, as far as can be seen: the check that a new "
		       "ssh connection gets in does not apply.");
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
	if (code == MG_DONE)
		remark_ended_flows(options, engine);
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
	/* first: the new rules that nobody guards must not stay for a policy that is wrong */
	int err = mg_engine_look_after(engine, error);

	if (!err)
		err = read_wanted(options, engine, error);
	if (!err)
		err = mg_engine_begin(engine, error);
	if (!err)
		err = mg_engine_plan(engine, error);
	if (!err)
		err = render_plan(options, engine, NULL, error);
	if (!err)
		render_flows(options, engine);
	if (!err && is_empty(engine))
		err = mg_engine_record(engine, error);
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
	struct mg_request request = options->request;
	struct mg_engine *engine;
	struct mg_error error = { 0 };
	int code, err;

	request.flows = true;
	err = mg_engine_open(&request, &engine, &error);

	if (err)
		return print_error(&error);
	err = apply(options, engine, &error);
	if (err || is_empty(engine)) {
		print_notes(options, mg_engine_notes(engine), 0);
		code = err ? print_error(&error) : MG_DONE;
		if (!err)
			remark_ended_flows(options, engine);
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
		"With --confirm-command it is CMD that confirms: run once the rules are live, it\n"
		"has to open a new connection by itself, and to succeed in time.\n"
		"Connections that were open before go on; those that the new rules would not "
		"admit\n"
		"are counted, and with --drop-flows ended as soon as the rules are confirmed.\n"
		"Exit 0 if confirmed or nothing to do, 3 if taken back.",
	.options = "cNMwRBFdHGXY",
	.run = run,
};
