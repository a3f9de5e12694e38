/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A table as lines, and what differs between two.
 */
/***
@submodule moongate.netfilter
*/
#include <string.h>

#include "binding.h"
#include "netfilter/listing.h"
#include "plan/changes.h"

/* What one comparison holds. */
struct comparison {
	struct mg_listing listing;
	struct mg_image *mine, *theirs;
	struct mg_changes changes;
};

/* listing -> */
static int clear_listing(lua_State *L)
{
	mg_listing_clear(lua_touserdata(L, 1));
	return 0;
}

/* comparison -> */
static int clear_comparison(lua_State *L)
{
	struct comparison *comparison = lua_touserdata(L, 1);

	mg_listing_clear(&comparison->listing);
	mg_image_free(comparison->mine);
	mg_image_free(comparison->theirs);
	mg_changes_clear(&comparison->changes);
	comparison->mine = comparison->theirs = NULL;
	return 0;
}

/***
@type table
*/

/***
The table as lines, as `iptables -S` prints it: `-P` for the policies, `-N` for user
chains, `-A` for the rules.
@function table:lines
@treturn {string,...} lines
@treturn[2] nil
@treturn[2] string message
@treturn[2] string code, `"stale"`
@usage
print(table.concat(filter:lines(), "\n"))
*/
/* table -> lines | nil message code */
static int lines_of(lua_State *L)
{
	const struct mg_lua_table *table = mg_lua_check_table(L, 1);
	struct mg_listing *listing;
	struct mg_image *image;
	struct mg_error error;
	size_t i;
	int err;

	lua_settop(L, 1);
	listing = mg_lua_guarded(L, sizeof(*listing), "moongate.listing", clear_listing);
	if (!table->edit)
		return mg_lua_closed(L, table);
	if (mg_edit_image(table->edit, &image, &error))
		return mg_lua_failure(L, &error);
	err = mg_listing_write(image, listing, &error);
	mg_image_free(image);
	if (err)
		return mg_lua_failure(L, &error);
	lua_createtable(L, (int)listing->count, 0);
	for (i = 0; i < listing->count; i++) {
		lua_pushstring(L, listing->lines[i]);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
	return 1;
}

static int read_list(lua_State *L, int index, struct mg_listing *listing, struct mg_error *error)
{
	lua_Unsigned count = lua_rawlen(L, index), i;
	size_t length;
	int err = 0;

	for (i = 0; i < count && !err; i++) {
		err = mg_listing_add(listing,
				     mg_lua_check_element(L, index, (lua_Integer)i + 1, &length),
				     error);
		lua_pop(L, 1);
	}
	return err;
}

/* The other side of the comparison, into comparison->theirs. The table is open. */
static int make_other(const struct mg_lua_table *table, const struct mg_lua_table *other,
		      bool is_list, struct comparison *comparison, struct mg_error *error)
{
	const struct mg_image *live = table->edit->live;

	if (is_list)
		return mg_listing_read(live->family, live->table, &comparison->listing,
				       &comparison->theirs, error);
	if (live->family == other->edit->live->family &&
	    strcmp(live->table, other->edit->live->table) == 0)
		return mg_edit_image(other->edit, &comparison->theirs, error);
	error->status = MG_INVALID;
	strcpy(error->text, "only tables of one family and one name can be compared");
	return -1;
}

/* change -> { change=, ... } */
static void push_change(lua_State *L, const struct mg_change *change)
{
	static const char *const names[] = {
		[MG_CHANGE_NEW_CHAIN] = "new_chain", [MG_CHANGE_POLICY] = "policy",
		[MG_CHANGE_REMOVE] = "remove",	     [MG_CHANGE_ADD] = "add",
		[MG_CHANGE_MOVE] = "move",	     [MG_CHANGE_DELETE_CHAIN] = "delete_chain",
	};

	lua_createtable(L, 0, 5);
	lua_pushstring(L, names[change->kind]);
	lua_setfield(L, -2, "change");
	lua_pushstring(L, change->chain);
	lua_setfield(L, -2, "chain");
	if (change->text) {
		lua_pushstring(L, change->text);
		lua_setfield(L, -2, change->kind == MG_CHANGE_POLICY ? "policy" : "rule");
	}
	if (change->before) {
		lua_pushstring(L, change->before);
		lua_setfield(L, -2, "before");
	}
	if (change->number) {
		lua_pushinteger(L, change->number);
		lua_setfield(L, -2, "number");
	}
	if (change->from) {
		lua_pushinteger(L, change->from);
		lua_setfield(L, -2, "from");
	}
}

/* comparison -> list */
static int push_changes(lua_State *L, const struct mg_changes *changes)
{
	size_t i;

	lua_createtable(L, (int)changes->count, 0);
	for (i = 0; i < changes->count; i++) {
		push_change(L, &changes->items[i]);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
	return 1;
}

/***
What it takes to turn the table into another; counters do not matter. Without an
argument: what was changed since the table was read, which is what a commit does.

Each change is a table with `change` and `chain`, and

- `"add"`: `rule` (its text) and `number`, where it stands afterwards;
- `"remove"`: `rule` and `from`, where it stood before;
- `"move"`: `rule`, `from` and `number`;
- `"policy"`: `policy` and `before`;
- `"new_chain"`, `"delete_chain"`: nothing more.
@function table:diff
@tparam[opt] table|{string,...} other another table that is open, of the same family
  and name; or lines as @{table:lines} gives them, of which `-P` may be left out
  where it is ACCEPT
@treturn {table,...} changes, an empty list where there is no difference
@treturn[2] nil
@treturn[2] string message, with the number of the line
@treturn[2] string code, `"invalid"` or `"stale"`
@raise when an argument has the wrong type
@usage
for _, change in ipairs(filter:diff { "-P INPUT DROP", "-A INPUT -i lo -j ACCEPT" }) do
  print(change.change, change.chain, change.rule or change.policy)
end
*/
/* table [other] -> changes | nil message code */
static int diff(lua_State *L)
{
	const struct mg_lua_table *table = mg_lua_check_table(L, 1), *other = NULL;
	const bool is_list = lua_istable(L, 2);
	const struct mg_image *from, *to;
	struct comparison *comparison;
	struct mg_error error;
	int err;

	lua_settop(L, 2);
	if (!lua_isnil(L, 2) && !is_list)
		other = mg_lua_check_table(L, 2);
	comparison = mg_lua_guarded(L, sizeof(*comparison), "moongate.comparison",
				    clear_comparison);
	if (is_list && read_list(L, 2, &comparison->listing, &error))
		return mg_lua_failure(L, &error);
	if (!table->edit)
		return mg_lua_closed(L, table);
	if (other && !other->edit)
		return mg_lua_closed(L, other);
	/* from here on Lua is not called until there are texts */
	err = mg_edit_image(table->edit, &comparison->mine, &error);
	if (!err && (other || is_list))
		err = make_other(table, other, is_list, comparison, &error);
	from = comparison->theirs ? comparison->mine : table->edit->live;
	to = comparison->theirs ? comparison->theirs : comparison->mine;
	if (!err)
		err = mg_changes_make(from, to, &comparison->changes, &error);
	if (err)
		return mg_lua_failure(L, &error);
	return push_changes(L, &comparison->changes);
}

const luaL_Reg mg_lua_compare_methods[] = {
	{ "lines", lines_of },
	{ "diff", diff },
	{ NULL, NULL },
};
