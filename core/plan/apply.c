/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The transaction. The guard is forked after the plan was compared, so it
 * holds the old tables in memory; the same function puts them back in the
 * guard and, when a commit is refused, here.
 */
#include "apply.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "barrier.h"
#include "boot_files.h"
#include "commit.h"
#include "guard_scope.h"
#include "netfilter/flows.h"
#include "netfilter/lock.h"
#include "newcomer.h"
#include "restore.h"
#include "ruleset/failure.h"
#include "ruleset/set_text.h"
#include "snapshot.h"

struct mg_transaction {
	struct mg_apply_order order;
	bool *touched;		    /* by table of the plan; a page that the guard shares */
	struct mg_set_states *sets; /* the same for the plan's sets */
	struct mg_guard *guard;
	struct mg_pending pending;
	struct mg_generation generation;
	char *operators; /* the order's, which its caller has forgotten when a roll-back fails */
};

/* How long a roll-back waits for other xtables programs before it goes on without. */
static const double ROLLBACK_LOCK_SECONDS = 5;

enum { TRIES = 4 }; /* of a roll-back without a guard */

static int restore(const struct mg_transaction *transaction, struct mg_error *error)
{
	return mg_restore(transaction->order.plan, transaction->touched, transaction->sets, error);
}

/* For the guard, and for the applying process if the guard is gone. */
static int roll_back(void *context, struct mg_error *error)
{
	const struct mg_transaction *transaction = context;
	int lock = -1, err;

	/* somebody who holds the lock for ever must not keep the new rules alive */
	mg_xtables_lock(ROLLBACK_LOCK_SECONDS, &lock, NULL);
	err = restore(transaction, error);
	mg_xtables_unlock(lock);
	return err;
}

/* For the same two, when it has failed for good. */
static void give_up(void *context, struct mg_error *error)
{
	const struct mg_transaction *transaction = context;
	int lock = -1;

	mg_xtables_lock(ROLLBACK_LOCK_SECONDS, &lock, NULL);
	mg_barrier_raise(transaction->order.plan, transaction->touched, transaction->order.state,
			 transaction->operators, error);
	mg_xtables_unlock(lock);
}

static int make_count(void *context, const char *by, struct mg_error *error)
{
	const struct mg_transaction *transaction = context;
	int err = mg_state_confirm_generation(transaction->order.state, transaction->pending.number,
					      by, error);

	if (!err)
		mg_sets_tidy(transaction->order.plan);
	/* what is confirmed counts, whether they end or not */
	if (!err && transaction->order.flow_count)
		mg_flows_end(transaction->order.flows, transaction->order.flow_count);
	return err;
}

/* Did the guard make the generation count before it went away? */
static bool is_confirmed(void *context)
{
	const struct mg_transaction *transaction = context;
	struct mg_generation *confirmed = NULL;
	bool is = mg_state_read_confirmed(transaction->order.state, &confirmed, NULL) == 0 &&
		  confirmed->number == transaction->pending.number;

	mg_generation_free(confirmed);
	return is;
}

static void clean_up(void *context, enum mg_verdict verdict)
{
	const struct mg_transaction *transaction = context;
	struct mg_state *state = transaction->order.state;

	/* the new tables may be live: whoever opens the state next tries once more */
	if (verdict == MG_VERDICT_FAILED)
		return;
	/* all are conveniences by now: the tables are what the verdict says */
	if (verdict != MG_VERDICT_CONFIRMED)
		mg_state_drop_generation(state, transaction->pending.number, NULL);
	else /* what is wrong with it stands in its record */
		mg_boot_files_write(state, NULL);
	mg_state_clear_pending(state, NULL);
	mg_snapshot_remove(state, transaction->pending.number);
}

static const int64_t SECOND = 1000000000;

/*
 * On the clock by which the kernel tells the start of a process, and so whether a
 * connection is older or newer than the commit.
 */
static int64_t boottime(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (int64_t)now.tv_sec * SECOND + now.tv_nsec;
}

/* A family that is not in the plan stays what it was, and ours. */
static int keep_family(const struct mg_generation *before, int family,
		       struct mg_generation *generation, struct mg_error *error)
{
	if (generation->rules[family] || !before || !before->rules[family])
		return 0;
	generation->rules[family] = strdup(before->rules[family]);
	if (before->sets[family])
		generation->sets[family] = strdup(before->sets[family]);
	if (!generation->rules[family] || (before->sets[family] && !generation->sets[family]))
		return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for a generation");
	return 0;
}

static int fill_generation(const struct mg_apply_order *order, struct mg_generation *generation,
			   struct mg_error *error)
{
	int family, err = mg_plan_check_text(order->plan, error);

	generation->user = (char *)order->user;
	generation->policy = (char *)order->policy;
	generation->operators = (char *)order->operators;
	if (order->story)
		mg_generation_lend_story(order->story, generation);
	for (family = 0; family < MG_FAMILIES && !err; family++) {
		err = mg_plan_text(order->plan, (enum mg_family)family, &generation->rules[family],
				   error);
		if (!err && generation->rules[family])
			err = mg_set_text_write(mg_ruleset_sets_const(order->plan->ruleset),
						(enum mg_family)family, &generation->sets[family],
						error);
		if (!err)
			err = keep_family(order->before, family, generation, error);
	}
	return err;
}

