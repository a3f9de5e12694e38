/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which extension plugins are installed.
 */
/***
@submodule moongate.netfilter
*/
#include "netfilter/extensions.h"

#include "binding.h"

/* extensions -> */
static int clear(lua_State *L)
{
	mg_extensions_clear(lua_touserdata(L, 1));
	return 0;
}

/* -> list */
static void push_options(lua_State *L, const struct mg_option_source *options)
{
	struct mg_extension_option option;
	size_t i;

	lua_newtable(L);
	for (i = 0; mg_extension_option(options, i, &option); i++) {
		lua_createtable(L, 0, 3);
		lua_pushstring(L, option.name);
		lua_setfield(L, -2, "name");
		lua_pushboolean(L, option.has_value);
		lua_setfield(L, -2, "value");
		if (option.says_negation) {
			lua_pushboolean(L, option.takes_negation);
			lua_setfield(L, -2, "negation");
		}
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
}

/* list -> list; appends { name=, revision=, options= } to it */
static void append(lua_State *L, const char *name, uint8_t revision,
		   const struct mg_option_source *options)
{
	lua_createtable(L, 0, 3);
	push_options(L, options);
	lua_setfield(L, -2, "options");
	lua_pushstring(L, name);
	lua_setfield(L, -2, "name");
	lua_pushinteger(L, revision);
	lua_setfield(L, -2, "revision");
	lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
}

/***
The extension plugins that this host has for one family, sorted by name. All
plugins of all families are loaded to find out; nothing of the kernel is
changed, and no privilege is needed.
@function extensions
@tparam string family `"ipv4"` or `"ipv6"`
@treturn table `{ matches = { { name=, revision=, options= }, ... }, targets = { ... } }`,
  where `revision` is the newest that the plugin and the kernel both have, and
  `options` are the plugin's own, in its order: `{ { name=, value=, negation= }, ... }`,
  with the name without `--`, whether a value follows, and whether `!` may stand
  before it (nil: an older plugin, whose table does not say)
@treturn[2] nil
@treturn[2] string message
@treturn[2] string code, as `"environment"`
@raise when family is something else
@usage
for _, target in ipairs(netfilter.extensions("ipv6").targets) do
  print(target.name, target.revision)
end
*/
/* family -> { matches=, targets= } | nil message code */
int mg_lua_extensions(lua_State *L)
{
	enum mg_family family = mg_lua_check_family(L, 1);
	struct mg_extensions *found;
	struct mg_error error;
	size_t i;

	lua_settop(L, 1);
	found = mg_lua_guarded(L, sizeof(*found), "moongate.extensions", clear);
	if (mg_extensions_read(family, found, &error))
		return mg_lua_failure(L, &error);
	lua_createtable(L, 0, 2);
	lua_newtable(L);
	lua_newtable(L); /* result matches targets */
	for (i = 0; i < found->count; i++) {
		const struct mg_extension *extension = &found->items[i];

		if (extension->has_target)
			append(L, extension->name, extension->target_revision,
			       &extension->target_options);
		if (!extension->has_match)
			continue;
		lua_pushvalue(L, -2);
		append(L, extension->name, extension->match_revision, &extension->match_options);
		lua_pop(L, 1);
	}
	lua_setfield(L, -3, "targets");
	lua_setfield(L, -2, "matches");
	return 1;
}
