/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The primitives of the policy language.
 *
 * Each function finds its struct mg_primitives in its first upvalue, and
 * shows what it takes from and leaves on the stack.
 */
#include "primitives.h"

#include <errno.h>
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "address_primitives.h"
#include "keep_primitive.h"
#include "module_primitives.h"
#include "push_host.h"
#include "ruleset/crossing.h"
#include "ruleset/digits.h"
#include "ruleset/failure.h"
#include "shortcuts.h"

enum { BOTH_FAMILIES = 3, MOST_SAID = 16 << 20 };

static struct mg_primitives *primitives_of(lua_State *L)
{
	return lua_touserdata(L, lua_upvalueindex(1));
}

int mg_policy_frame(lua_State *L, int level, lua_Debug *ar)
{
	for (; lua_getstack(L, level, ar); level++) {
		lua_getinfo(L, "Sl", ar);
		if (ar->source[0] == '@')
			return 0;
	}
	return -ENOENT;
}

/* Where in the registry the uses under way are, by address. */
static const char uses_key;

void mg_policy_push_uses(lua_State *L)
{
	luaL_Buffer text;
	lua_Integer i;
	int places;

	if (lua_rawgetp(L, LUA_REGISTRYINDEX, &uses_key) != LUA_TTABLE ||
	    (i = (lua_Integer)lua_rawlen(L, -1)) == 0) {
		lua_pop(L, 1);
		lua_pushliteral(L, "");
		return;
	}
	places = lua_gettop(L);
	luaL_buffinit(L, &text); /* which may lie on the stack itself */
	luaL_addstring(&text, " (used at ");
	for (; i; i--) {
		lua_rawgeti(L, places, i);
		luaL_addvalue(&text);
		if (i > 1)
			luaL_addstring(&text, ", ");
	}
	luaL_addchar(&text, ')');
	luaL_pushresult(&text);
	lua_remove(L, places);
}

/* "FILE:LINE HELPER", of which the file is mostly the one before. */
static void write_origin(struct mg_primitives *p, const char *source, int line, const char *helper)
{
	const size_t room = sizeof(p->origin) - p->name_length;
	const size_t length = strlen(helper);
	char *at = p->origin + p->name_length;

	if (source == p->source && line > 0 && room > MG_MOST_DIGITS + 1 + length) {
		at = mg_put_number(at, (unsigned int)line);
		*at++ = ' ';
		memcpy(at, helper, length + 1);
		return;
	}
	snprintf(p->origin, sizeof(p->origin), "%s:%d %s", source + 1, line, helper);
	p->source = source;
	p->name_length = strlen(source + 1) + 1;
	if (p->name_length > sizeof(p->origin))
		p->name_length = sizeof(p->origin);
}

const char *mg_policy_origin(lua_State *L, struct mg_primitives *p, const char *helper)
{
	lua_Debug ar;

	if (mg_policy_frame(L, 1, &ar)) {
		snprintf(p->origin, sizeof(p->origin), "%s", helper);
		p->source = NULL;
		return p->origin;
	}
	/* a policy's chunk name and a helper's name live as long as the state */
	if (ar.source != p->source || ar.currentline != p->line || helper != p->helper) {
		write_origin(p, ar.source, ar.currentline, helper);
		p->line = ar.currentline;
		p->helper = helper;
	}
	return p->origin;
}

/* Failures of a primitive are mistakes of the policy or lack of memory. */
static int raise_error(lua_State *L, const struct mg_error *error)
{
	return luaL_error(L, "%s", error->text);
}

static unsigned int check_families(lua_State *L, int index)
{
	lua_Integer families = luaL_checkinteger(L, index);

	luaL_argcheck(L, families >= 1 && families <= BOTH_FAMILIES, index, "families are 1 to 3");
	return (unsigned int)families;
}

/* Argument 1, without the families for which the policy is not. */
static unsigned int wanted_families(lua_State *L)
{
	return check_families(L, 1) & ~primitives_of(L)->left_out;
}

/* The words of a rule, gathered from the stack. */
struct words {
	const char *argv[MG_RULESET_MOST_WORDS];
	uint32_t argc;
};

/* Add the string at @index; it must stay on the stack, or in a table that does. */
static void add_word(lua_State *L, struct words *words, int index)
{
	size_t length;
	const char *word;

	if (lua_type(L, index) != LUA_TSTRING)
		luaL_error(L, "word %d of a rule is not a string", (int)words->argc + 1);
	if (words->argc == MG_RULESET_MOST_WORDS)
		luaL_error(L, "a rule of more than %d words", MG_RULESET_MOST_WORDS);
	word = lua_tolstring(L, index, &length);
	if (strlen(word) != length || memchr(word, '\n', length))
		luaL_error(L, "a word of a rule holds a NUL byte or a newline");
	if (mg_find_control(word, length) < length)
		luaL_error(L, "a word of a rule holds a control character");
	words->argv[words->argc++] = word;
}