static void free_rules(struct mg_generation *generation)
{
	int family;

	for (family = 0; family < MG_FAMILIES; family++) {
		free(generation->rules[family]);
		free(generation->sets[family]);
	}
}

static int arm(struct mg_transaction *transaction, struct mg_error *error)
{
	int fds[MG_STATE_DESCRIPTORS];
	const struct mg_apply_order *order = &transaction->order;
	const struct mg_guard_order guard = {
		.socket_path = mg_state_socket(order->state),
		.token = transaction->pending.token,
		.seconds = order->seconds,
		.keep_fds = fds,
		.keep_count = mg_state_descriptors(order->state, fds),
		.restore = roll_back,
		.give_up = give_up,
		.confirm = make_count,
		.is_confirmed = is_confirmed,
		.settled = clean_up,
		.context = transaction,
	};

	return mg_guard_arm(&guard, &transaction->guard, &transaction->pending.guard, error);
}

/*
 * Out of the reach of whoever ends the session, or the service, that applies. A
 * guard that has to stay there is better than none.
 */
static void leave_session(const struct mg_transaction *transaction)
{
	struct mg_error words = { 0 };
	char description[80];
	pid_t pids[2];
	size_t count = mg_guard_processes(transaction->guard, pids);

	if (!mg_scope_is_there())
		return;
	snprintf(description, sizeof(description), "Guard of Moongate's generation %u",
		 transaction->pending.number);
	if (mg_scope_enter(pids, count, description, &words) && transaction->order.notes)
		mg_note(transaction->order.notes, MG_WARNING, NULL, NULL,
			"the guard stays where this command runs, and is killed when systemd "
			"ends that session or service: %s",
			words.text);
}

/* The durable part before anything is touched: generation, token, pending record. */
static int prepare(struct mg_transaction *transaction, struct mg_error *error)
{
	struct mg_state *state = transaction->order.state;
	int err = fill_generation(&transaction->order, &transaction->generation, error);

	if (!err)
		err = mg_state_write_generation(state, &transaction->generation, error);
	if (err)
		return err;
	transaction->pending.number = transaction->generation.number;
	if (transaction->order.operators) {
		transaction->operators = strdup(transaction->order.operators);
		if (!transaction->operators)
			err = mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for an apply");
	}
	if (!err)
		err = mg_sets_choose(transaction->order.plan, transaction->pending.number, error);
	if (!err)
		err = mg_sets_states(transaction->order.plan, &transaction->sets, error);
	snprintf(transaction->pending.connections, sizeof(transaction->pending.connections), "%s",
		 transaction->order.connections);
	if (!err)
		err = mg_guard_token(transaction->pending.token, error);
	if (!err)
		err = mg_snapshot_write(state, transaction->order.plan, &transaction->pending,
					error);
	if (!err)
		err = mg_state_write_pending(state, &transaction->pending, error);
	if (!err)
		err = arm(transaction, error);
	if (!err)
		leave_session(transaction);
	if (err)
		clean_up(transaction, MG_VERDICT_NONE);
	return err;
}

/* There is no guard any more: what it would have done is done here. */
static int settle_here(struct mg_transaction *transaction, struct mg_error *error)
{
	struct timespec pause = { .tv_nsec = 100000000 };
	int err = -EIO;

	for (int i = 0; i < TRIES && err; i++) {
		if (i)
			nanosleep(&pause, NULL);
		pause.tv_nsec *= 2;
		err = roll_back(transaction, error);
	}
	if (err)
		give_up(transaction, error);
	clean_up(transaction, err ? MG_VERDICT_FAILED : MG_VERDICT_ROLLED_BACK);
	return err;
}

/*
 * A commit failed: put back what was committed before it. Only when that
 * fails too is the guard, which tries again for a while, asked to.
 */
static void compensate(struct mg_transaction *transaction, struct mg_error *error)
{
	struct mg_error second = { 0 };
	int err;

	if (restore(transaction, &second) == 0) {
		if (mg_guard_dismiss(transaction->guard, NULL)) /* it is gone: nobody cleans up */
			clean_up(transaction, MG_VERDICT_NONE);
		if (error->status == MG_STATE_UNKNOWN)
			mg_set_error(error, MG_ENVIRONMENT, "%s; the old tables are back",
				     error->text);
		return;
	}
	err = mg_guard_rollback(transaction->guard, &second);
	if (err == -EPIPE)
		err = settle_here(transaction, &second);
	if (!err)
		return;
	mg_error_prefix(&second, "putting the old tables back failed too");
	mg_set_error(error, MG_STATE_UNKNOWN, "%s\n%s", error->text, second.text);
}

