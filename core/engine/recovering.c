/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What nobody guards any more: an apply that waits for its confirmation, or was
 * in the middle of its commit, and whose processes are all dead. Whoever
 * opens the state next takes it back.
 *
 * All of them shared the transaction lock, so whoever gets it finds a record
 * only if they are gone.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "netfilter/lock.h"
#include "plan/snapshot.h"
#include "restoring.h"
#include "ruleset/failure.h"

enum { TRIES = 3 };

/* As in a roll-back: whoever holds that lock for ever must not keep the new rules alive. */
static const double LOCK_SECONDS = 5;

struct recovering {
	struct mg_engine *engine;
	struct mg_pending pending;
	struct mg_generation *before; /* the confirmed one; NULL: none, or damaged */
	struct mg_generation *left;   /* the one that nobody confirmed; NULL: it cannot be read */
	char what[128];		      /* was put back */
};

/* What is kept is told by the generation that was applied; without it, all is put back. */
static int from_snapshot(struct recovering *recovering, bool exactly, struct mg_error *error)
{
	struct mg_ruleset *ruleset = NULL;
	struct mg_snapshot *snapshot = NULL;
	unsigned int families;
	int err = mg_snapshot_read(recovering->engine->state, &recovering->pending, &snapshot,
				   error);

	if (!err && !exactly) {
		err = mg_ruleset_new(&ruleset, error);
		if (!err)
			err = mg_engine_read_generation(recovering->left, ruleset, &families,
							error);
	}
	if (!err)
		err = mg_snapshot_restore(snapshot, ruleset, recovering->before, recovering->what,
					  sizeof(recovering->what), error);
	mg_snapshot_free(snapshot);
	mg_ruleset_free(ruleset);
	return err;
}

/* The snapshot is no good: then what was confirmed last. */
static int from_generation(struct recovering *recovering, struct mg_error *error)
{
	struct mg_engine *engine = recovering->engine;
	struct mg_ruleset *ruleset = NULL;
	struct mg_loading loading = { .owned = recovering->left, .what = recovering->what };
	unsigned int families = 0;
	bool changed = false;
	int err;

	if (!recovering->before)
		return mg_fail(error, -ENOENT, MG_STATE_UNKNOWN, "no generation was confirmed");
	snprintf(recovering->what, sizeof(recovering->what), "generation %u",
		 recovering->before->number);
	loading.number = recovering->before->number;
	err = mg_ruleset_new(&ruleset, error);
	if (!err)
		err = mg_engine_read_generation(recovering->before, ruleset, &families, error);
	loading.ruleset = ruleset;
	if (!err)
		err = mg_engine_load_rules(engine, &loading, families, &changed, error);
	mg_ruleset_free(ruleset);
	return err;
}

static int put_back(struct recovering *recovering, struct mg_error *error)
{
	struct mg_engine *engine = recovering->engine;
	struct mg_error words = { 0 }, second = { 0 };
	int lock = -1, attempt, err = -EAGAIN;

	mg_xtables_lock(LOCK_SECONDS, &lock, NULL);
	for (attempt = 0; attempt < TRIES && err == -EAGAIN; attempt++)
		err = from_snapshot(recovering, !recovering->left, &words);
	if (err && recovering->left)
		err = from_snapshot(recovering, true, &words);
	if (err) {
		mg_note(&engine->notes, MG_WARNING, NULL, NULL,
			"what was live before generation %u cannot be put back: %s",
			recovering->pending.number, words.text);
		err = from_generation(recovering, &second);
	}
	mg_xtables_unlock(lock);
	if (err)
		return mg_fail(
			error, err, MG_STATE_UNKNOWN,
			"generation %u was never confirmed, its guard is gone, and it cannot "
			"be taken back: %s\n%s",
			recovering->pending.number, words.text, second.text);
	return 0;
}

/* The record goes last: until then it can all be done again. */
static int forget(struct recovering *recovering, struct mg_error *error)
{
	struct mg_state *state = recovering->engine->state;
	const uint32_t number = recovering->pending.number;
	int err;

	mg_state_drop_generation(state, number, NULL);
	err = mg_state_clear_pending(state, error);
	if (!err)
		mg_snapshot_remove(state, number);
	return err;
}

static int tell(struct recovering *recovering, struct mg_error *error)
{
	struct mg_engine *engine = recovering->engine;

	return mg_note(&engine->notes, MG_WARNING, NULL,
		       "apply it again, and confirm it, if it is still wanted",
		       "generation %u was never confirmed, and nobody guarded it any more: it was "
		       "taken back just now, and what was there before is live again (%s)",
		       recovering->pending.number, recovering->what)
		       ? mg_engine_no_memory(error)
		       : 0;
}

