/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The confirmed generation made live again: at boot, or by hand.
 */
#include "restoring.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "netfilter/lock.h"
#include "plan/snapshot.h"
#include "ruleset/failure.h"

struct restoring {
	struct mg_engine *engine;
	struct mg_generation *generation; /* to be loaded */
	struct mg_generation *left;	  /* applied and never confirmed, perhaps live */
	bool is_left;			  /* there is one, even if it cannot be read */
	bool is_closed;			  /* no family was left as it was by a failure */
	struct mg_restoration done;
};

static int warn(struct mg_engine *engine, const struct mg_error *words, const char *then)
{
	return mg_note(&engine->notes, MG_WARNING, NULL, NULL, "%s: %s", words->text, then)
		       ? -ENOMEM
		       : 0;
}

/* Open the state, and take its lock if there is something to be restored. */
static int begin(struct mg_engine *engine, struct mg_error *error)
{
	struct mg_error words = { 0 };
	int err = mg_engine_open_state(engine, false, error);

	if (err || !mg_state_exists(engine->state))
		return err;
	mg_state_close(engine->state);
	engine->state = NULL;
	err = mg_engine_begin(engine, &words);
	if (err && words.status == MG_BUSY && error)
		*error = words;
	if (!err || words.status == MG_BUSY)
		return err;
	if (words.status == MG_STATE_UNKNOWN) {
		/* the lock is ours; what was confirmed can be had */
		engine->begun = true;
		return warn(engine, &words, "going on with what was confirmed");
	}
	/* on a disk that is full or cannot be written, rules can still be read */
	mg_state_close(engine->state);
	engine->state = NULL;
	err = mg_engine_open_state(engine, false, error);
	return err ? err : warn(engine, &words, "going on without that lock");
}

/* Which generation? -ENOENT without words: none, since nothing was ever confirmed. */
static int choose(struct restoring *restoring, struct mg_error *error)
{
	struct mg_engine *engine = restoring->engine;
	struct mg_pending pending;
	int err;

	if (!mg_state_exists(engine->state))
		return -ENOENT;
	/* the lock is ours, so its guard is gone */
	err = mg_state_read_pending(engine->state, &pending, NULL);
	restoring->is_left = err != -ENOENT;
	if (!err && mg_state_read_generation(engine->state, pending.number, &restoring->left, NULL))
		restoring->left = NULL;
	return mg_state_read_bootable(engine->state, &restoring->generation, &engine->notes, error);
}

/* Together if they can be, so that the commits are in order; else each for itself. */
static unsigned int load_families(struct restoring *restoring, const struct mg_ruleset *ruleset,
				  unsigned int families, struct mg_error reasons[MG_FAMILIES])
{
	char what[32];
	const struct mg_loading loading = {
		.ruleset = ruleset,
		.owned = restoring->left ? restoring->left : restoring->generation,
		.number = restoring->generation->number,
		.what = what,
	};
	struct mg_error words = { 0 };
	unsigned int failed = 0;
	int family;

	snprintf(what, sizeof(what), "generation %u", restoring->generation->number);
	if (!mg_engine_load_rules(restoring->engine, &loading, families, &restoring->done.changed,
				  &words))
		return 0;
	for (family = 0; family < MG_FAMILIES; family++) {
		if (!(families & 1U << family))
			continue;
		if (families == 1U << family)
			reasons[family] = words;
		else if (!mg_engine_load_rules(restoring->engine, &loading, 1U << family,
					       &restoring->done.changed, &reasons[family]))
			continue;
		failed |= 1U << family;
	}
	return failed;
}

/* "IPv4 and IPv6 are not restored: ..." */
static void put_together(unsigned int failed, const struct mg_error reasons[MG_FAMILIES],
			 enum mg_status status, struct mg_error *error)
{
	const struct mg_error *four = &reasons[MG_IPV4], *six = &reasons[MG_IPV6];

	if (failed == 1U << MG_IPV4)
		mg_set_error(error, status, "IPv4 is not restored: %s", four->text);
	else if (failed == 1U << MG_IPV6)
		mg_set_error(error, status, "IPv6 is not restored: %s", six->text);
	else if (strcmp(four->text, six->text) == 0)
		mg_set_error(error, status, "neither IPv4 nor IPv6 is restored: %s", four->text);
	else
		mg_set_error(error, status, "IPv4 is not restored: %s\nIPv6 is not restored: %s",
			     four->text, six->text);
}

/* What failed is stood in for. The worse status counts. */
static int fail(struct restoring *restoring, unsigned int failed,
		struct mg_error reasons[MG_FAMILIES], struct mg_error *error)
{
	enum mg_status status = MG_ENVIRONMENT;
	int family, err;

