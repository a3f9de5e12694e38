/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A rule through libxtables, as text.
 */
#include "netfilter/compile.h"

#include <string.h>

#include "binding.h"
#include "netfilter/print.h"
#include "netfilter/session.h"
#include "ruleset/save_text.h"

enum { MOST_WORDS = 1024 };

/* What one call holds. */
struct request {
	struct mg_arena arena;
	struct mg_args split;
	char *args; /* in the arena: the words, one after the other */
	uint32_t argc;
	size_t size;
	const char **chains; /* in the arena, strings and all: Lua is out of reach then */
	size_t chain_count;
};

/* request -> */
static int clear(lua_State *L)
{
	struct request *request = lua_touserdata(L, 1);

	mg_arena_clear(&request->arena);
	mg_args_clear(&request->split);
	return 0;
}

static void *take(lua_State *L, struct request *request, size_t size)
{
	void *piece = mg_arena_take(&request->arena, size);

	if (!piece)
		luaL_error(L, "out of memory");
	return piece;
}

static bool is_chain(const void *data, const char *name)
{
	const struct request *request = data;
	size_t i;

	for (i = 0; i < request->chain_count; i++)
		if (strcmp(request->chains[i], name) == 0)
			return true;
	return false;
}

static const char *chain_at(const void *data, size_t number)
{
	const struct request *request = data;

	return number < request->chain_count ? request->chains[number] : NULL;
}

/* -> string; element @at of the list at @index, which must be a C string */
static const char *check_element(lua_State *L, int index, lua_Integer at, size_t *length)
{
	const char *text = NULL;

	*length = 0;
	if (lua_rawgeti(L, index, at) == LUA_TSTRING) {
		text = lua_tolstring(L, -1, length);
		if (strlen(text) != *length || strchr(text, '\n'))
			text = NULL;
	}
	if (!text) {
		lua_pushfstring(L, "element %I is not a string without newline and NUL", at);
		luaL_argerror(L, index, lua_tostring(L, -1));
	}
	return text;
}

static void read_chains(lua_State *L, int index, struct request *request)
{
	lua_Unsigned count, i;

	if (lua_isnoneornil(L, index))
		return;
	luaL_checktype(L, index, LUA_TTABLE);
	count = lua_rawlen(L, index);
	request->chains = take(L, request, (count + 1) * sizeof(*request->chains));
	for (i = 0; i < count; i++) {
		size_t length;
		const char *name = check_element(L, index, (lua_Integer)i + 1, &length);

		request->chains[i] = memcpy(take(L, request, length + 1), name, length + 1);
		request->chain_count++;
		lua_pop(L, 1);
	}
}

static void read_words(lua_State *L, int index, struct request *request)
{
	lua_Unsigned count = lua_rawlen(L, index), i;
	size_t length;
	char *at;

	luaL_argcheck(L, count <= MOST_WORDS, index, "too many words");
	for (i = 0; i < count; i++) {
		check_element(L, index, (lua_Integer)i + 1, &length);
		request->size += length + 1;
		lua_pop(L, 1);
	}
	request->args = at = take(L, request, request->size + 1);
	for (i = 0; i < count; i++) {
		const char *word = check_element(L, index, (lua_Integer)i + 1, &length);

		/* nothing has run in between that could have changed the list */
		at = (char *)memcpy(at, word, length + 1) + length + 1;
		lua_pop(L, 1);
	}
	request->argc = (uint32_t)count;
}

/* -> or false: the text has an open quote */
static bool split_text(lua_State *L, int index, struct request *request, struct mg_error *error)
{
	size_t length;
	const char *text = lua_tolstring(L, index, &length);
	uint32_t i;
	char *at;

	luaL_argcheck(L, !memchr(text, '\n', length), index, "a rule is one line");
	if (mg_args_split(&request->split, text, length, error))
		return false;
	for (i = 0; i < request->split.argc; i++)
		request->size += strlen(request->split.argv[i]) + 1;
	request->args = at = take(L, request, request->size + 1);
	for (i = 0; i < request->split.argc; i++)
		at = stpcpy(at, request->split.argv[i]) + 1;
	request->argc = request->split.argc;
	return true;
}

/* -> text... | nil message code */
static int push_texts(lua_State *L, const struct mg_family_ops *ops,
		      const struct mg_compiled_rule *rule)
{
	struct mg_entry entry = { .target = rule->target, .standard = rule->standard };
	struct mg_error error;
	const char *text;
	uint32_t i;

	luaL_checkstack(L, (int)rule->count + 3, "one rule lists too many addresses");
	for (i = 0; i < rule->count; i++) {
		entry.bytes = rule->entries[i];
		if (mg_entry_text(ops, &entry, &text, &error))
			return mg_lua_failure(L, &error);
		lua_pushstring(L, text);
	}
	return (int)rule->count;
}

/***
Compile a rule with the plugins of this host, and print it as `iptables-save`
would behind `-A CHAIN`. The kernel is not asked to take it.
@function compile
@tparam string family `"ipv4"` or `"ipv6"`
@tparam string table such as `"filter"`
@tparam string chain the chain that the rule is for
@tparam string|{string,...} rule one line in iptables' syntax, or its words
@tparam[opt] {string,...} chains the user chains that the rule may jump to
@treturn string the text; further ones follow when the rule lists several addresses
@treturn[2] nil
@treturn[2] string message, in the plugin's words where it is the plugin's
@treturn[2] string code, as `"invalid"`
@raise when an argument has the wrong type, or family or table is none
@usage
netfilter.compile("ipv4", "filter", "INPUT", "-ptcp --dport ssh -j ACCEPT")
--> "-p tcp -m tcp --dport 22 -j ACCEPT"
@usage
netfilter.compile("ipv6", "filter", "INPUT", { "-j", "GUARD" }, { "GUARD" })
*/
/* family table chain rule [chains] -> text... | nil message code */
int mg_lua_compile(lua_State *L)
{
	enum mg_family family = mg_lua_check_family(L, 1);
	struct mg_compile_context context = {
		.table = luaL_checkstring(L, 2),
		.chain = luaL_checkstring(L, 3),
		.is_chain = is_chain,
		.chain_at = chain_at,
	};
	struct mg_compiled_rule rule;
	struct mg_error error;
	struct request *request;

	luaL_argcheck(L, mg_builtin_chains(context.table), 2, "there is no such table");
	luaL_argexpected(L, lua_type(L, 4) == LUA_TSTRING || lua_istable(L, 4), 4,
			 "string or table");
	lua_settop(L, 5);
	request = mg_lua_guarded(L, sizeof(*request), "moongate.compile", clear);
	context.data = request;
	read_chains(L, 5, request);
	if (lua_istable(L, 4))
		read_words(L, 4, request);
	else if (!split_text(L, 4, request, &error))
		return mg_lua_failure(L, &error);
	if (mg_session_open(&error) ||
	    mg_compile_rule(family, &context, request->args, request->argc, request->size,
			    &request->arena, &rule, &error))
		return mg_lua_failure(L, &error);
	return push_texts(L, mg_family_ops(family), &rule);
}
