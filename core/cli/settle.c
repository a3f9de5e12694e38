/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * moongate confirm and moongate rollback: how a pending apply ends.
 */
#include "output.h"

static int run(const struct options *options, bool confirm)
{
	struct mg_engine *engine;
	struct mg_error error = { 0 };
	int err = mg_engine_open(&options->request, &engine, &error);

	if (err)
		return print_error(&error);
	err = confirm ? mg_engine_confirm(engine, options->token, options->console, &error)
		      : mg_engine_rollback(engine, options->token, &error);
	print_notes(options, mg_engine_notes(engine), 0);
	mg_engine_close(engine);
	if (err)
		return print_error(&error);
	remark(options, confirm ? "Confirmed: the new ruleset stays, and is the one for the next "
				  "boot."
				: "Taken back: the tables are what they were before.");
	return MG_DONE;
}

static int run_confirm(const struct options *options)
{
	return run(options, true);
}

static int run_rollback(const struct options *options)
{
	return run(options, false);
}

const struct command confirm_command = {
	.name = "confirm",
	.arguments = "[TOKEN]",
	.of_token = true,
	.summary = "keep what was applied; from a new connection",
	.details =
		"Confirm the apply that waits. It counts only over an ssh connection from another\n"
		"machine that was opened after the commit: an old one goes on whatever the new\n"
		"rules say, also if ssh shares it (ControlMaster: -o ControlPath=none), and so "
		"does\n"
		"what runs in a tmux or screen of before.\n"
		"TOKEN, which apply tells, makes sure that it is that one which is confirmed.",
	.options = "O",
	.run = run_confirm,
};

const struct command rollback_command = {
	.name = "rollback",
	.arguments = "[TOKEN]",
	.of_token = true,
	.summary = "take back at once what waits for a confirmation",
	.details = "Put the tables back as they were before the apply that waits.\n"
		   "TOKEN, which apply tells, makes sure that it is that one.",
	.options = "",
	.run = run_rollback,
};
