/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How an apply that waits ends: confirmed, or taken back.
 */
#include <errno.h>
#include <string.h>

#include "engine.h"
#include "ruleset/failure.h"

/* What is pending; leaves the state open. */
static int read_record(struct mg_engine *engine, struct mg_pending *pending, struct mg_error *error)
{
	int err = mg_engine_open_state(engine, false, error);

	if (err)
		return err;
	err = mg_state_read_pending(engine->state, pending, error);
	if (err == -ENOENT)
		err = mg_fail(error, -ENOENT, MG_INVALID,
			      "nothing waits for a confirmation: it was never applied, was "
			      "confirmed already, or was taken back");
	return err;
}

/*
 * The old connection survives an apply whatever the new rules say: conntrack
 * knows it. Only a new one proves that a way in is left.
 */
static const char *proves_nothing(const struct mg_engine *engine, const struct mg_pending *pending)
{
	char own[sizeof(pending->ssh_connection)];

	if (!*pending->ssh_connection)
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

int mg_engine_confirm(struct mg_engine *engine, bool console, struct mg_error *error)
{
	const char *by = "console", *reason = NULL;
	struct mg_pending pending = { 0 };
	int err = read_record(engine, &pending, error);

	if (err)
		return err;
	if (!console) {
		by = *pending.ssh_connection ? "connection" : "local session";
		reason = proves_nothing(engine, &pending);
	}
	if (reason)
		return mg_fail(error, -EPERM, MG_UNSAFE, "not confirmed: %s", reason);
	return mg_guard_ask(mg_state_socket(engine->state), "confirm", pending.token, by, error);
}

int mg_engine_rollback(struct mg_engine *engine, struct mg_error *error)
{
	struct mg_pending pending = { 0 };
	int err = read_record(engine, &pending, error);

	if (err)
		return err;
	return mg_guard_ask(mg_state_socket(engine->state), "rollback", pending.token, NULL, error);
}
