/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * moongate confirm and moongate rollback: how a pending apply ends.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "output.h"

/* What is pending; engine->state is open. */
static int read_pending(struct mg_engine *engine, struct mg_pending *pending,
			struct mg_error *error)
{
	int err = mg_engine_open_state(engine, error);

	if (err)
		return err;
	err = mg_state_read_pending(engine->state, pending, error);
	if (err == -ENOENT) {
		error->status = MG_INVALID;
		snprintf(error->text, sizeof(error->text),
			 "nothing waits for a confirmation: it was never applied, was confirmed "
			 "already, or was taken back");
	}
	return err;
}

/*
 * The old connection survives an apply whatever the new rules say: conntrack
 * knows it. Only a new one proves that a way in is left.
 */
static const char *proves_nothing(const struct options *options, const struct mg_engine *engine,
				  const struct mg_pending *pending)
{
	char own[sizeof(pending->ssh_connection)];

	if (options->console || !*pending->ssh_connection)
		return NULL;
	mg_engine_ssh_connection(engine, own, sizeof(own));
	if (!*own)
		return "it was applied over ssh, and this is no ssh connection: log in anew and "
		       "confirm there, or say --console if you sit at the machine";
	if (strcmp(own, pending->ssh_connection) == 0)
		return "this is the connection over which it was applied, which survives any "
		       "ruleset: open a new one and confirm there";
	return NULL;
}

/* How it was confirmed, for the record. */
static const char *confirmed_by(const struct options *options, const struct mg_pending *pending)
{
	if (options->console)
		return "console";
	return *pending->ssh_connection ? "connection" : "local session";
}

static int settle(const struct options *options, struct mg_engine *engine, const char *request,
		  struct mg_error *error)
{
	struct mg_pending pending = { 0 };
	const char *by = NULL, *reason = NULL;
	int err = read_pending(engine, &pending, error);

	if (err)
		return err;
	if (strcmp(request, "confirm") == 0) {
		by = confirmed_by(options, &pending);
		reason = proves_nothing(options, engine, &pending);
	}
	if (reason) {
		error->status = MG_UNSAFE;
		snprintf(error->text, sizeof(error->text), "not confirmed: %s", reason);
		return -EPERM;
	}
	return mg_guard_ask(mg_state_socket(engine->state), request, pending.token, by, error);
}

static int run(const struct options *options, const char *request, const char *done)
{
	struct mg_engine engine;
	struct mg_error error = { 0 };
	int err = mg_engine_open(&engine, &options->request, &error);

	if (!err)
		err = settle(options, &engine, request, &error);
	if (err)
		print_error(&error);
	else
		remark(options, "%s", done);
	mg_engine_close(&engine);
	return err ? (int)error.status : MG_DONE;
}

static int run_confirm(const struct options *options)
{
	return run(options, "confirm",
		   "Confirmed: the new ruleset stays, and is the one for the next boot.");
}

static int run_rollback(const struct options *options)
{
	return run(options, "rollback", "Taken back: the tables are what they were before.");
}

const struct command confirm_command = {
	.name = "confirm",
	.arguments = "",
	.summary = "keep what was applied; from a new connection",
	.details =
		"Confirm the apply that waits. It counts only from a connection that was opened\n"
		"after the apply: the old one goes on whatever the new rules say.",
	.options = "O",
	.run = run_confirm,
};

const struct command rollback_command = {
	.name = "rollback",
	.arguments = "",
	.summary = "take back at once what waits for a confirmation",
	.details = "Put the tables back as they were before the apply that waits.",
	.options = "",
	.run = run_rollback,
};