/* The table holds on to its strings, so they need not stay on the stack. */
static void add_words(lua_State *L, struct words *words, int index)
{
	lua_Integer i, count;

	luaL_checktype(L, index, LUA_TTABLE);
	count = (lua_Integer)lua_rawlen(L, index);
	for (i = 1; i <= count; i++) {
		lua_rawgeti(L, index, i);
		add_word(L, words, -1);
		lua_pop(L, 1);
	}
}

/* Where a rule goes. */
struct append {
	unsigned int families, rank;
	const char *table, *chain, *origin;
};

static void append_words(lua_State *L, const struct append *append, const struct words *words)
{
	struct mg_ruleset *ruleset = primitives_of(L)->ruleset;
	struct mg_error error;
	uint32_t chain;
	int family;

	for (family = 0; family < MG_FAMILIES; family++)
		if (append->families & 1U << family &&
		    (mg_ruleset_chain(ruleset, (enum mg_family)family, append->table, append->chain,
				      append->origin, &chain, &error) ||
		     mg_ruleset_append(ruleset, chain, append->rank, words->argc, words->argv,
				       append->origin, &error)))
			raise_error(L, &error);
}

/* A rule for each of the list at @list, which stands in the place of word @number. */
static void append_each(lua_State *L, const struct append *append, struct words *words,
			lua_Integer number, int list)
{
	const lua_Integer count = (lua_Integer)lua_rawlen(L, list);
	const uint32_t argc = words->argc;
	lua_Integer i;

	luaL_argcheck(L, number >= 1 && number <= argc, 7, "there is no such word");
	for (i = 1; i <= count; i++) {
		words->argc = (uint32_t)number - 1;
		lua_rawgeti(L, list, i);
		add_word(L, words, -1);
		lua_pop(L, 1); /* the list holds it */
		words->argc = argc;
		append_words(L, append, words);
	}
}

/* families, table, chain, rank, helper, args [, number, list] -> */
static int primitive_append(lua_State *L)
{
	const struct append append = {
		.families = wanted_families(L),
		.table = luaL_checkstring(L, 2),
		.chain = luaL_checkstring(L, 3),
		.rank = (unsigned int)luaL_checkinteger(L, 4),
		.origin = mg_policy_origin(L, primitives_of(L), luaL_checkstring(L, 5)),
	};
	struct words words;

	words.argc = 0; /* not an initialiser, which would clear all of argv */
	add_words(L, &words, 6);
	if (lua_gettop(L) < 8) {
		append_words(L, &append, &words);
		return 0;
	}
	luaL_checktype(L, 8, LUA_TTABLE);
	append_each(L, &append, &words, luaL_checkinteger(L, 7), 8);
	return 0;
}

/* families, table, chain, helper -> */
static int primitive_chain(lua_State *L)
{
	struct mg_primitives *primitives = primitives_of(L);
	const unsigned int families = wanted_families(L);
	const char *table = luaL_checkstring(L, 2);
	const char *name = luaL_checkstring(L, 3);
	const char *origin;
	struct mg_error error;
	uint32_t chain;
	int family;

	origin = mg_policy_origin(L, primitives, luaL_checkstring(L, 4));
	for (family = 0; family < MG_FAMILIES; family++)
		if (families & 1U << family &&
		    mg_ruleset_chain(primitives->ruleset, (enum mg_family)family, table, name,
				     origin, &chain, &error))
			return raise_error(L, &error);
	return 0;
}

/* families, table, chain, policy, helper -> */
static int primitive_policy(lua_State *L)
{
	struct mg_primitives *primitives = primitives_of(L);
	const unsigned int families = wanted_families(L);
	const char *table = luaL_checkstring(L, 2);
	const char *name = luaL_checkstring(L, 3);
	const char *policy = luaL_checkstring(L, 4);
	const char *origin;
	struct mg_error error;
	uint32_t chain;
	int family;

	luaL_argcheck(L, strcmp(policy, "ACCEPT") == 0 || strcmp(policy, "DROP") == 0, 4,
		      "a policy is ACCEPT or DROP");
	origin = mg_policy_origin(L, primitives, luaL_checkstring(L, 5));
	for (family = 0; family < MG_FAMILIES; family++)
		if (families & 1U << family &&
		    (mg_ruleset_chain(primitives->ruleset, (enum mg_family)family, table, name,
				      origin, &chain, &error) ||
		     mg_ruleset_policy(primitives->ruleset, chain, policy, origin, &error)))
			return raise_error(L, &error);
	return 0;
}

/* families -> . From now on nothing is said to the others */
static int primitive_only(lua_State *L)
{
	primitives_of(L)->left_out = BOTH_FAMILIES & ~check_families(L, 1);
	return 0;
}

