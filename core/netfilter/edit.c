/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opening an edit, and its chains. The rules are in edit_rules.c, the way back to
 * the kernel in edit_commit.c.
 *
 * Owns the image that was read, the chains, the list of rules, and an arena for
 * whatever is new.
 */
#include "edit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "compile.h"
#include "ruleset/failure.h"
#include "ruleset/growable.h"

static int no_memory(struct mg_error *error)
{
	return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for a table");
}

static void free_chain(struct mg_edit_chain *chain)
{
	if (chain)
		free(chain->rules);
	free(chain);
}

void mg_edit_free(struct mg_edit *edit)
{
	size_t i;

	if (!edit)
		return;
	for (i = 0; i < edit->chain_count; i++)
		free_chain(edit->chains[i]);
	free(edit->chains);
	free(edit->rules);
	mg_image_free(edit->live);
	mg_arena_clear(&edit->arena);
	free(edit);
}

/* Chains as they are ordered, against a name that is no built-in chain's. */
static int compare_name(const char *name, const struct mg_edit_chain *chain)
{
	return chain->built_in ? 1 : strcmp(name, chain->name);
}

/* Index of the user chain called @name, or of the first behind where it would be. */
static size_t place_of(const struct mg_edit *edit, const char *name)
{
	size_t low = 0, high = edit->chain_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_name(name, edit->chains[middle]) > 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* NULL if there is none. */
static struct mg_edit_chain *find_chain(const struct mg_edit *edit, const char *name)
{
	size_t i;

	for (i = 0; i < edit->chain_count && edit->chains[i]->built_in; i++)
		if (strcmp(edit->chains[i]->name, name) == 0)
			return edit->chains[i];
	i = place_of(edit, name);
	if (i < edit->chain_count && strcmp(edit->chains[i]->name, name) == 0)
		return edit->chains[i];
	return NULL;
}

struct mg_edit_chain *mg_edit_find_chain(const struct mg_edit *edit, const char *name,
					 struct mg_error *error)
{
	struct mg_edit_chain *chain = find_chain(edit, name);
	const char **names;
	const char *meant = NULL;
	size_t i;

	if (chain || !error)
		return chain;
	names = calloc(edit->chain_count + 1, sizeof(*names));
	for (i = 0; names && i < edit->chain_count; i++)
		names[i] = edit->chains[i]->name;
	if (names)
		meant = mg_nearest(name, names);
	free(names);
	mg_set_error(error, MG_INVALID, "there is no chain `%s' in table %s%s%s%s", name,
		     edit->live->table, meant ? ": did you mean `" : "", meant ? meant : "",
		     meant ? "'?" : "");
	return NULL;
}

/* Give a chain its place in the order. */
static int put_chain(struct mg_edit *edit, struct mg_edit_chain *chain, struct mg_error *error)
{
	const size_t at = chain->built_in ? edit->chain_count : place_of(edit, chain->name);

	if (mg_make_room((void **)&edit->chains, &edit->chain_capacity, edit->chain_count + 1,
			 sizeof(*edit->chains)))
		return no_memory(error);
	memmove(edit->chains + at + 1, edit->chains + at,
		(edit->chain_count - at) * sizeof(struct mg_edit_chain *));
	edit->chains[at] = chain;
	edit->chain_count++;
	return 0;
}

static void take_chain(struct mg_edit *edit, const struct mg_edit_chain *chain)
{
	size_t at = 0;

	while (edit->chains[at] != chain)
		at++;
	edit->chain_count--;
	memmove(edit->chains + at, edit->chains + at + 1,
		(edit->chain_count - at) * sizeof(struct mg_edit_chain *));
}

/* One chain with its rules, as it was read; built-in chains come first. */
static int read_chain(struct mg_edit *edit, const struct mg_image_chain *from,
		      struct mg_error *error)
{
	struct mg_edit_chain *chain = calloc(1, sizeof(*chain));
	uint32_t i;

	if (!chain)
		return no_memory(error);
	*chain = (struct mg_edit_chain){
		.name = from->name,
		.policy = from->policy,
		.built_in = from->built_in,
		.counters = from->counters,
	};
	if (put_chain(edit, chain, error)) {
		free(chain);
		return -ENOMEM;
	}
	if (mg_make_room((void **)&chain->rules, &chain->capacity, from->count,
			 sizeof(*chain->rules)))
		return no_memory(error);
	for (i = 0; i < from->count; i++) {
		const uint32_t id = (uint32_t)edit->rule_count++;

		edit->rules[id] = (struct mg_edit_rule){
			.entry = edit->live->entries[from->first + i],
			.chain = chain,
			.placed = true,
			.live = from->first + i,
		};
		chain->rules[chain->count++] = id;
	}
	return 0;
}

static int read_chains(struct mg_edit *edit, struct mg_error *error)
{
	size_t i;
	int err = 0;

	if (mg_make_room((void **)&edit->rules, &edit->rule_capacity, edit->live->entry_count,
			 sizeof(*edit->rules)))
		return no_memory(error);
	for (i = 0; i < edit->live->chain_count && !err; i++)
		err = read_chain(edit, &edit->live->chains[i], error);
	return err;
}

int mg_edit_open(enum mg_family family, const char *table, struct mg_edit **out,
		 struct mg_error *error)
{
	static const char *const tables[] = { "filter", "nat", "mangle", "raw", "security", NULL };
	struct mg_edit *edit;
	const char *meant;
	int err;

	if (!mg_builtin_chains(table)) {
		meant = mg_nearest(table, tables);
		return mg_fail(error, -ENOENT, MG_INVALID, "there is no table `%s'%s%s%s", table,
			       meant ? ": did you mean `" : "", meant ? meant : "",
			       meant ? "'?" : "");
	}
	edit = calloc(1, sizeof(*edit));
	if (!edit)
		return no_memory(error);
	err = mg_table_read(family, table, &edit->live, error);
	if (!err)
		err = read_chains(edit, error);
	if (err) {
		mg_edit_free(edit);
		return err;
	}
	*out = edit;
	return 0;
}

static int check_name(const struct mg_edit *edit, const char *name, struct mg_error *error)
{
	int err = mg_compile_check_chain(edit->live->family, name, error);

	if (!err && find_chain(edit, name))
		err = mg_fail(error, -EEXIST, MG_INVALID, "chain `%s' is there already", name);
	return err;
}

int mg_edit_add_chain(struct mg_edit *edit, const char *name, struct mg_error *error)
{
	struct mg_edit_chain *chain;
	int err = check_name(edit, name, error);

	if (err)
		return err;
	chain = calloc(1, sizeof(*chain));
	if (!chain)
		return no_memory(error);
	chain->name = mg_arena_string(&edit->arena, name);
	err = chain->name ? put_chain(edit, chain, error) : no_memory(error);
	if (err)
		free_chain(chain);
	return err;
}

static int check_user(const struct mg_edit_chain *chain, const char *what, struct mg_error *error)
{
	if (!chain->built_in)
		return 0;
	return mg_fail(error, -EPERM, MG_INVALID, "`%s' is a built-in chain, which cannot be %s",
		       chain->name, what);
}

/* Does this rule lead to a chain of that name? */
static bool leads_to(const struct mg_edit_rule *rule, const char *name)
{
	return rule->chain && rule->entry.standard && strcmp(rule->entry.target, name) == 0;
}

static int check_unused(const struct mg_edit *edit, const struct mg_edit_chain *chain,
			struct mg_error *error)
{
	size_t id;

	if (chain->count)
		return mg_fail(error, -ENOTEMPTY, MG_INVALID,
			       "chain `%s' is not empty: flush it first", chain->name);
	for (id = 0; id < edit->rule_count; id++)
		if (edit->rules[id].placed && leads_to(&edit->rules[id], chain->name))
			return mg_fail(error, -EMLINK, MG_INVALID,
				       "rule %u of %s leads to chain `%s': delete that first",
				       mg_edit_number(edit, (uint32_t)id),
				       edit->rules[id].chain->name, chain->name);
	return 0;
}

int mg_edit_remove_chain(struct mg_edit *edit, struct mg_edit_chain *chain, struct mg_error *error)
{
	int err = check_user(chain, "deleted", error);
	size_t id;

	if (!err)
		err = check_unused(edit, chain, error);
	if (err)
		return err;
	/* what was built for it, or to lead to it, has no place any more */
	for (id = 0; id < edit->rule_count; id++)
		if (edit->rules[id].chain == chain || leads_to(&edit->rules[id], chain->name))
			edit->rules[id].chain = NULL;
	take_chain(edit, chain);
	free_chain(chain);
	return 0;
}

int mg_edit_rename_chain(struct mg_edit *edit, struct mg_edit_chain *chain, const char *name,
			 struct mg_error *error)
{
	const char *old = chain->name;
	int err = check_user(chain, "renamed", error);
	const char *copy;
	size_t id;

	if (!err)
		err = check_name(edit, name, error);
	if (err)
		return err;
	copy = mg_arena_string(&edit->arena, name);
	if (!copy)
		return no_memory(error);
	for (id = 0; id < edit->rule_count; id++)
		if (leads_to(&edit->rules[id], old))
			edit->rules[id].entry.target = copy;
	take_chain(edit, chain);
	chain->name = copy;
	return put_chain(edit, chain, error); /* there is room: one was taken out */
}

int mg_edit_set_policy(const struct mg_edit *edit, struct mg_edit_chain *chain, const char *policy,
		       struct mg_error *error)
{
	const bool drop = strcmp(policy, "DROP") == 0;

	if (!chain->built_in)
		return mg_fail(error, -EINVAL, MG_INVALID,
			       "`%s' is not a built-in chain: only those have a policy",
			       chain->name);
	if (!drop && strcmp(policy, "ACCEPT") != 0)
		return mg_fail(error, -EINVAL, MG_INVALID,
			       "bad policy name `%s': a policy is ACCEPT or DROP", policy);
	if (drop && strcmp(edit->live->table, "nat") == 0)
		return mg_fail(error, -EINVAL, MG_INVALID,
			       "The \"nat\" table is not intended for filtering, the use of DROP "
			       "is therefore inhibited.");
	chain->policy = drop ? "DROP" : "ACCEPT";
	return 0;
}
