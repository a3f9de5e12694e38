/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Strings and rules as a caller hands them over.
 */
#include <string.h>

#include "binding.h"

enum { MOST_WORDS = 1024 };

/* words -> */
static int clear(lua_State *L)
{
	struct mg_lua_words *words = lua_touserdata(L, 1);

	mg_arena_clear(&words->arena);
	mg_args_clear(&words->split);
	return 0;
}

const char *mg_lua_check_name(lua_State *L, int index)
{
	size_t length;
	const char *text = luaL_checklstring(L, index, &length);

	luaL_argcheck(L, strlen(text) == length, index, "a NUL byte in a name");
	return text;
}

/* -> string */
const char *mg_lua_check_element(lua_State *L, int index, lua_Integer at, size_t *length)
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

static char *take(lua_State *L, struct mg_lua_words *words)
{
	char *piece = mg_arena_take(&words->arena, words->size + 1);

	if (!piece)
		luaL_error(L, "out of memory");
	words->args = piece;
	return piece;
}

static void read_list(lua_State *L, int index, struct mg_lua_words *words)
{
	lua_Unsigned count = lua_rawlen(L, index), i;
	size_t length;
	char *at;

	luaL_argcheck(L, count <= MOST_WORDS, index, "too many words");
	for (i = 0; i < count; i++) {
		mg_lua_check_element(L, index, (lua_Integer)i + 1, &length);
		words->size += length + 1;
		lua_pop(L, 1);
	}
	at = take(L, words);
	for (i = 0; i < count; i++) {
		const char *word = mg_lua_check_element(L, index, (lua_Integer)i + 1, &length);

		/* nothing has run in between that could have changed the list */
		at = (char *)memcpy(at, word, length + 1) + length + 1;
		lua_pop(L, 1);
	}
	words->argc = (uint32_t)count;
}

static int read_line(lua_State *L, int index, struct mg_lua_words *words, struct mg_error *error)
{
	size_t length;
	const char *text = lua_tolstring(L, index, &length);
	uint32_t i;
	char *at;
	int err;

	luaL_argcheck(L, !memchr(text, '\n', length), index, "a rule is one line");
	err = mg_args_split(&words->split, text, length, error);
	if (err)
		return err;
	for (i = 0; i < words->split.argc; i++)
		words->size += strlen(words->split.argv[i]) + 1;
	at = take(L, words);
	for (i = 0; i < words->split.argc; i++)
		at = stpcpy(at, words->split.argv[i]) + 1;
	words->argc = words->split.argc;
	return 0;
}

/* -> words */
int mg_lua_read_words(lua_State *L, int index, struct mg_lua_words **out, struct mg_error *error)
{
	struct mg_lua_words *words;

	luaL_argexpected(L, lua_type(L, index) == LUA_TSTRING || lua_istable(L, index), index,
			 "string or table");
	words = mg_lua_guarded(L, sizeof(*words), "moongate.words", clear);
	*out = words;
	if (lua_type(L, index) == LUA_TSTRING)
		return read_line(L, index, words, error);
	read_list(L, index, words);
	return 0;
}
