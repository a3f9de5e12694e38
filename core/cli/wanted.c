/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A policy, a saved plan (the file tells which), or a generation.
 */
#include "wanted.h"

#include <stdio.h>

void tell_confinement(const struct options *options, const struct mg_engine *engine)
{
	const char *how = mg_engine_confinement(engine);

	if (how && options->verbose && !options->quiet)
		fprintf(stderr, "note: %s\n", how);
}

static int read_it(const struct options *options, struct mg_engine *engine, struct mg_error *error)
{
	const char *path = options->request.policy;

	if (options->generation)
		return mg_engine_load_generation(engine, options->generation, error);
	return mg_is_saved_plan(path) ? mg_engine_load_plan(engine, path, error)
				      : mg_engine_check(engine, error);
}

int read_wanted(const struct options *options, struct mg_engine *engine, struct mg_error *error)
{
	int err = read_it(options, engine, error);

	if (!err)
		tell_confinement(options, engine);
	return err;
}
