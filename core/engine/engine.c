/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Policy to ruleset to plan to apply, with the findings of every step.
 */
#include "engine.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analysis/diagnose.h"
#include "netfilter/beside.h"
#include "netfilter/host.h"
#include "netfilter/lock.h"
#include "policy/evaluate.h"
#include "ruleset/failure.h"

static int no_memory(struct mg_error *error)
{
	return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory");
}

int mg_engine_open(struct mg_engine *engine, const struct mg_request *request,
		   struct mg_error *error)
{
	struct mg_operator_view view = { 0 };
	int err;

	*engine = (struct mg_engine){ .request = request };
	engine->families = request->families ? request->families : 1U << MG_IPV4 | 1U << MG_IPV6;
	err = mg_host_read(&engine->host, error);
	if (err)
		return err;
	view.host = engine->host;
	err = mg_operator_find(&view, &engine->operator, error);
	if (err)
		return err;
	if (engine->host->has_ipv6 || !(engine->families & 1U << MG_IPV6))
		return 0;
	engine->families &= ~(1U << MG_IPV6);
	if (!engine->families)
		return mg_fail(error, -EAFNOSUPPORT, MG_ENVIRONMENT, "this host has no IPv6");
	return mg_note(&engine->notes, MG_WARNING, NULL, NULL,
		       "this host has no IPv6: that half of the policy is skipped")
		       ? no_memory(error)
		       : 0;
}

void mg_engine_close(struct mg_engine *engine)
{
	mg_plan_free(engine->plan);
	mg_ruleset_free(engine->ruleset);
	mg_generation_free(engine->confirmed);
	mg_state_close(engine->state);
	mg_operator_clear(&engine->operator);
	mg_host_free(engine->host);
	mg_notes_clear(&engine->notes);
}

static int diagnose(struct mg_engine *engine, struct mg_error *error)
{
	struct mg_diagnose_facts facts = {
		.connections = engine->operator.connections,
		.connection_count = engine->operator.count,
		.is_operator_known = true,
		.have_ipv6 = engine->families & 1U << MG_IPV6,
	};
	const char **leased = calloc(engine->host->interface_count + 1, sizeof(*leased));
	size_t i;
	int err;

	if (!leased)
		return no_memory(error);
	for (i = 0; i < engine->host->interface_count; i++)
		if (engine->host->interfaces[i].leased)
			leased[facts.leased_count++] = engine->host->interfaces[i].name;
	facts.leased = leased;
	err = mg_diagnose(engine->ruleset, &facts, &engine->notes, error);
	free(leased);
	return err;
}

/* What the operator has said that he knows is no refusal any more. */
static void allow_refusals(struct mg_engine *engine, size_t first, bool allowed)
{
	size_t i;

	for (i = first; allowed && i < engine->notes.count; i++)
		if (engine->notes.items[i].severity == MG_REFUSAL)
			engine->notes.items[i].severity = MG_WARNING;
}

int mg_engine_check(struct mg_engine *engine, struct mg_error *error)
{
	const struct mg_evaluation evaluation = {
		.path = engine->request->policy,
		.language = engine->request->language,
		.host = engine->host,
	};
	size_t first;
	int err = mg_policy_evaluate(&evaluation, &engine->ruleset, &engine->notes, error);

	if (err)
		return err;
	first = engine->notes.count;
	if (!mg_ruleset_rule_count(engine->ruleset) && !mg_ruleset_chain_count(engine->ruleset) &&
	    mg_note(&engine->notes, MG_REFUSAL, NULL, "default_deny()",
		    "%s says nothing at all: applying it would open this host (is the file "
		    "truncated?)",
		    engine->request->policy))
		return no_memory(error);
	err = diagnose(engine, error);
	if (err)
		return err;
	allow_refusals(engine, first, engine->request->force);
	return mg_plan_compile(engine->ruleset, engine->families, &engine->plan, &engine->notes,
			       error);
}

int mg_engine_try(struct mg_engine *engine, struct mg_error *error)
{
	return mg_plan_try(engine->plan, error);
}

