/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Evaluating a policy in a Lua state of its own, here and now: confined.c has it
 * done where nothing can come of it.
 *
 * The language's own files are named "=moongate/NAME.lua" as chunks, the
 * policy's "@FILE": so a frame tells whose code it is.
 */
#include "evaluate.h"

#include <errno.h>
#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>
#include <string.h>

#include "evaluator.h"
#include "memory.h"
#include "ruleset/crossing.h"
#include "ruleset/failure.h"

/* Far more than 100,000 rules take; less than what hurts a small server. */
static const size_t MEMORY_LIMIT = (size_t)1 << 30;

/* What runs under lua_pcall(), and is reached as a light userdata. */
struct run {
	const struct mg_evaluation *evaluation;
	const struct mg_evaluator *evaluator;
	struct mg_primitives primitives;
	struct mg_error *error;
	const char *name; /* of the policy file, without its folder */
	int not_ready;	  /* -errno: the evaluator's own mistake, which @error tells */
};

/* message -> (raises): a syntax error names file and line, a refused binary does not */
static int load_failed(lua_State *L, const char *name)
{
	const char *message = lua_tostring(L, -1);

	if (strncmp(message, name, strlen(name)) != 0)
		lua_pushfstring(L, "%s: %s", name, message);
	return lua_error(L);
}

/* run -> */
static int run_policy(lua_State *L)
{
	struct run *run = lua_touserdata(L, 1);
	const struct mg_evaluator *evaluator = run->evaluator;
	const char *chunk = lua_pushfstring(L, "@%s", run->name);

	mg_policy_open_libraries(L, &evaluator->language);
	lua_getglobal(L, "require");
	lua_pushliteral(L, "moongate.language");
	lua_call(L, 1, 1);
	if (evaluator->ready) {
		run->not_ready = evaluator->ready(evaluator->context, L, run->error);
		if (run->not_ready)
			return luaL_error(L, "not ready");
	}
	lua_getfield(L, -1, "new");
	mg_push_primitives(L, &run->primitives, run->evaluation->host);
	lua_call(L, 1, 2); /* environment, finish */
	if (luaL_loadbufferx(L, evaluator->text, evaluator->length, chunk, "t"))
		return load_failed(L, run->name);
	lua_pushvalue(L, -3);
	lua_setupvalue(L, -2, 1); /* _ENV is the first upvalue of a main chunk */
	lua_call(L, 0, 0);
	lua_call(L, 0, 0); /* finish */
	return 0;
}

/* Does @message begin with a place in @name, "NAME:"? Returns what follows the name, or NULL. */
static const char *after_name(const char *message, const char *name)
{
	size_t length = strlen(name);

	return strncmp(message, name, length) == 0 && message[length] == ':' ? message + length
									     : NULL;
}

/* message -> message: make sure that it says where the policy was, and who used the module */
static int add_place(lua_State *L)
{
	const char *message = lua_tostring(L, 1);
	const char *inside, *rest;
	lua_Debug ar;

	if (!message)
		message = lua_pushfstring(L, "the error is a %s, not a text", luaL_typename(L, 1));
	if (mg_policy_frame(L, 1, &ar)) /* a syntax error: nothing runs */
		return lua_pushstring(L, message), 1;
	/* Lua shortens a long name; a message that has it in full has been here before */
	rest = after_name(message, ar.source + 1);
	if (!rest)
		rest = after_name(message, ar.short_src);
	if (rest) {
		lua_pushfstring(L, "%s%s", ar.source + 1, rest);
	} else {
		/* "moongate/x.lua:7: ..." is a place in the language, which helps nobody */
		inside = strncmp(message, "moongate/", strlen("moongate/")) == 0
				 ? strstr(message, ": ")
				 : NULL;
		lua_pushfstring(L, "%s:%d: %s", ar.source + 1, ar.currentline,
				inside ? inside + 2 : message);
	}
	mg_policy_push_uses(L);
	lua_concat(L, 2);
	return 1;
}

static int run_protected(lua_State *L, struct run *run, struct mg_error *error)
{
	int status;

	lua_pushcfunction(L, add_place);
	lua_pushcfunction(L, run_policy);
	lua_pushlightuserdata(L, run);
	status = lua_pcall(L, 1, 0, 1);
	if (status == LUA_OK)
		return 0;
	if (run->not_ready)
		return run->not_ready;
	if (status == LUA_ERRMEM)
		return mg_fail(error, -ENOMEM, MG_INVALID,
			       "%s: the policy takes more than %zu MiB of memory", run->name,
			       MEMORY_LIMIT >> 20);
	return mg_fail(error, -EINVAL, MG_INVALID, "%s", lua_tostring(L, -1));
}

const char *mg_policy_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

int mg_policy_text(const struct mg_evaluation *evaluation, struct mg_sources *sources,
		   struct mg_evaluator *out, char **text, struct mg_error *error)
{
	const char *name = mg_policy_name(evaluation->path);

	*text = NULL;
	/* it is written beside the rules, line by line */
	if (strchr(name, '\t') || mg_find_control(name, strlen(name)) < strlen(name))
		return mg_fail(error, -EINVAL, MG_INVALID,
			       "the policy's file name holds a control character");
	out->text = evaluation->text;
	out->length = evaluation->length;
	if (!out->text) {
		int err = mg_sources_policy(sources, evaluation->path, text, &out->length, error);

		if (err)
			return err;
		out->text = *text;
	}
	return 0;
}

int mg_evaluator_run(const struct mg_evaluator *evaluator, const struct mg_evaluation *evaluation,
		     struct mg_sources *sources, struct mg_ruleset **out, struct mg_notes *notes,
		     struct mg_error *error)
{
	struct mg_error own = { .status = MG_DONE };
	struct run run = {
		.evaluation = evaluation,
		.evaluator = evaluator,
		.error = error ? error : &own,
		.name = mg_policy_name(evaluation->path),
		.primitives = {
			.notes = notes,
			.policy = mg_policy_name(evaluation->path),
			.sources = sources,
			.names = evaluation->names,
			.set_families = evaluation->set_families,
		},
	};
	struct mg_memory memory = { .limit = MEMORY_LIMIT };
	lua_State *L;
	int err = mg_ruleset_new(&run.primitives.ruleset, error);

	if (err)
		return err;
	L = lua_newstate(mg_memory_realloc, &memory);
	if (!L) {
		err = mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for Lua");
		goto out;
	}
	/* most of what a policy makes dies young */
	lua_gc(L, LUA_GCGEN, 0, 0);
	err = run_protected(L, &run, error);
	if (!err)
		err = mg_ruleset_seal(run.primitives.ruleset, error);
out:
	/* not lua_close(): nothing in the state holds more than memory */
	if (!evaluator->keeps_memory)
		mg_memory_clear(&memory);
	mg_args_clear(&run.primitives.args);
	if (err)
		mg_ruleset_free(run.primitives.ruleset);
	else
		*out = run.primitives.ruleset;
	return err;
}

int mg_policy_evaluate(const struct mg_evaluation *evaluation, struct mg_ruleset **out,
		       struct mg_notes *notes, struct mg_error *error)
{
	struct mg_evaluator evaluator = { .language = { .folder = evaluation->language } };
	struct mg_sources own = { .count = 0 };
	struct mg_sources *sources = evaluation->sources ? evaluation->sources : &own;
	char *text;
	int err = mg_policy_text(evaluation, sources, &evaluator, &text, error);

	if (!err)
		err = mg_evaluator_run(&evaluator, evaluation, sources, out, notes, error);
	free(text);
	mg_sources_clear(&own);
	return err;
}
