/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A rule through libxtables, as text.
 */
/***
@submodule moongate.netfilter
*/
#include "netfilter/compile.h"

#include <errno.h>
#include <string.h>

#include "binding.h"
#include "netfilter/print.h"
#include "netfilter/session.h"
#include "ruleset/failure.h"

/* The user chains that a rule may jump to. */
struct chains {
	struct mg_arena arena;
	const char **names; /* in the arena, strings and all: Lua is out of reach then */
	size_t count;
};

/* chains -> */
static int clear(lua_State *L)
{
	struct chains *chains = lua_touserdata(L, 1);

	mg_arena_clear(&chains->arena);
	return 0;
}

static void *take(lua_State *L, struct chains *chains, size_t size)
{
	void *piece = mg_arena_take(&chains->arena, size);

	if (!piece)
		luaL_error(L, "out of memory");
	return piece;
}

static bool is_chain(const void *data, const char *name)
{
	const struct chains *chains = data;
	size_t i;

	for (i = 0; i < chains->count; i++)
		if (strcmp(chains->names[i], name) == 0)
			return true;
	return false;
}

static const char *chain_at(const void *data, size_t number)
{
	const struct chains *chains = data;

	return number < chains->count ? chains->names[number] : NULL;
}

static void read_chains(lua_State *L, int index, struct chains *chains)
{
	lua_Unsigned count, i;

	if (lua_isnoneornil(L, index))
		return;
	luaL_checktype(L, index, LUA_TTABLE);
	count = lua_rawlen(L, index);
	chains->names = take(L, chains, (count + 1) * sizeof(*chains->names));
	for (i = 0; i < count; i++) {
		size_t length;
		const char *name = mg_lua_check_element(L, index, (lua_Integer)i + 1, &length);

		chains->names[i] = memcpy(take(L, chains, length + 1), name, length + 1);
		chains->count++;
		lua_pop(L, 1);
	}
}

/*
 * The list of entries is libxtables' next caller's, who may be a finalizer in the
 * middle of this: a copy of it, in the arena that the entries are in.
 */
static int keep_entries(struct mg_lua_words *words, struct mg_compiled_rule *rule,
			struct mg_error *error)
{
	const size_t size = rule->count * sizeof(*rule->entries);
	void **copy = mg_arena_take(&words->arena, size);

	if (!copy)
		return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for a rule");
	memcpy(copy, rule->entries, size);
	rule->entries = copy;
	return 0;
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
		if (mg_entry_live_text(ops, &entry, &text, &error))
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
	struct mg_lua_words *words;
	struct chains *chains;

	luaL_argcheck(L, mg_builtin_chains(context.table), 2, "there is no such table");
	luaL_argexpected(L, lua_type(L, 4) == LUA_TSTRING || lua_istable(L, 4), 4,
			 "string or table");
	lua_settop(L, 5);
	chains = mg_lua_guarded(L, sizeof(*chains), "moongate.chains", clear);
	context.data = chains;
	read_chains(L, 5, chains);
	if (mg_lua_read_words(L, 4, &words, &error) || mg_session_open(&error) ||
	    mg_compile_rule(family, &context, words->args, words->argc, words->size, &words->arena,
			    &rule, &error) ||
	    keep_entries(words, &rule, &error))
		return mg_lua_failure(L, &error);
	return push_texts(L, mg_family_ops(family), &rule);
}