static int open_state(struct mg_engine *engine, bool create, struct mg_error *error)
{
	int err = 0;

	if (!engine->state)
		err = mg_state_open(engine->request->state_dir, engine->request->run_dir, create,
				    &engine->state, error);
	return err;
}

static int read_confirmed(struct mg_engine *engine, struct mg_error *error)
{
	struct mg_error words = { 0 };
	int err;

	mg_generation_free(engine->confirmed);
	engine->confirmed = NULL;
	err = mg_state_read_confirmed(engine->state, &engine->confirmed, &words);
	if (err == -EBADMSG) /* whose rules are live is unknown then: all are foreign */
		return mg_note(&engine->notes, MG_WARNING, NULL,
			       "an apply with --remove-foreign replaces it", "%s", words.text)
			       ? no_memory(error)
			       : 0;
	if (err && err != -ENOENT && error)
		*error = words;
	return err == -ENOENT ? 0 : err;
}

int mg_engine_open_state(struct mg_engine *engine, struct mg_error *error)
{
	int err = open_state(engine, false, error);

	return err ? err : read_confirmed(engine, error);
}

int mg_engine_begin(struct mg_engine *engine, struct mg_error *error)
{
	int err = open_state(engine, true, error);

	return err ? err : mg_state_lock(engine->state, engine->request->wait, error);
}

int mg_engine_pending(struct mg_engine *engine, struct mg_generation **out, struct mg_error *error)
{
	struct mg_pending record;
	int err = mg_state_read_pending(engine->state, &record, error);

	*out = NULL;
	if (err == -ENOENT)
		return 0;
	if (err || !record.committed)
		return err;
	err = mg_state_read_generation(engine->state, record.number, out, error);
	return err == -ENOENT ? 0 : err; /* taken back since */
}

/* Whose are the rules that would go? */
static int find_foreign(struct mg_engine *engine, struct mg_error *error)
{
	struct mg_generation *pending = NULL;
	struct mg_owned *owned = NULL;
	int err = read_confirmed(engine, error);

	if (!err)
		err = mg_engine_pending(engine, &pending, error);
	if (!err)
		err = mg_owned_new(pending ? pending : engine->confirmed, &owned, error);
	if (!err)
		err = mg_plan_find_foreign(engine->plan, owned, error);
	mg_owned_free(owned);
	mg_generation_free(pending);
	return err;
}

static int compare(struct mg_engine *engine, struct mg_error *error)
{
	int err = mg_plan_compare(engine->plan, error);

	if (!err && mg_plan_removes(engine->plan))
		err = find_foreign(engine, error);
	return err;
}

static int refuse_foreign(struct mg_engine *engine, struct mg_error *error)
{
	const struct mg_plan *plan = engine->plan;
	const bool allowed = engine->request->remove_foreign;
	char chains[64];

	if (!plan->foreign_rules && !plan->foreign_chains)
		return 0;
	snprintf(chains, sizeof(chains), " and %zu chain%s", plan->foreign_chains,
		 plan->foreign_chains == 1 ? "" : "s");
	if (mg_note(&engine->notes, allowed ? MG_INFO : MG_REFUSAL, NULL,
		    allowed ? NULL
			    : "put them into the policy, or let them go with --remove-foreign",
		    "%zu rule%s%s that Moongate did not put there would be removed",
		    plan->foreign_rules, plan->foreign_rules == 1 ? "" : "s",
		    plan->foreign_chains ? chains : ""))
		return no_memory(error);
	return 0;
}

static int look_beside(struct mg_engine *engine, struct mg_error *error)
{
	size_t first = engine->notes.count;
	int err = mg_beside_read(&engine->notes, error);

	if (err)
		return err;
	allow_refusals(engine, first, engine->request->beside_nft || engine->request->force);
	return mg_beside_loaders("/", &engine->notes, error);
}

int mg_engine_plan(struct mg_engine *engine, struct mg_error *error)
{
	int err = open_state(engine, false, error);

	if (!err)
		err = compare(engine, error);
	if (!err)
		err = look_beside(engine, error);
	if (!err)
		err = refuse_foreign(engine, error);
	if (!err && !mg_plan_is_empty(engine->plan))
		err = mg_engine_try(engine, error);
	return err;
}

