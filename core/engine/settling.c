/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How an apply that waits ends: confirmed, or taken back.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

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

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/*
 * The rules are live, and the record says so, a moment before the guard hears
 * it: whoever has seen that and asks at once is not to be sent away.
 */
static int ask(const struct mg_engine *engine, const struct mg_pending *pending,
	       const char *request, const char *by, struct mg_error *error)
{
	static const double HEARS_SECONDS = 2;
	static const struct timespec pause = { .tv_nsec = 10000000 };
	const double wait = engine->request.wait;
	const double until = now() + (wait > HEARS_SECONDS ? wait : HEARS_SECONDS);
	int err;

	for (;;) {
		err = mg_guard_ask(mg_state_socket(engine->state), request, pending->token, by,
				   error);
		if (err != -EBUSY || now() > until)
			return err;
		nanosleep(&pause, NULL);
	}
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
	return ask(engine, &pending, "confirm", by, error);
}

int mg_engine_rollback(struct mg_engine *engine, struct mg_error *error)
{
	struct mg_pending pending = { 0 };
	int err = read_record(engine, &pending, error);

	if (err)
		return err;
	return ask(engine, &pending, "rollback", NULL, error);
}
