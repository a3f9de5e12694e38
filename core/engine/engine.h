/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The inside of struct mg_engine, whose functions stand in moongate.h:
 *
 *   engine.c     what is asked for, the host, the policy, what was found
 *   planning.c   against the live tables
 *   applying.c   making it real
 *   settling.c   confirming or rolling back what waits
 *   looking.c    how things stand, and what is live
 *   places.c     where the installed files lie
 *
 * It puts the parts together and holds no logic that a part could hold. It may
 * include everything but Lua.
 */
#ifndef MG_ENGINE_H
#define MG_ENGINE_H

#include "plan/apply.h"
#include "plan/operator.h"
#include "ruleset/host.h"

struct mg_engine {
	struct mg_request request;
	char *language; /* its folder, where the request does not say */
	struct mg_host *host;
	struct mg_operator operator;
	struct mg_ruleset *ruleset;
	struct mg_plan *plan;
	struct mg_state *state;
	struct mg_generation *confirmed; /* NULL: nothing was ever confirmed */
	struct mg_notes notes;
	unsigned int families; /* that are managed: asked for, and there */
	bool begun;	       /* the transaction lock is held */
	bool planned;	       /* the plan is compared with the live tables, and judged */
};

/** -EINVAL: the caller's mistake of calling @function without @first before it. */
int mg_engine_too_early(const char *function, const char *first, struct mg_error *error);

/** Open the state, if it is not; @create: make its folders. */
int mg_engine_open_state(struct mg_engine *engine, bool create, struct mg_error *error);

/** Read the confirmed generation anew; the state is open. */
int mg_engine_read_confirmed(struct mg_engine *engine, struct mg_error *error);

/**
 * The generation whose rules are live: the one that waits for a confirmation,
 * to be freed, or NULL in @out: then the confirmed one, if any.
 */
int mg_engine_read_pending(struct mg_engine *engine, struct mg_generation **out,
			   struct mg_error *error);

/**
 * The operator's connection as SSH_CONNECTION has it (sshd(8)), or "" where
 * there is none.
 */
void mg_engine_ssh_connection(const struct mg_engine *engine, char *out, size_t size);

/** Refusals from note @first on become warnings, if they are @allowed: the operator knows. */
void mg_engine_allow(struct mg_engine *engine, size_t first, bool allowed);

/** -ENOMEM, in words. */
int mg_engine_no_memory(struct mg_error *error);

/**
 * The folder of installed files @name ("lua", "policies"), found from the
 * place of the program or library that this code is in, so that a copy of a
 * whole installation works anywhere. To be freed; NULL without memory.
 */
char *mg_installed_folder(const char *name);

#endif