	restoring->is_closed = true;
	for (family = 0; family < MG_FAMILIES; family++) {
		struct mg_error *reason = &reasons[family];

		if (!(failed & 1U << family))
			continue;
		err = mg_engine_stand_in(restoring->engine, (enum mg_family)family,
					 restoring->is_left, reason);
		restoring->is_closed &= !err;
		if (reason->status == MG_STATE_UNKNOWN && err)
			status = MG_STATE_UNKNOWN;
		else if (reason->status == MG_KERNEL && status == MG_ENVIRONMENT)
			status = MG_KERNEL;
	}
	put_together(failed, reasons, status, error);
	return -EIO;
}

static int load_generation(struct restoring *restoring, struct mg_error *error)
{
	struct mg_error reasons[MG_FAMILIES] = { 0 };
	struct mg_ruleset *ruleset = NULL;
	unsigned int families = 0, failed;
	int err = mg_ruleset_new(&ruleset, error);

	if (!err)
		err = mg_engine_leave_out_absent(restoring->engine, restoring->generation,
						 &reasons[MG_IPV4]);
	if (!err)
		err = mg_engine_read_generation(restoring->generation, ruleset, &families,
						&reasons[MG_IPV4]);
	families = err ? ~0U : families;
	families &= restoring->engine->families;
	failed = families;
	if (err)
		reasons[MG_IPV6] = reasons[MG_IPV4];
	else
		failed = families ? load_families(restoring, ruleset, families, reasons) : 0;
	mg_ruleset_free(ruleset);
	return failed ? fail(restoring, failed, reasons, error) : 0;
}

/* No generation is whole: @words tell. */
static int load_none(struct restoring *restoring, const struct mg_error *words,
		     struct mg_error *error)
{
	struct mg_error reasons[MG_FAMILIES] = { *words, *words };

	return fail(restoring, restoring->engine->families, reasons, error);
}

/* What was never confirmed is not live any more, unless it is in the family that stays. */
static int clean_up(struct restoring *restoring, struct mg_error *error)
{
	struct mg_engine *engine = restoring->engine;
	const unsigned int asked = engine->request.families;
	int err;

	if (!engine->begun || (asked && asked != (1U << MG_IPV4 | 1U << MG_IPV6)))
		return 0;
	err = mg_state_drop_unconfirmed(engine->state, &engine->notes, error);
	if (mg_state_clear_pending(engine->state, NULL) == 0)
		mg_snapshot_sweep(engine->state); /* of an earlier boot, which may be large */
	return err;
}

static int tell_nothing(struct mg_engine *engine, struct mg_error *error)
{
	return mg_note(&engine->notes, MG_WARNING, NULL, "moongate apply",
		       "nothing was ever applied and confirmed here: there is nothing to restore, "
		       "and the tables stay as they are")
		       ? mg_engine_no_memory(error)
		       : 0;
}

/* @err, @words: what choosing a generation came to */
static int load(struct restoring *restoring, int err, const struct mg_error *words,
		struct mg_error *error)
{
	struct mg_error lock_words = { 0 };
	int lock = -1, locked;

	locked = mg_xtables_lock(restoring->engine->request.wait, &lock, &lock_words);
	if (locked && lock_words.status == MG_BUSY)
		return mg_fail(error, locked, MG_BUSY, "%s", lock_words.text);
	if (locked && warn(restoring->engine, &lock_words, "going on without that lock"))
		return mg_engine_no_memory(error);
	err = err ? load_none(restoring, words, error) : load_generation(restoring, error);
	mg_xtables_unlock(lock);
	return err;
}

int mg_engine_restore(struct mg_engine *engine, struct mg_restoration *out, struct mg_error *error)
{
	struct restoring restoring = { .engine = engine };
	struct mg_error words = { 0 };
	int err = begin(engine, &words);

	if (err && words.status == MG_BUSY)
		return mg_fail(error, err, MG_BUSY, "%s", words.text);
	if (!err)
		err = choose(&restoring, &words);
	if (err == -ENOENT && !*words.text) {
		err = tell_nothing(engine, error);
	} else {
		err = load(&restoring, err, &words, error);
		restoring.done.number = restoring.generation ? restoring.generation->number : 0;
	}
	if (!err)
		err = clean_up(&restoring, error);
	else if (restoring.is_closed) /* the words are those of the failure */
		clean_up(&restoring, NULL);
	if (!err)
		*out = restoring.done;
	mg_generation_free(restoring.generation);
	mg_generation_free(restoring.left);
	return err;
}
