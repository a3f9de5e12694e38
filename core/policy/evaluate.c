/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Evaluating a policy in a Lua state of its own.
 *
 * The language's own files are named "=moongate/NAME.lua" as chunks, the
 * policy's "@FILE": so a frame tells whose code it is.
 */
#include "evaluate.h"

#include <errno.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libraries.h"
#include "memory.h"
#include "primitives.h"
#include "read_text.h"
#include "ruleset/failure.h"

enum { LARGEST_FILE = 64 * 1024 * 1024 }; /* of the language */

/* Far more than 100,000 rules take; less than what hurts a small server. */
static const size_t MEMORY_LIMIT = (size_t)1 << 30;

/* What runs under lua_pcall(), and is reached as a light userdata. */
struct run {
	const struct mg_evaluation *evaluation;
	struct mg_primitives primitives;
	const char *text;
	size_t length;
	const char *name; /* of the policy file, without its folder */
};

static int read_file(const char *path, char **out, size_t *length)
{
	FILE *file = fopen(path, "re");
	int err;

	if (!file)
		return -errno;
	err = mg_read_text(file, LARGEST_FILE, out, length);
	fclose(file);
	return err;
}

/* name -> loader | message: a searcher for the language's own files */
static int find_language_file(lua_State *L)
{
	const char *folder = lua_tostring(L, lua_upvalueindex(1));
	const char *name = luaL_gsub(L, luaL_checkstring(L, 1), ".", "/");
	const char *path = lua_pushfstring(L, "%s/%s.lua", folder, name);
	const char *chunk = lua_pushfstring(L, "=%s.lua", name);
	char *text = NULL;
	size_t length = 0;
	int err = read_file(path, &text, &length);

	if (err) {
		lua_pushfstring(L, "\n\tcannot read %s: %s", path, strerror(-err));
		return 1;
	}
	err = luaL_loadbufferx(L, text, length, chunk, "t");
	free(text);
	return err ? lua_error(L) : 1;
}

static void open_library(lua_State *L, const char *name, lua_CFunction function)
{
	luaL_requiref(L, name, function, 1);
	lua_pop(L, 1);
}

void mg_policy_open_libraries(lua_State *L, const char *language)
{
	open_library(L, LUA_GNAME, luaopen_base);
	open_library(L, LUA_COLIBNAME, luaopen_coroutine);
	open_library(L, LUA_TABLIBNAME, luaopen_table);
	open_library(L, LUA_STRLIBNAME, luaopen_string);
	open_library(L, LUA_MATHLIBNAME, luaopen_math);
	open_library(L, LUA_UTF8LIBNAME, luaopen_utf8);
	open_library(L, LUA_LOADLIBNAME, luaopen_package);

	/* one way to find modules: the language's folder */
	lua_getglobal(L, LUA_LOADLIBNAME);
	lua_newtable(L);
	lua_pushstring(L, language);
	lua_pushcclosure(L, find_language_file, 1);
	lua_rawseti(L, -2, 1);
	lua_setfield(L, -2, "searchers");
	lua_pop(L, 1);

	/*
	 * Any string leads to the string library through its metatable: no
	 * bytecode may come out of it, and a policy must not change it.
	 */
	lua_getglobal(L, LUA_STRLIBNAME);
	lua_pushnil(L);
	lua_setfield(L, -2, "dump");
	lua_pop(L, 1);
	lua_pushliteral(L, "");
	lua_getmetatable(L, -1);
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 2);
}

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
	const char *chunk = lua_pushfstring(L, "@%s", run->name);

	mg_policy_open_libraries(L, run->evaluation->language);
	lua_getglobal(L, "require");
	lua_pushliteral(L, "moongate.language");
	lua_call(L, 1, 1);
	lua_getfield(L, -1, "new");
	mg_push_primitives(L, &run->primitives, run->evaluation->host);
	lua_call(L, 1, 2); /* environment, finish */
	if (luaL_loadbufferx(L, run->text, run->length, chunk, "t"))
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
	if (status == LUA_ERRMEM)
		return mg_fail(error, -ENOMEM, MG_INVALID,
			       "%s: the policy takes more than %zu MiB of memory", run->name,
			       MEMORY_LIMIT >> 20);
	return mg_fail(error, -EINVAL, MG_INVALID, "%s", lua_tostring(L, -1));
}

static const char *file_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

int mg_policy_evaluate(const struct mg_evaluation *evaluation, struct mg_ruleset **out,
		       struct mg_notes *notes, struct mg_error *error)
{
	struct run run = { .evaluation = evaluation, .name = file_name(evaluation->path) };
	struct mg_sources own = { .count = 0 };
	struct mg_sources *sources = evaluation->sources ? evaluation->sources : &own;
	char *text = NULL;
	struct mg_memory memory = { .limit = MEMORY_LIMIT };
	lua_State *L;
	int err = 0;

	run.text = evaluation->text;
	run.length = evaluation->length;
	if (!run.text) {
		err = mg_sources_policy(sources, evaluation->path, &text, &run.length, error);
		if (err)
			return err;
		run.text = text;
	}
	if (strpbrk(run.name, "\n\r\t\033")) { /* it is written beside the rules, line by line */
		err = mg_fail(error, -EINVAL, MG_INVALID,
			      "the policy's file name holds a control character");
		goto out;
	}
	run.primitives.notes = notes;
	run.primitives.policy = run.name;
	run.primitives.sources = sources;
	run.primitives.names = evaluation->names;
	run.primitives.set_families = evaluation->set_families;
	err = mg_ruleset_new(&run.primitives.ruleset, error);
	if (err)
		goto out;
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
	mg_memory_clear(&memory);
	mg_args_clear(&run.primitives.args);
	mg_sources_clear(&own);
	free(text);
	if (err)
		mg_ruleset_free(run.primitives.ruleset);
	else
		*out = run.primitives.ruleset;
	return err;
}
