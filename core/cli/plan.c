/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * moongate plan: what would apply do?
 */
#include "output.h"
#include "render_plan.h"

static int exit_code(const struct options *options, const struct mg_engine *engine)
{
	struct mg_plan_summary summary;

	mg_engine_plan_summary(engine, &summary);
	if (mg_engine_refusals(engine))
		return MG_UNSAFE;
	return options->detailed_exit && !summary.is_empty ? MG_CHANGES : MG_DONE;
}

static int make_plan(const struct options *options, struct mg_engine *engine,
		     struct mg_error *error)
{
	int err = mg_engine_check(engine, error);

	if (!err)
		err = mg_engine_plan(engine, error);
	if (!err)
		err = render_plan(options, engine,
				  mg_engine_refusals(engine)
					  ? "Nothing has been touched; `moongate apply` refuses it."
					  : "Nothing has been touched: `moongate apply` does it.",
				  error);
	return err;
}

static int run(const struct options *options)
{
	struct mg_engine *engine;
	struct mg_error error = { 0 };
	int code, err = mg_engine_open(&options->request, &engine, &error);

	if (err)
		return print_error(&error);
	err = make_plan(options, engine, &error);
	print_notes(options, mg_engine_notes(engine), 0);
	code = err ? print_error(&error) : exit_code(options, engine);
	mg_engine_close(engine);
	return code;
}

const struct command plan_command = {
	.name = "plan",
	.arguments = "[POLICY]",
	.summary = "show what apply would do to the live tables",
	.details = "Compare POLICY with the live tables and print the difference: + added, - "
		   "removed,\n"
		   "~ moved, = unchanged. Nothing is changed. Exit 5 where apply would refuse.",
	.options = "DRBF",
	.run = run,
};
