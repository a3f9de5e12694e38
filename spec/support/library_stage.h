/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An engine, a policy for it and a transaction, as the checks of the library
 * use them one after the other; and a look at what is live.
 */
#ifndef SPEC_LIBRARY_STAGE_H
#define SPEC_LIBRARY_STAGE_H

#include "tap.h"

static char policy_file[4096], state_dir[4096], run_dir[4096];
static struct mg_engine *engine;
static struct mg_transaction *transaction;

static inline void put_away(void)
{
	if (transaction)
		mg_transaction_rollback(transaction);
	mg_transaction_free(transaction);
	mg_engine_close(engine);
	transaction = NULL;
	engine = NULL;
}

/* Close what is open, write the policy and open an engine for it. */
static inline int open_for(const char *policy, bool force)
{
	struct mg_request request = {
		.policy = policy_file,
		.state_dir = state_dir,
		.run_dir = run_dir,
		.force = force,
	};
	FILE *file = fopen(policy_file, "w");

	if (!file || fputs(policy, file) < 0 || fclose(file))
		return -1;
	mg_engine_close(engine);
	engine = NULL;
	return mg_engine_open(&request, &engine, &tap_error);
}

static inline int plan(const char *policy)
{
	int err = open_for(policy, false);

	if (!err)
		err = mg_engine_check(engine, &tap_error);
	if (!err)
		err = mg_engine_begin(engine, &tap_error);
	return err ? err : mg_engine_plan(engine, &tap_error);
}

/* Apply, and let go of the engine, as the guard lets go of nobody. */
static inline int apply(const char *policy, double seconds)
{
	int err = plan(policy);

	if (!err)
		err = mg_engine_apply(engine, seconds, &transaction, &tap_error);
	mg_engine_close(engine);
	engine = NULL;
	return err;
}

/* What a visit has seen. */
struct seen {
	uint32_t chains, rules, ours, last_number;
	bool is_policy_drop, has_https;
	int stop; /* what to end the visit with */
};

static inline int see_chain(void *context, const struct mg_live_chain *chain)
{
	struct seen *seen = context;

	seen->chains++;
	if (strcmp(chain->name, "INPUT") == 0 && chain->policy)
		seen->is_policy_drop = strcmp(chain->policy, "DROP") == 0;
	return seen->stop;
}

static inline int see_rule(void *context, uint32_t number, const struct mg_live_rule *rule)
{
	struct seen *seen = context;

	seen->rules++;
	seen->last_number = number;
	seen->ours += rule->origin && strstr(rule->origin, "policy.lua:");
	seen->has_https = seen->has_https || strstr(rule->text, "--dport 443 ");
	return 0;
}

static inline int look(const char *table, const char *chain, struct seen *seen)
{
	const struct mg_live_visitor visitor = {
		.chain = see_chain,
		.rule = see_rule,
		.context = seen,
	};
	int err = open_for("", false);

	return err ? err : mg_engine_visit(engine, table, chain, &visitor, &tap_error);
}

#endif