static int commit(struct mg_transaction *transaction, struct mg_error *error)
{
	struct mg_pending *pending = &transaction->pending;
	const struct mg_commit progress = {
		.plan = transaction->order.plan,
		.touched = transaction->touched,
		.sets = transaction->sets,
	};
	int err = mg_commit(&progress, error);

	if (!err) {
		/* first these, and then the time: no other has been let in by the old rules */
		mg_newcomer_list_coming("/proc", pending->connections,
					sizeof(pending->connections));
		pending->committed = boottime();
		pending->deadline = pending->committed +
				    (int64_t)(transaction->order.seconds * (double)SECOND);
		/* before the deadline runs: from then on it can be confirmed */
		err = mg_state_write_pending(transaction->order.state, pending, error);
	}
	if (!err)
		err = mg_guard_committed(transaction->guard, error);
	if (err)
		compensate(transaction, error);
	return err;
}

int mg_apply(const struct mg_apply_order *order, struct mg_transaction **out,
	     struct mg_error *error)
{
	struct mg_transaction *transaction = calloc(1, sizeof(*transaction));
	struct mg_error words = { 0 };
	int err;

	if (!transaction)
		return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for an apply");
	transaction->order = *order;
	transaction->touched = mmap(NULL, MG_MOST_TABLES * sizeof(bool), PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (transaction->touched == MAP_FAILED) {
		free(transaction);
		return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for an apply");
	}
	err = prepare(transaction, &words);
	if (!err)
		err = commit(transaction, &words);
	if (err) {
		if (error)
			*error = words;
		mg_transaction_free(transaction);
		return err;
	}
	*out = transaction;
	return 0;
}

int mg_transaction_confirm(struct mg_transaction *transaction, const char *by,
			   struct mg_error *error)
{
	struct mg_error words = { 0 }, second = { 0 };
	int back, err = mg_guard_confirm(transaction->guard, by, &words);

	if (!err)
		return 0;
	if (err == -EPIPE && is_confirmed(transaction)) {
		clean_up(transaction, MG_VERDICT_CONFIRMED);
		return 0;
	}
	if (words.status == MG_ROLLED_BACK) { /* we were stopped, say, and the deadline came */
		if (error)
			*error = words;
		return err;
	}
	/* what is not confirmed must not stay until a deadline that nobody waits for */
	back = mg_guard_rollback(transaction->guard, &second);
	if (back == -EPIPE)
		back = settle_here(transaction, &second);
	if (back)
		return mg_fail(error, err, MG_STATE_UNKNOWN, "%s\nthe roll-back failed: %s",
			       words.text, second.text);
	return mg_fail(error, err, MG_ENVIRONMENT, "%s; the old tables are back", words.text);
}

void mg_transaction_rollback(struct mg_transaction *transaction)
{
	/* however it goes, the guard has a verdict, or is gone */
	mg_guard_rollback(transaction->guard, NULL);
}

enum mg_verdict mg_transaction_wait(struct mg_transaction *transaction, int milliseconds,
				    struct mg_error *error)
{
	enum mg_verdict verdict = mg_guard_wait(transaction->guard, milliseconds, error);

	if (verdict != MG_VERDICT_GONE)
		return verdict;
	if (is_confirmed(transaction)) {
		clean_up(transaction, MG_VERDICT_CONFIRMED);
		return MG_VERDICT_CONFIRMED;
	}
	return settle_here(transaction, error) ? MG_VERDICT_FAILED : MG_VERDICT_ROLLED_BACK;
}

uint32_t mg_transaction_number(const struct mg_transaction *transaction)
{
	return transaction->pending.number;
}

const char *mg_transaction_token(const struct mg_transaction *transaction)
{
	return transaction->pending.token;
}

void mg_transaction_free(struct mg_transaction *transaction)
{
	if (!transaction)
		return;
	mg_guard_free(transaction->guard);
	munmap(transaction->touched, MG_MOST_TABLES * sizeof(bool));
	mg_sets_states_free(transaction->sets);
	free_rules(&transaction->generation);
	free(transaction->operators);
	free(transaction);
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

int mg_apply_record(const struct mg_apply_order *order, struct mg_error *error)
{
	const struct mg_generation *old = order->before;
	struct mg_generation generation = { 0 };
	bool same = false;
	int err = fill_generation(order, &generation, error);

	if (!err && old)
		same = same_text(old->rules[MG_IPV4], generation.rules[MG_IPV4]) &&
		       same_text(old->rules[MG_IPV6], generation.rules[MG_IPV6]) &&
		       same_text(old->sets[MG_IPV4], generation.sets[MG_IPV4]) &&
		       same_text(old->sets[MG_IPV6], generation.sets[MG_IPV6]);
	if (!err && !same) {
		err = mg_state_write_generation(order->state, &generation, error);
		if (!err)
			err = mg_state_confirm_generation(order->state, generation.number,
							  "unchanged", error);
		if (!err)
			mg_boot_files_write(order->state, NULL);
	}
	/* whose guard is gone, since its lock is ours */
	if (!err)
		err = mg_state_clear_pending(order->state, error);
	free_rules(&generation);
	return err;
}
