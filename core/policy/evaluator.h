/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The inside of an evaluation, for the two who have one done: evaluate.c in this
 * process, confined_child.c in one that can do nothing else.
 */
#ifndef MG_EVALUATOR_H
#define MG_EVALUATOR_H

#include "evaluate.h"
#include "libraries.h"
#include "primitives.h"

struct mg_evaluator {
	struct mg_language language;
	const char *text; /* of the policy */
	size_t length;
	/*
	 * Called when the language is loaded and nothing of the policy is; may be
	 * NULL. Returns 0; or -errno, with @error: then that is what comes of it.
	 */
	int (*ready)(void *context, lua_State *L, struct mg_error *error);
	void *context;
	bool keeps_memory; /* of Lua: the process ends, which is quicker */
};

/** The name of a policy file, without its folder. */
const char *mg_policy_name(const char *path);

/**
 * What the policy says: given, or read through @sources.
 * @out:  its text and length are set
 * @text: to be freed, whatever comes
 */
int mg_policy_text(const struct mg_evaluation *evaluation, struct mg_sources *sources,
		   struct mg_evaluator *out, char **text, struct mg_error *error);

/** Evaluate, as mg_policy_evaluate() says. */
int mg_evaluator_run(const struct mg_evaluator *evaluator, const struct mg_evaluation *evaluation,
		     struct mg_sources *sources, struct mg_ruleset **out, struct mg_notes *notes,
		     struct mg_error *error);

#endif
