/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Handing a ruleset to lua/moongate/import.lua, and taking the text back.
 */
#include "importing.h"

#include <errno.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "import_columns.h"
#include "libraries.h"
#include "memory.h"
#include "primitives.h"
#include "ruleset/failure.h"
#include "ruleset/keep.h"

enum { MOST_WORDS = 1024 };

/* A dump of 100,000 rules, and what is made of it. */
static const size_t MEMORY_LIMIT = (size_t)2 << 30;

/* What runs under lua_pcall(), and is reached as a light userdata. */
struct run {
	const struct mg_importing *importing;
	struct mg_language language;
	struct mg_primitives primitives;
	struct mg_sources sources; /* none: an import reads no file */
	struct mg_kinds kinds;
	char *out;
};

/* family table chain words -> text | nil */
static int print_rule(lua_State *L)
{
	const struct mg_importing *importing = lua_touserdata(L, lua_upvalueindex(1));
	const lua_Integer family = luaL_checkinteger(L, 1);
	const char *table = luaL_checkstring(L, 2), *chain = luaL_checkstring(L, 3), *text;
	const char *argv[MOST_WORDS + 1];
	lua_Integer count, i;

	luaL_argcheck(L, family == 1 || family == 2, 1, "a family is 1 or 2");
	luaL_checktype(L, 4, LUA_TTABLE);
	count = (lua_Integer)lua_rawlen(L, 4);
	luaL_argcheck(L, count <= MOST_WORDS, 4, "too many words");
	for (i = 0; i < count; i++) {
		luaL_argcheck(L, lua_rawgeti(L, 4, i + 1) == LUA_TSTRING, 4, "a word is no string");
		argv[i] = lua_tostring(L, -1); /* the table holds it */
		lua_pop(L, 1);
	}
	argv[count] = NULL;
	if (importing->print(importing->context, family == 1 ? MG_IPV4 : MG_IPV6, table, chain,
			     (uint32_t)count, argv, &text))
		lua_pushnil(L);
	else
		lua_pushstring(L, text);
	return 1;
}

static void set_string(lua_State *L, const char *key, const char *value)
{
	lua_pushstring(L, value); /* nil for NULL */
	lua_setfield(L, -2, key);
}

static void set_integer(lua_State *L, const char *key, lua_Integer value)
{
	lua_pushinteger(L, value);
	lua_setfield(L, -2, key);
}

/* -> { { family =, table =, name =, policy =, rules = } ... } */
static void push_chains(lua_State *L, struct mg_kinds *kinds, const struct mg_ruleset *rules)
{
	const uint32_t count = mg_ruleset_chain_count(rules);
	struct mg_chain_view chain;
	lua_Integer next = 1;
	uint32_t i;

	lua_createtable(L, (int)count, 0);
	for (i = 0; i < count; i++) {
		mg_ruleset_chain_at(rules, i, &chain);
		if (!chain.count &&
		    mg_ruleset_kept_by(rules, MG_KEEP_CHAINS, chain.name) != UINT32_MAX)
			continue; /* others' */
		lua_createtable(L, 0, 5);
		set_integer(L, "family", chain.family == MG_IPV4 ? 1 : 2);
		set_string(L, "table", chain.table);
		set_string(L, "name", chain.name);
		set_string(L, "policy", chain.policy);
		mg_push_columns(L, kinds, rules, &chain);
		lua_setfield(L, -2, "rules");
		lua_rawseti(L, -2, next++);
	}
}

/* -> { { family =, table =, chain =, index =, text = } ... } */
static void push_remarks(lua_State *L, const struct mg_importing *importing)
{
	size_t i;

	lua_createtable(L, (int)importing->remark_count, 0);
	for (i = 0; i < importing->remark_count; i++) {
		const struct mg_remark *remark = &importing->remarks[i];

		lua_createtable(L, 0, 5);
		set_integer(L, "family", remark->family == MG_IPV4 ? 1 : 2);
		set_string(L, "table", remark->table);
		set_string(L, "chain", remark->chain);
		set_integer(L, "index", (lua_Integer)remark->index + 1);
		set_string(L, "text", remark->text);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
}

/* -> input */
static void push_input(lua_State *L, struct mg_kinds *kinds, const struct mg_importing *importing)
{
	lua_createtable(L, 0, 6);
	set_integer(L, "families", importing->families);
	set_integer(L, "empty", importing->empty);
	set_string(L, "source", importing->source);
	set_string(L, "keep", importing->keep);
	lua_pushboolean(L, importing->plain);
	lua_setfield(L, -2, "plain");
	lua_pushboolean(L, importing->careful);
	lua_setfield(L, -2, "careful");
	lua_pushboolean(L, importing->apart);
	lua_setfield(L, -2, "apart");
	push_chains(L, kinds, importing->rules);
	lua_setfield(L, -2, "chains");
	push_remarks(L, importing);
	lua_setfield(L, -2, "remarks");
	lua_pushlightuserdata(L, (void *)(uintptr_t)importing);
	lua_pushcclosure(L, print_rule, 1);
	lua_setfield(L, -2, "print");
}

/* run -> */
static int write_policy(lua_State *L)
{
	struct run *run = lua_touserdata(L, 1);
	const char *text;

	mg_policy_open_libraries(L, &run->language);
	lua_getglobal(L, "require");
	lua_pushliteral(L, "moongate.import");
	lua_call(L, 1, 1);
	lua_getfield(L, -1, "policy");
	push_input(L, &run->kinds, run->importing);
	mg_push_primitives(L, &run->primitives, run->importing->host);
	lua_call(L, 2, 1);
	text = luaL_checkstring(L, -1);
	run->out = strdup(text);
	return run->out ? 0 : luaL_error(L, "out of memory");
}

int mg_policy_write(const struct mg_importing *importing, char **out, struct mg_error *error)
{
	struct run run = {
		.importing = importing,
		.language = { .folder = importing->language },
	};
	struct mg_memory memory = { .limit = MEMORY_LIMIT };
	struct mg_notes notes = { 0 };
	lua_State *L;
	int status, err;

	run.primitives.notes = &notes;
	run.primitives.policy = "import";
	run.primitives.sources = &run.sources;
	err = mg_ruleset_new(&run.primitives.ruleset, error);
	if (err)
		return err;
	L = lua_newstate(mg_memory_realloc, &memory);
	if (!L) {
		err = mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for Lua");
		goto out;
	}
	lua_gc(L, LUA_GCGEN, 0, 0);
	lua_pushcfunction(L, write_policy);
	lua_pushlightuserdata(L, &run);
	status = lua_pcall(L, 1, 0, 0);
	if (status == LUA_ERRMEM)
		err = mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for the policy");
	else if (status != LUA_OK)
		err = mg_fail(error, -EINVAL, MG_INVALID, "%s", lua_tostring(L, -1));
	else
		*out = run.out;
out:
	mg_memory_clear(&memory);
	mg_kinds_clear(&run.kinds);
	mg_args_clear(&run.primitives.args);
	mg_sources_clear(&run.sources);
	mg_ruleset_free(run.primitives.ruleset);
	mg_notes_clear(&notes);
	return err;
}
