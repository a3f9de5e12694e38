/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How an apply that waits ends: confirmed, or taken back.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "engine.h"
#include "plan/newcomer.h"
#include "ruleset/failure.h"

/* From the commit to the moment when the guard has heard of it, and more. */
static const double HEARS_SECONDS = 2;

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double give_up(const struct mg_engine *engine)
{
	const double wait = engine->request.wait;

	return now() + (wait > HEARS_SECONDS ? wait : HEARS_SECONDS);
}

static void take_breath(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
}

static int fail_without(const char *token, struct mg_error *error)
{
	if (token)
		return mg_fail(
			error, -ENOENT, MG_INVALID,
			"%s is of no transaction that waits: that one was confirmed or taken "
			"back already, or never was",
			token);
	return mg_fail(error, -ENOENT, MG_INVALID,
		       "nothing waits for a confirmation: it was never applied, was "
		       "confirmed already, or was taken back");
}

/*
 * What is pending; leaves the state open.
 * @token: has to be that one's; NULL: whatever waits is meant
 */
static int read_record(struct mg_engine *engine, const char *token, struct mg_pending *pending,
		       struct mg_error *error)
{
	int err = mg_engine_open_state(engine, false, error);

	if (err)
		return err;
	err = mg_state_read_pending(engine->state, pending, error);
	if (err == -ENOENT)
		return fail_without(token, error);
	if (!err && token && strcmp(token, pending->token) != 0)
		err = mg_fail(error, -EACCES, MG_INVALID,
			      "%s is of no transaction that waits: generation %u does, under "
			      "another token",
			      token, pending->number);
	return err;
}

/*
 * The same when the commit is done: as long as it is not, no connection is
 * newer, and whoever asks at once is to be told so by the right reason.
 */
static int read_committed(struct mg_engine *engine, const char *token, struct mg_pending *pending,
			  struct mg_error *error)
{
	const double until = give_up(engine);
	int err;

	while (!(err = read_record(engine, token, pending, error)) && !pending->committed) {
		if (now() > until)
			return mg_fail(error, -EBUSY, MG_BUSY,
				       "generation %u is still being applied", pending->number);
		take_breath();
	}
	return err;
}

/* The guard is gone: what became of it? */
static int learn_outcome(struct mg_engine *engine, const struct mg_pending *pending,
			 bool is_rollback, struct mg_error *error)
{
	bool is_confirmed;
	int err = mg_engine_find_outcome(engine, pending, &is_confirmed, error);

	if (err || is_confirmed != is_rollback)
		return err;
	if (is_rollback)
		return mg_fail(error, -ETIMEDOUT, MG_INVALID,
			       "too late: the new rules are confirmed already");
	return mg_fail(error, -ETIMEDOUT, MG_ROLLED_BACK, "too late: the old rules are back");
}

/*
 * The rules are live, and the record says so, a moment before the guard hears
 * it: whoever has seen that and asks at once is not to be sent away.
 */
static int ask(struct mg_engine *engine, const struct mg_pending *pending, const char *request,
	       const char *by, struct mg_error *error)
{
	const double until = give_up(engine);
	int err;

	for (;;) {
		err = mg_guard_ask(mg_state_socket(engine->state), request, pending->token, by,
				   error);
		if (err == -EPIPE || err == -ENOENT)
			return learn_outcome(engine, pending, !by, error);
		if (err != -EBUSY || now() > until)
			return err;
		take_breath();
	}
}

int mg_engine_confirm(struct mg_engine *engine, const char *token, bool console,
		      struct mg_error *error)
{
	const struct mg_newcomer_view view = { .host = engine->host };
	struct mg_pending pending = { 0 };
	int err = read_committed(engine, token, &pending, error);

	if (err)
		return err;
	err = console ? mg_newcomer_check_console(&view, error)
		      : mg_newcomer_check(&view, &pending, error);
	if (err) {
		mg_error_prefix(error, "not confirmed");
		return err;
	}
	return ask(engine, &pending, "confirm", console ? "console" : "connection", error);
}

int mg_engine_rollback(struct mg_engine *engine, const char *token, struct mg_error *error)
{
	struct mg_pending pending = { 0 };
	int err = read_record(engine, token, &pending, error);

	if (err)
		return err == -ENOENT && engine->recovered ? 0 : err;
	/* one that somebody has stopped hears nothing: its watcher does it instead */
	mg_guard_end_stopped(pending.guard);
	return ask(engine, &pending, "rollback", NULL, error);
}
