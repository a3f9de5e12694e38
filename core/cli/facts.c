/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * moongate facts: what a policy gets to know of this host, as a file that
 * --facts reads.
 */
#include <stdio.h>
#include <stdlib.h>

#include "output.h"

static int run(const struct options *options)
{
	struct mg_engine *engine;
	struct mg_error error = { 0 };
	char *text = NULL;
	int err;

	if (mg_engine_open(&options->request, &engine, &error))
		return print_error(&error);
	err = mg_engine_facts(engine, &text, &error);
	mg_engine_close(engine);
	if (err)
		return print_error(&error);
	fputs(text, stdout);
	free(text);
	return MG_DONE;
}

const struct command facts_command = {
	.name = "facts",
	.arguments = "",
	.summary = "what a policy knows of this host, as JSON for --facts",
	.details =
		"Print the facts about this host, `host' in a policy, as JSON: what --facts "
		"takes,\n"
		"so that a policy can be checked and exported for this host on another one. With\n"
		"--facts, print FILE as it is understood: what it leaves out filled in, sorted.",
	.options = "H",
	.elsewhere = true,
	.run = run,
};
