/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rules of a chain as lua/moongate/import*.lua looks at them: column by
 * column. Rules that differ in nothing but plain values are of one kind: what
 * is found out about one of them need not be found out again.
 */
#ifndef MG_IMPORT_COLUMNS_H
#define MG_IMPORT_COLUMNS_H

#include <lua.h>

#include "ruleset/arena.h"
#include "ruleset/lookup.h"
#include "ruleset/ruleset.h"

/** The kinds that have been seen. Zero-initialise; end with mg_kinds_clear(). */
struct mg_kinds {
	struct mg_lookup lookup;
	const char **keys; /* the words of each, a mark in the place of each value */
	size_t count, capacity;
	struct mg_arena arena;
	char *key; /* of the rule that is looked at */
	size_t key_size, key_capacity;
};

void mg_kinds_clear(struct mg_kinds *kinds);

/*
 * -> columns. What a rule's place in its chain gives, from 1 on:
 *   { count = how many there are,
 *     kinds = { a number each, the same for rules of one kind },
 *     source, destination, to_ports, from_ports, comment = { the plain value of each rule that
 *       has one, an address of all bits without them },
 *     text = function(place) -> as iptables-save prints it,
 *     place = function(place) -> "file:line",
 *     find = function(text, first, last) -> the first place of a rule with this text, or nil }
 * @rules: sealed, as in struct mg_importing; must outlive the functions
 */
void mg_push_columns(lua_State *L, struct mg_kinds *kinds, const struct mg_ruleset *rules,
		     const struct mg_chain_view *chain);

#endif
