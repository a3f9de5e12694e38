/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * moongate plan: what would apply do?
 */
#include <stdio.h>

#include "json_document.h"
#include "output.h"
#include "render_flows.h"
#include "render_plan.h"
#include "wanted.h"

static int exit_code(const struct options *options, const struct mg_engine *engine)
{
	struct mg_plan_summary summary;

	mg_engine_plan_summary(engine, &summary);
	if (mg_engine_refusals(engine))
		return MG_UNSAFE;
	return options->detailed_exit && !summary.is_empty ? MG_CHANGES : MG_DONE;
}

/* What comes next; saving it may have failed. */
static const char *closing(const struct options *options, const struct mg_engine *engine,
			   bool saved, char *text, size_t size)
{
	const char *file = saved ? options->out : NULL;

	if (mg_engine_refusals(engine))
		return "Nothing has been touched; `moongate apply` refuses it.";
	if (!file && options->generation) {
		snprintf(text, size,
			 "Nothing has been touched: `moongate apply --generation %u` does it.",
			 options->generation);
		return text;
	}
	if (!file && mg_is_saved_plan(options->request.policy))
		file = options->request.policy;
	snprintf(text, size, "Nothing has been touched: `moongate apply%s%s` does it.",
		 file ? " " : "", file ? file : "");
	return text;
}

static int make_plan(const struct options *options, struct mg_engine *engine,
		     struct document *document, struct mg_error *error)
{
	char text[4096 + 64];
	int unsaved = 0, err = mg_engine_look_after(engine, error);

	if (!err)
		err = read_wanted(options, engine, error);
	if (!err)
		err = mg_engine_plan(engine, error);
	if (err)
		return err;
	if (options->out)
		unsaved = mg_engine_save_plan(engine, options->out, error);
	if (options->json)
		return unsaved ? unsaved : json_plan(options, engine, document, error);
	/* what cannot be saved can still be looked at */
	err = render_plan(options, engine,
			  closing(options, engine, options->out && !unsaved, text, sizeof(text)),
			  unsaved ? NULL : error);
	if (!err || unsaved)
		render_flows(options, engine);
	return unsaved ? unsaved : err;
}

static int run(const struct options *options)
{
	struct mg_request request = options->request;
	struct mg_engine *engine = NULL;
	struct document document = { 0 };
	struct mg_error error = { 0 };
	int err;

	request.flows = options->verbose || options->json;
	err = mg_engine_open(&request, &engine, &error);
	if (!err)
		err = make_plan(options, engine, &document, &error);
	return end_run(options, "plan", engine, &document, err ? &error : NULL,
		       err ? MG_DONE : exit_code(options, engine));
}

const struct command plan_command = {
	.name = "plan",
	.arguments = "[POLICY]",
	.summary = "show what apply would do to the live tables",
	.details = "Compare POLICY with the live tables and print the difference: + added, - "
		   "removed,\n"
		   "~ moved, = unchanged. Nothing is changed. Exit 5 where apply would refuse.\n"
		   "With --out the plan is kept, unless apply would refuse it, and `moongate apply "
		   "FILE'\n"
		   "does exactly that later. POLICY may be such a file: then see what has become "
		   "of it.",
	.options = "UJDRBFHGXY",
	.run = run,
};
