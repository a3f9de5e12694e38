/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * moongate check: is the policy right, as far as can be told without touching
 * anything?
 */
#include <stdio.h>

#include "output.h"
#include "wanted.h"

static int check(const struct options *options, struct mg_engine *engine, struct mg_error *error)
{
	int err = read_wanted(options, engine, error);

	return err || !options->kernel ? err : mg_engine_try(engine, error);
}

static int run(const struct options *options)
{
	struct mg_engine *engine;
	struct mg_error error = { 0 };
	int err = mg_engine_open(&options->request, &engine, &error);

	if (err)
		return print_error(&error);
	err = check(options, engine, &error);
	print_notes(options, mg_engine_notes(engine), 0);
	if (err)
		print_error(&error);
	else if (!options->quiet)
		printf("%s: %u rules in %u chains, %s\n", options->request.policy,
		       mg_engine_rule_count(engine), mg_engine_chain_count(engine),
		       options->kernel ? "and the kernel accepts them" : "well formed");
	mg_engine_close(engine);
	return err ? (int)error.status : MG_DONE;
}

const struct command check_command = {
	.name = "check",
	.arguments = "[POLICY]",
	.summary = "evaluate and compile a policy; needs no root",
	.details =
		"Evaluate POLICY, compile each rule with the host's own xtables extensions, and\n"
		"tell what is wrong. Nothing is read from or written to the live tables.",
	.options = "KHXY",
	.run = run,
};
