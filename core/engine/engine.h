/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine puts the parts together: what a command of the CLI, or another
 * front end, asks for in one go.
 *
 * It may include everything but Lua; it holds no logic that a part could hold.
 */
#ifndef MG_ENGINE_H
#define MG_ENGINE_H

#include "plan/apply.h"
#include "plan/operator.h"
#include "ruleset/host.h"

/** What is asked for. All strings are borrowed. */
struct mg_request {
	const char *policy;    /* path of the policy file */
	const char *language;  /* folder of the policy language */
	const char *state_dir; /* NULL: /var/lib/moongate */
	const char *run_dir;   /* NULL: /run/moongate */
	unsigned int families; /* 1 << MG_IPV4 | 1 << MG_IPV6; 0: both */
	double wait;	       /* seconds for each lock */
	bool remove_foreign;   /* rules of other software may go */
	bool beside_nft;       /* nf_tables filters beside us, and that is known */
	bool force;	       /* refusals for safety become warnings */
};

struct mg_engine {
	const struct mg_request *request;
	struct mg_host *host;
	struct mg_operator operator;
	struct mg_ruleset *ruleset;
	struct mg_plan *plan;
	struct mg_state *state;
	struct mg_generation *confirmed; /* NULL: nothing was ever confirmed */
	struct mg_notes notes;
	unsigned int families; /* that are managed: asked for, and there */
};

/** Learn the facts about the host and the operator. @request must outlive @engine. */
int mg_engine_open(struct mg_engine *engine, const struct mg_request *request,
		   struct mg_error *error);
void mg_engine_close(struct mg_engine *engine);

/**
 * Evaluate the policy, compile it and look for what is wrong with it. Needs
 * no privilege. The findings are in engine->notes.
 */
int mg_engine_check(struct mg_engine *engine, struct mg_error *error);

/** Have the kernel of a private namespace judge what was compiled. */
int mg_engine_try(struct mg_engine *engine, struct mg_error *error);

/**
 * Begin a transaction: make the state's folders if need be and take the lock,
 * which goes with the engine. To be called before mg_engine_plan() by whoever
 * wants to apply. Errors: MG_BUSY; MG_ENVIRONMENT.
 */
int mg_engine_begin(struct mg_engine *engine, struct mg_error *error);

/**
 * Compare with the live tables, and have the kernel judge if there is
 * something to do. What apply would refuse is in engine->notes afterwards.
 */
int mg_engine_plan(struct mg_engine *engine, struct mg_error *error);

/** How many of engine->notes are refusals; what the request allows is a warning. */
size_t mg_engine_refusals(const struct mg_engine *engine);

/**
 * Open the state and read the confirmed generation, for a command that has no
 * policy. Done by mg_engine_plan() where there is one.
 */
int mg_engine_open_state(struct mg_engine *engine, struct mg_error *error);

/**
 * The generation whose rules are live: the one that waits for a confirmation,
 * to be freed, or NULL in @out: then the confirmed one, if any.
 */
int mg_engine_pending(struct mg_engine *engine, struct mg_generation **out, struct mg_error *error);

/**
 * The operator's connection as SSH_CONNECTION has it (sshd(8)), or "" where
 * there is none.
 */
void mg_engine_ssh_connection(const struct mg_engine *engine, char *out, size_t size);

/**
 * Apply what was planned; mg_engine_begin() and mg_engine_plan() were called,
 * and the plan is not empty. Takes the xtables lock; refuses, also if the live
 * tables are not those of the plan any more, or commits.
 * Errors: also MG_UNSAFE, with the reasons in engine->notes; MG_BUSY.
 */
int mg_engine_apply(struct mg_engine *engine, double seconds, struct mg_transaction **out,
		    struct mg_error *error);

/**
 * The plan is empty: record it, see mg_apply_record().
 * @unconfirmed: even what an earlier apply left behind, that nobody confirmed
 */
int mg_engine_record(struct mg_engine *engine, bool unconfirmed, struct mg_error *error);

#endif
