/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * moongate restore: the confirmed generation, at boot.
 */
#include <signal.h>

#include "output.h"
#include "signals.h"

static void tell(const struct options *options, const struct mg_restoration *restoration)
{
	if (!restoration->number) /* a note has said it */
		return;
	if (restoration->changed)
		remark(options, "Generation %u is loaded.", restoration->number);
	else
		remark(options, "Generation %u is live already: nothing was touched.",
		       restoration->number);
}

static int run(const struct options *options)
{
	struct mg_engine *engine;
	struct mg_restoration restoration;
	struct mg_error error = { 0 };
	int code = MG_DONE, err = mg_engine_open(&options->request, &engine, &error);

	if (err)
		return print_error(&error);
	hold_signals(SIG_BLOCK);
	err = mg_engine_restore(engine, &restoration, &error);
	hold_signals(SIG_UNBLOCK);
	print_notes(options, mg_engine_notes(engine), 0);
	if (err)
		code = print_error(&error);
	else
		tell(options, &restoration);
	mg_engine_close(engine);
	return code;
}

const struct command restore_command = {
	.name = "restore",
	.arguments = "",
	.summary = "load the confirmed generation, as boot does",
	.details =
		"Make the tables and sets what was confirmed last: no policy is evaluated and no\n"
		"name looked up. What the policy keeps of other software stays as it is now; what\n"
		"else is in its tables goes, and is told. moongate.service does this at boot.\n"
		"Where the generation is damaged an older one is loaded, with a warning. A family\n"
		"that cannot be loaded gets minimal rules that let its operators in by ssh: exit "
		"6\n"
		"or 7. Exit 0 also where nothing was ever confirmed: nothing is touched then.",
	.options = "w",
	.run = run,
};