size_t mg_engine_refusals(const struct mg_engine *engine)
{
	size_t count = 0, i;

	for (i = 0; i < engine->notes.count; i++)
		count += engine->notes.items[i].severity == MG_REFUSAL;
	return count;
}

void mg_engine_ssh_connection(const struct mg_engine *engine, char *out, size_t size)
{
	const struct mg_connection *connection = engine->operator.connections;
	char client[INET6_ADDRSTRLEN], server[INET6_ADDRSTRLEN];
	int af;

	*out = '\0';
	if (!engine->operator.count)
		return;
	af = connection->family == MG_IPV4 ? AF_INET : AF_INET6;
	inet_ntop(af, connection->client, client, sizeof(client));
	inet_ntop(af, connection->server, server, sizeof(server));
	snprintf(out, size, "%s %u %s %u", client, connection->client_port, server,
		 connection->server_port);
}

/* Who does this: the person behind sudo, if there is one. */
static void find_user(char *out, size_t size)
{
	const char *name = getenv("SUDO_USER");
	const struct passwd *entry;

	if (name && *name) {
		snprintf(out, size, "%s", name);
		return;
	}
	entry = getpwuid(getuid());
	if (entry)
		snprintf(out, size, "%s", entry->pw_name);
	else
		snprintf(out, size, "%u", getuid());
}

struct record_texts {
	char user[256], ssh[256];
	char policy[4096];
};

static struct mg_apply_order make_order(const struct mg_engine *engine, double seconds,
					struct record_texts *texts)
{
	find_user(texts->user, sizeof(texts->user));
	mg_engine_ssh_connection(engine, texts->ssh, sizeof(texts->ssh));
	if (!realpath(engine->request->policy, texts->policy))
		snprintf(texts->policy, sizeof(texts->policy), "%s", engine->request->policy);
	return (struct mg_apply_order){
		.state = engine->state,
		.plan = engine->plan,
		.before = engine->confirmed,
		.policy = texts->policy,
		.user = texts->user,
		.ssh_connection = texts->ssh,
		.seconds = seconds,
	};
}

/* Under the xtables lock: what was shown is what is done, or nothing is. */
static int apply_locked(struct mg_engine *engine, double seconds, struct mg_transaction **out,
			struct mg_error *error)
{
	struct record_texts texts;
	struct mg_apply_order order;
	bool same;
	int err = mg_plan_still_valid(engine->plan, &same, error);

	if (!err)
		err = read_confirmed(engine, error);
	if (err)
		return err;
	if (!same)
		return mg_fail(error, -EAGAIN, MG_UNSAFE,
			       "the live tables have changed since they were read for the plan: "
			       "nothing was changed, plan again");
	order = make_order(engine, seconds, &texts);
	return mg_apply(&order, out, error);
}

int mg_engine_apply(struct mg_engine *engine, double seconds, struct mg_transaction **out,
		    struct mg_error *error)
{
	int lock = -1, err;

	if (mg_engine_refusals(engine))
		return mg_fail(error, -EPERM, MG_UNSAFE, "refused for safety; nothing was changed");
	err = mg_xtables_lock(engine->request->wait, &lock, error);
	if (!err)
		err = apply_locked(engine, seconds, out, error);
	mg_xtables_unlock(lock);
	return err;
}

int mg_engine_record(struct mg_engine *engine, bool unconfirmed, struct mg_error *error)
{
	struct record_texts texts;
	struct mg_apply_order order;
	struct mg_pending leftover;
	int err = read_confirmed(engine, error);

	if (err)
		return err;
	/* its guard is gone, since the lock is ours, and nobody has ever confirmed it */
	if (!unconfirmed && mg_state_read_pending(engine->state, &leftover, NULL) == 0 &&
	    leftover.committed)
		return mg_fail(
			error, -EPERM, MG_UNSAFE,
			"generation %u is live and was never confirmed, and its guard is gone: "
			"make sure that you get in over a new connection, then say "
			"--no-confirm",
			leftover.number);
	order = make_order(engine, 0, &texts);
	return mg_apply_record(&order, error);
}
