/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * moongate lock: pin the modules that a policy uses.
 */
#include <stdio.h>

#include "output.h"
#include "wanted.h"

/* So much of a checksum tells two of them apart. */
#define SHOWN 12

static void print_change(const struct options *options, const struct mg_lock_change *change)
{
	const enum style how = !change->before ? ADDED : !change->after ? REMOVED : MOVED;

	style(options, how);
	printf("%c %s ", how == ADDED ? '+' : how == REMOVED ? '-' : '~', change->module);
	if (how == MOVED)
		printf("%.*s -> ", SHOWN, change->before);
	printf("%.*s", SHOWN, change->after ? change->after : change->before);
	style(options, PLAIN);
	putchar('\n');
}

static void print_lock(const struct options *options, const struct mg_lock *lock)
{
	size_t i;

	for (i = 0; i < lock->change_count; i++)
		print_change(options, &lock->changes[i]);
	if (options->quiet)
		return;
	printf("%s: %zu %s", lock->path, lock->pinned, plural(lock->pinned, "module", "modules"));
	if (lock->used != lock->pinned)
		printf(", of which this policy uses %zu", lock->used);
	printf("; %s\n", lock->is_new || lock->change_count ? "written" : "nothing has changed");
}

static int run(const struct options *options)
{
	const struct mg_lock *lock;
	struct mg_engine *engine;
	struct mg_error error = { 0 };
	int code = MG_DONE;

	if (mg_engine_open(&options->request, &engine, &error))
		return print_error(&error);
	if (mg_engine_lock(engine, options->add, &lock, &error)) {
		print_notes(options, mg_engine_notes(engine), 0);
		code = print_error(&error);
	} else {
		tell_confinement(options, engine);
		print_lock(options, lock);
	}
	mg_engine_close(engine);
	return code;
}

const struct command lock_command = {
	.name = "lock",
	.arguments = "[POLICY]",
	.summary = "pin the modules that a policy uses",
	.details =
		"Write the name and the SHA-256 of each module that POLICY uses, directly or\n"
		"through others, to the file moongate.lock beside it. From then on check, plan,\n"
		"apply, export and resolve refuse a module that is not in it or has other bytes.\n"
		"Prints what has changed. With --add or --facts, modules that are not used here\n"
		"stay as they are: for several policies in one folder, and for other hosts.",
	.options = "aHXY",
	.elsewhere = true,
	.run = run,
};
