/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * moongate resolve: look up the names that a policy asks for, and keep what
 * they are.
 */
#include <stdio.h>

#include "output.h"
#include "wanted.h"

static void print_change(const struct options *options, const struct mg_name_change *change)
{
	style(options, change->added ? ADDED : REMOVED);
	printf("%c %s %s", change->added ? '+' : '-', change->name, change->address);
	style(options, PLAIN);
	putchar('\n');
}

static void print_resolution(const struct options *options, const struct mg_resolution *resolution)
{
	size_t i;

	for (i = 0; i < resolution->change_count; i++)
		print_change(options, &resolution->changes[i]);
	if (options->quiet)
		return;
	if (!resolution->names && !resolution->change_count) {
		printf("%s asks for no names\n", options->request.policy);
		return;
	}
	printf("%s: %zu %s, %zu %s; %s\n", resolution->path, resolution->names,
	       plural(resolution->names, "name", "names"), resolution->addresses,
	       plural(resolution->addresses, "address", "addresses"),
	       resolution->change_count ? "written; `moongate plan' shows what it changes"
					: "nothing has changed");
}

static int run(const struct options *options)
{
	const struct mg_resolution *resolution;
	struct mg_engine *engine;
	struct mg_error error = { 0 };
	int code = MG_DONE;

	if (mg_engine_open(&options->request, &engine, &error))
		return print_error(&error);
	if (mg_engine_resolve(engine, &resolution, &error)) {
		print_notes(options, mg_engine_notes(engine), 0);
		code = print_error(&error);
	} else {
		tell_confinement(options, engine);
		print_resolution(options, resolution);
	}
	mg_engine_close(engine);
	return code;
}

const struct command resolve_command = {
	.name = "resolve",
	.arguments = "[POLICY]",
	.summary = "look up the names that a policy asks for",
	.details =
		"Look up each name that POLICY gives to resolve(), and write the addresses to the\n"
		"lock file beside it (policy.resolved for policy.lua), from which check, plan,\n"
		"apply and export take them. Prints what has changed. If one name fails nothing "
		"is\n"
		"written. With --facts, names that this host does not ask for stay.",
	.options = "HXY",
	.elsewhere = true,
	.run = run,
};