/* text -> words | nil message */
static int primitive_split(lua_State *L)
{
	struct mg_primitives *primitives = primitives_of(L);
	size_t length;
	const char *text = luaL_checklstring(L, 1, &length);
	struct mg_error error;
	uint32_t i;

	if (mg_args_split(&primitives->args, text, length, &error)) {
		lua_pushnil(L);
		lua_pushstring(L, error.text);
		return 2;
	}
	lua_createtable(L, (int)primitives->args.argc, 0);
	for (i = 0; i < primitives->args.argc; i++) {
		lua_pushstring(L, primitives->args.argv[i]);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
	return 1;
}

/* text -> family canonical had_host_bits | nil message */
static int primitive_address(lua_State *L)
{
	struct mg_policy_address address;
	char wrong[128] = "holds a NUL byte";
	size_t length;
	const char *text = luaL_checklstring(L, 1, &length);

	if (strlen(text) != length || mg_policy_address(text, &address, wrong, sizeof(wrong))) {
		lua_pushnil(L);
		lua_pushstring(L, wrong);
		return 2;
	}
	lua_pushinteger(L, address.families);
	lua_pushstring(L, address.text);
	lua_pushboolean(L, address.had_host_bits);
	return 3;
}

/* -> "file:line"; the policy's file alone after its last call, `return use(...)` */
static void push_place(lua_State *L)
{
	lua_Debug ar;

	if (mg_policy_frame(L, 1, &ar))
		lua_pushstring(L, primitives_of(L)->policy);
	else
		lua_pushfstring(L, "%s:%d", ar.source + 1, ar.currentline);
}

/* -> place */
static int primitive_place(lua_State *L)
{
	push_place(L);
	return 1;
}

/* -> text, see mg_policy_push_uses() */
static int primitive_uses(lua_State *L)
{
	mg_policy_push_uses(L);
	return 1;
}

/* places -> . A table that the language keeps: the places of the uses under way, outermost first */
static int primitive_watch_uses(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &uses_key);
	return 0;
}

/* message -> (raises) */
static int primitive_fail(lua_State *L)
{
	const char *message = luaL_checkstring(L, 1);

	push_place(L);
	lua_pushfstring(L, "%s: %s", lua_tostring(L, -1), message);
	return lua_error(L);
}

/* severity, message, remedy | nil -> */
static int primitive_note(lua_State *L)
{
	static const char *const names[] = { "info", "warning", NULL };
	static const enum mg_severity severities[] = { MG_INFO, MG_WARNING };
	struct mg_primitives *primitives = primitives_of(L);
	int severity = luaL_checkoption(L, 1, NULL, names);
	size_t length;
	const char *message = luaL_checklstring(L, 2, &length);
	const char *remedy = luaL_optstring(L, 3, NULL);

	primitives->said += length;
	if (primitives->notes->count >= MG_MOST_NOTES || primitives->said > MOST_SAID)
		return luaL_error(L, "the policy has more to say than %d remarks or %d MiB",
				  MG_MOST_NOTES, MOST_SAID >> 20);
	push_place(L);
	mg_policy_push_uses(L);
	if (mg_note(primitives->notes, severities[severity], lua_tostring(L, -2), remedy, "%s%s",
		    message, lua_tostring(L, -1)))
		return luaL_error(L, "out of memory for a note");
	return 0;
}

void mg_push_primitives(lua_State *L, struct mg_primitives *primitives, const struct mg_host *host)
{
	static const luaL_Reg functions[] = {
		{ "append", primitive_append },
		{ "verb_shortcut", mg_verb_shortcut },
		{ "append_shortcut", mg_append_shortcut },
		{ "chain", primitive_chain },
		{ "policy", primitive_policy },
		{ "only", primitive_only },
		{ "keep", mg_primitive_keep },
		{ "presets", mg_primitive_presets },
		{ "glob", mg_primitive_glob },
		{ "chain_names", mg_primitive_chain_names },
		{ "split", primitive_split },
		{ "address", primitive_address },
		{ "address_file", mg_primitive_address_file },
		{ "listed", mg_primitive_listed },
		{ "fold", mg_primitive_fold },
		{ "set", mg_primitive_set },
		{ "set_families", mg_primitive_set_families },
		{ "resolve", mg_primitive_resolve },
		{ "place", primitive_place },
		{ "uses", primitive_uses },
		{ "watch_uses", primitive_watch_uses },
		{ "module", mg_primitive_module },
		{ "module_names", mg_primitive_module_names },
		{ "fail", primitive_fail },
		{ "note", primitive_note },
		{ NULL, NULL },
	};
	static const char *const no_folders[] = { NULL };

	if (!primitives->sources->folders)
		primitives->sources->folders = no_folders;
	luaL_newlibtable(L, functions);
	lua_pushlightuserdata(L, primitives);
	luaL_setfuncs(L, functions, 1);
	mg_push_host(L, host);
	lua_setfield(L, -2, "host");
	/* this state is the policy's alone: the language may make its libraries safe */
	lua_pushboolean(L, true);
	lua_setfield(L, -2, "private_state");
}