static int recover(struct recovering *recovering, struct mg_error *error)
{
	struct mg_engine *engine = recovering->engine;
	const uint32_t number = recovering->pending.number;
	int err;

	if (!mg_state_is_here(&recovering->pending))
		return mg_fail(
			error, -EBUSY, MG_BUSY,
			"generation %u was applied in another network namespace, was never "
			"confirmed, and its guard is gone: any moongate command there takes "
			"it back; where that namespace is gone, remove pending.json from the "
			"run folder",
			number);
	if (mg_state_read_confirmed(engine->state, &recovering->before, NULL))
		recovering->before = NULL;
	if (recovering->before && recovering->before->number == number) {
		/* they were killed when it had been confirmed, and before they could say so */
		mg_state_clear_pending(engine->state, NULL);
		mg_snapshot_remove(engine->state, number);
		return 0;
	}
	if (mg_state_read_generation(engine->state, number, &recovering->left, NULL))
		recovering->left = NULL;
	err = put_back(recovering, error);
	if (!err)
		err = tell(recovering, error);
	if (!err)
		err = forget(recovering, error);
	if (!err)
		engine->recovered = number;
	return err;
}

/* The record is damaged: of whom it was is not known, but what counts is. */
static int recover_unknown(struct recovering *recovering, struct mg_error *error)
{
	struct mg_engine *engine = recovering->engine;
	struct mg_error words = { 0 };
	int lock = -1, err;

	if (mg_state_read_confirmed(engine->state, &recovering->before, NULL))
		recovering->before = NULL;
	mg_xtables_lock(LOCK_SECONDS, &lock, NULL);
	err = from_generation(recovering, &words);
	mg_xtables_unlock(lock);
	if (err)
		return mg_fail(error, err, MG_STATE_UNKNOWN,
			       "the record of what was applied and never confirmed is damaged "
			       "(pending.json in the run folder), and so it cannot be taken back: "
			       "%s",
			       words.text);
	if (mg_note(&engine->notes, MG_WARNING, NULL, NULL,
		    "the record of what was applied and never confirmed was damaged: %s, which "
		    "was confirmed, is loaded",
		    recovering->what))
		return mg_engine_no_memory(error);
	err = mg_state_drop_unconfirmed(engine->state, &engine->notes, error);
	if (!err)
		err = mg_state_clear_pending(engine->state, error);
	if (!err)
		mg_snapshot_sweep(engine->state);
	return err;
}

int mg_engine_recover(struct mg_engine *engine, struct mg_error *error)
{
	struct recovering recovering = { .engine = engine };
	int err = mg_state_read_pending(engine->state, &recovering.pending, error);

	if (err == -ENOENT)
		return 0;
	if (!err)
		err = recover(&recovering, error);
	else if (err == -EBADMSG)
		err = recover_unknown(&recovering, error);
	mg_generation_free(recovering.before);
	mg_generation_free(recovering.left);
	return err;
}

/*
 * A guard that is stopped keeps the lock, and with nobody left to act in its
 * place the new rules would stay as long as it does.
 */
static bool is_overdue(const struct mg_pending *pending)
{
	static const int64_t SECOND = 1000000000, LATE = 2; /* by then its watcher would have */
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return pending->committed &&
	       (int64_t)now.tv_sec * SECOND + now.tv_nsec > pending->deadline + LATE * SECOND;
}

static int lock_now(struct mg_engine *engine, const struct mg_pending *pending)
{
	static const double ENDS_SECONDS = 1;
	int err = mg_state_lock(engine->state, 0, NULL);

	if (err && is_overdue(pending) && mg_guard_end_stopped(pending->guard))
		err = mg_state_lock(engine->state, ENDS_SECONDS, NULL);
	return err;
}

int mg_engine_tend_state(struct mg_engine *engine, struct mg_error *error)
{
	struct mg_pending pending = { 0 };
	struct mg_error words = { 0 };
	int err = mg_state_read_pending(engine->state, &pending, NULL);

	if (err == -ENOENT || lock_now(engine, &pending))
		return 0;
	err = mg_engine_recover(engine, &words);
	mg_state_unlock(engine->state);
	if (err && mg_note(&engine->notes, MG_WARNING, NULL, NULL, "%s", words.text))
		return mg_engine_no_memory(error);
	return 0;
}

int mg_engine_look_after(struct mg_engine *engine, struct mg_error *error)
{
	int err;

	if (engine->state) /* it was done when that was opened */
		return 0;
	/* whoever needs the state, and cannot open it, says why */
	if (mg_state_open(engine->request.state_dir, engine->request.run_dir, false, &engine->state,
			  NULL))
		return 0;
	err = mg_engine_tend_state(engine, error);
	/* it is opened anew by who makes its folders if need be */
	mg_state_close(engine->state);
	engine->state = NULL;
	return err;
}

int mg_engine_find_outcome(struct mg_engine *engine, const struct mg_pending *pending,
			   bool *is_confirmed, struct mg_error *error)
{
	static const double SETTLES_SECONDS = 8; /* whoever restores waits 5 s for a lock */
	struct mg_generation *confirmed = NULL;
	int err = mg_state_lock(engine->state, SETTLES_SECONDS, error);

	if (!err)
		err = mg_engine_recover(engine, error);
	mg_state_unlock(engine->state);
	if (err)
		return err;
	*is_confirmed = mg_state_read_confirmed(engine->state, &confirmed, NULL) == 0 &&
			confirmed->number == pending->number;
	mg_generation_free(confirmed);
	return 0;
}
