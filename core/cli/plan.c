/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * moongate plan: what would apply do?
 */
#include "output.h"
#include "render_plan.h"

static int exit_code(const struct options *options, const struct mg_engine *engine)
{
	if (mg_engine_refusals(engine))
		return MG_UNSAFE;
	if (options->detailed_exit && !mg_plan_is_empty(engine->plan))
		return MG_CHANGES;
	return MG_DONE;
}

static int run(const struct options *options)
{
	struct mg_engine engine;
	struct mg_error error = { 0 };
	int code, err = mg_engine_open(&engine, &options->request, &error);

	if (!err)
		err = mg_engine_check(&engine, &error);
	if (!err)
		err = mg_engine_plan(&engine, &error);
	if (!err)
		err = render_plan(options, engine.plan,
				  mg_engine_refusals(&engine)
					  ? "Nothing has been touched; `moongate apply` refuses it."
					  : "Nothing has been touched: `moongate apply` does it.",
				  &error);
	print_notes(options, &engine.notes, 0);
	code = err ? print_error(&error) : exit_code(options, &engine);
	mg_engine_close(&engine);
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
