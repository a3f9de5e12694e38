/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Columns of rules, see import_columns.h.
 *
 * Owns the kinds. Knows nothing of what a rule means: a word behind -s is an
 * address if it looks like one.
 */
#include "import_columns.h"

#include <lauxlib.h>
#include <string.h>

#include "ruleset/growable.h"

/* What stands in a kind's key in the place of a value; no word is only that. */
enum { BETWEEN = '\x1f', ONE = '\x01', SEVERAL = '\x02' };

enum column { SOURCE, DESTINATION, TO_PORTS, FROM_PORTS, COMMENT, COLUMNS };

static const char *const column_names[COLUMNS] = { "source", "destination", "to_ports",
						   "from_ports", "comment" };

static const struct {
	const char *option;
	enum column column;
} options[] = {
	{ "-s", SOURCE },	  { "-d", DESTINATION },     { "--dport", TO_PORTS },
	{ "--dports", TO_PORTS }, { "--sport", FROM_PORTS }, { "--sports", FROM_PORTS },
	{ "--comment", COMMENT },
};

/* Where a policy says nothing of these in words of its own, their values are a primitive's. */
static const char *const free_texts[] = { "--log-prefix", "--nflog-prefix" };

/* What was found in one rule. */
struct found {
	const char *values[COLUMNS]; /* NULL: none that is plain */
	size_t sizes[COLUMNS];
};

void mg_kinds_clear(struct mg_kinds *kinds)
{
	mg_lookup_clear(&kinds->lookup);
	mg_arena_clear(&kinds->arena);
	free(kinds->keys);
	free(kinds->key);
}

/* An address as iptables-save prints it. Returns how much of it a person would write, or 0. */
static size_t plain_address(const char *text)
{
	const bool is_ipv6 = strchr(text, ':') != NULL;
	const size_t host = strspn(text, is_ipv6 ? "0123456789abcdef:." : "0123456789.");
	const char *prefix = text + host + 1;

	if (!host || text[host] != '/' || !*prefix || prefix[strspn(prefix, "0123456789")] ||
	    strcmp(prefix, "0") == 0)
		return 0;
	return strcmp(prefix, is_ipv6 ? "128" : "32") == 0 ? host : strlen(text);
}

/* ONE port, SEVERAL, or 0 for what is neither; the language has no port 0. */
static char plain_ports(const char *text)
{
	const char *at = text;
	size_t digits;

	for (;; at += digits + 1) {
		digits = strspn(at, "0123456789");
		if (!digits || *at == '0')
			return 0;
		if (!at[digits])
			return at == text ? ONE : SEVERAL;
		if (at[digits] != ',' && at[digits] != ':')
			return 0;
	}
}

static bool is_plain_comment(const char *text)
{
	const char *c;

	for (c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f || *c == '"' || *c == '\\')
			return false;
	return *text;
}

/* What stands for the value in the key, or 0 if the value itself does. */
static char take_value(struct found *found, enum column column, const char *value)
{
	char mark = 0;
	size_t size = 0;

	if (found->values[column])
		return 0;
	if (column == SOURCE || column == DESTINATION) {
		size = plain_address(value);
		mark = size ? ONE : 0;
	} else if (column == COMMENT) {
		mark = is_plain_comment(value) ? ONE : 0;
	} else {
		mark = plain_ports(value);
	}
	if (mark) {
		found->values[column] = value;
		found->sizes[column] = size ? size : strlen(value);
	}
	return mark;
}

/* The column of an option's value, or COLUMNS. */
static enum column column_of(const char *word)
{
	size_t i;

	/* all others are most of the words */
	if (word[0] == '-' && strchr("sd-", word[1]))
		for (i = 0; i < sizeof(options) / sizeof(*options); i++)
			if (strcmp(word, options[i].option) == 0)
				return options[i].column;
	return COLUMNS;
}

/* What stands for a value that no column holds: a number, or text. */
static char other_mark(const char *option, const char *value)
{
	size_t i;

	if (value[0] >= '0' && value[0] <= '9')
		return value[strspn(value, "0123456789")] ? 0 : ONE;
	for (i = 0; i < sizeof(free_texts) / sizeof(*free_texts); i++)
		if (strcmp(option, free_texts[i]) == 0)
			return is_plain_comment(value) ? ONE : 0;
	return 0;
}

static void put(lua_State *L, struct mg_kinds *kinds, const char *bytes, size_t size)
{
	if (mg_make_room((void **)&kinds->key, &kinds->key_capacity, kinds->key_size + size + 2, 1))
		luaL_error(L, "out of memory");
	memcpy(kinds->key + kinds->key_size, bytes, size);
	kinds->key_size += size;
	kinds->key[kinds->key_size++] = BETWEEN;
	kinds->key[kinds->key_size] = '\0';
}

static bool is_kind(const void *context, uint32_t index)
{
	const struct mg_kinds *kinds = context;

	return strcmp(kinds->keys[index], kinds->key) == 0;
}

/* The number of the kind whose key was put together. */
static uint32_t kind_of_key(lua_State *L, struct mg_kinds *kinds)
{
	const uint32_t hash = mg_lookup_hash(0, kinds->key);
	const uint32_t known = mg_lookup_find(&kinds->lookup, hash, is_kind, kinds);
	const char *key;

	if (known != MG_NOT_FOUND)
		return known;
	key = mg_arena_string(&kinds->arena, kinds->key);
	if (!key ||
	    mg_make_room((void **)&kinds->keys, &kinds->capacity, kinds->count + 1,
			 sizeof(*kinds->keys)) ||
	    mg_lookup_add(&kinds->lookup, hash, (uint32_t)kinds->count))
		luaL_error(L, "out of memory");
	kinds->keys[kinds->count] = key;
	return (uint32_t)kinds->count++;
}

/* The first word is the rule's text. */
static uint32_t find_kind(lua_State *L, struct mg_kinds *kinds, const struct mg_rule_view *rule,
			  struct found *found)
{
	enum column column = COLUMNS;
	const char *word = rule->args, *before;
	uint32_t i;

	*found = (struct found){ .values = { NULL } };
	kinds->key_size = 0;
	put(L, kinds, "", 0);
	for (i = 1; i < rule->argc; i++) {
		char mark = 0;

		before = word;
		word = mg_arg_next(word);
		if (column != COLUMNS)
			mark = take_value(found, column, word);
		else if (i > 1 && before[0] == '-' && before[1] == '-')
			mark = other_mark(before, word);
		column = column == COLUMNS ? column_of(word) : COLUMNS;
		if (mark)
			put(L, kinds, &mark, 1);
		else
			put(L, kinds, word, strlen(word));
	}
	return kind_of_key(L, kinds);
}

/* The number of rules is upvalue 3, the index of the first in the ruleset upvalue 2. */
static void rule_at(lua_State *L, lua_Integer place, struct mg_rule_view *out)
{
	const struct mg_ruleset *rules = lua_touserdata(L, lua_upvalueindex(1));
	const lua_Integer first = lua_tointeger(L, lua_upvalueindex(2));

	mg_ruleset_rule_at(rules, (uint32_t)(first + place - 1), out);
}

static lua_Integer check_place(lua_State *L, int index)
{
	const lua_Integer place = luaL_checkinteger(L, index);

	luaL_argcheck(L, place >= 1 && place <= lua_tointeger(L, lua_upvalueindex(3)), index,
		      "no such rule");
	return place;
}

/* place -> text */
static int get_text(lua_State *L)
{
	struct mg_rule_view rule;

	rule_at(L, check_place(L, 1), &rule);
	lua_pushstring(L, rule.args);
	return 1;
}

/* place -> "file:line" */
static int get_place(lua_State *L)
{
	struct mg_rule_view rule;

	rule_at(L, check_place(L, 1), &rule);
	lua_pushstring(L, rule.origin);
	return 1;
}

/* text first last -> place | nil */
static int find_text(lua_State *L)
{
	const char *text = luaL_checkstring(L, 1);
	const lua_Integer count = lua_tointeger(L, lua_upvalueindex(3));
	lua_Integer place = luaL_checkinteger(L, 2), last = luaL_checkinteger(L, 3);
	struct mg_rule_view rule;

	luaL_argcheck(L, place >= 1, 2, "no such rule");
	for (; place <= last && place <= count; place++) {
		rule_at(L, place, &rule);
		if (strcmp(rule.args, text) == 0) {
			lua_pushinteger(L, place);
			return 1;
		}
	}
	lua_pushnil(L);
	return 1;
}

/* columns -> columns */
static void add_function(lua_State *L, const struct mg_ruleset *rules,
			 const struct mg_chain_view *chain, const char *name,
			 lua_CFunction function)
{
	lua_pushlightuserdata(L, (void *)(uintptr_t)rules);
	lua_pushinteger(L, chain->first);
	lua_pushinteger(L, chain->count);
	lua_pushcclosure(L, function, 3);
	lua_setfield(L, -2, name);
}

void mg_push_columns(lua_State *L, struct mg_kinds *kinds, const struct mg_ruleset *rules,
		     const struct mg_chain_view *chain)
{
	const int kind_column = lua_gettop(L) + 1;
	int column;
	uint32_t i;

	luaL_checkstack(L, COLUMNS + 8, NULL);
	for (column = 0; column <= COLUMNS; column++)
		lua_createtable(L, (int)chain->count, 0);
	for (i = 0; i < chain->count; i++) {
		struct mg_rule_view rule;
		struct found found;

		mg_ruleset_rule_at(rules, chain->first + i, &rule);
		lua_pushinteger(L, find_kind(L, kinds, &rule, &found));
		lua_rawseti(L, kind_column, (lua_Integer)i + 1);
		for (column = 0; column < COLUMNS; column++) {
			if (!found.values[column])
				continue;
			lua_pushlstring(L, found.values[column], found.sizes[column]);
			lua_rawseti(L, kind_column + 1 + column, (lua_Integer)i + 1);
		}
	}
	lua_createtable(L, 0, COLUMNS + 5);
	for (column = 0; column < COLUMNS; column++) {
		lua_pushvalue(L, kind_column + 1 + column);
		lua_setfield(L, -2, column_names[column]);
	}
	lua_pushvalue(L, kind_column);
	lua_setfield(L, -2, "kinds");
	lua_pushinteger(L, chain->count);
	lua_setfield(L, -2, "count");
	add_function(L, rules, chain, "text", get_text);
	add_function(L, rules, chain, "place", get_place);
	add_function(L, rules, chain, "find", find_text);
	lua_replace(L, kind_column);
	lua_settop(L, kind_column);
}
