/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rules of a table that is edited: building them, putting them in and taking
 * them out, and their counters.
 *
 * An id is an index in edit->rules, and never used again.
 */
#include <errno.h>
#include <string.h>

#include "compile.h"
#include "edit.h"
#include "equal.h"
#include "ruleset/failure.h"
#include "ruleset/growable.h"

static int no_memory(struct mg_error *error)
{
	return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for a rule");
}

static bool is_user_chain(const void *data, const char *name)
{
	const struct mg_edit_chain *chain = mg_edit_find_chain(data, name, NULL);

	return chain && !chain->built_in;
}

/* For a suggestion: the user chains stand behind the built-in ones. */
static const char *user_chain_at(const void *data, size_t number)
{
	const struct mg_edit *edit = data;
	size_t i = 0;

	while (i < edit->chain_count && edit->chains[i]->built_in)
		i++;
	return number < edit->chain_count - i ? edit->chains[i + number]->name : NULL;
}

int mg_edit_build(struct mg_edit *edit, struct mg_edit_chain *chain, const char *args,
		  uint32_t argc, size_t size, struct mg_edit_span *out, struct mg_error *error)
{
	const struct mg_compile_context context = {
		.table = edit->live->table,
		.chain = chain->name,
		.is_chain = is_user_chain,
		.chain_at = user_chain_at,
		.data = edit,
	};
	struct mg_compiled_rule compiled;
	uint32_t i;
	int err;

	err = mg_compile_rule(edit->live->family, &context, args, argc, size, &edit->arena,
			      &compiled, error);
	if (err)
		return err;
	/* MG_NO_RULE is no id */
	if (edit->rule_count + compiled.count >= MG_NO_RULE ||
	    mg_make_room((void **)&edit->rules, &edit->rule_capacity,
			 edit->rule_count + compiled.count, sizeof(*edit->rules)))
		return no_memory(error);
	*out = (struct mg_edit_span){ (uint32_t)edit->rule_count, compiled.count };
	for (i = 0; i < compiled.count; i++)
		edit->rules[edit->rule_count++] = (struct mg_edit_rule){
			.entry = { .bytes = compiled.entries[i],
				   .target = compiled.target,
				   .standard = compiled.standard,
				   .rule = MG_NO_RULE },
			.chain = chain,
			.live = MG_NO_RULE,
		};
	return 0;
}

struct mg_edit_rule *mg_edit_rule(const struct mg_edit *edit, uint64_t id)
{
	return id < edit->rule_count && edit->rules[id].chain ? &edit->rules[id] : NULL;
}

uint32_t mg_edit_number(const struct mg_edit *edit, uint32_t id)
{
	const struct mg_edit_rule *rule = mg_edit_rule(edit, id);
	size_t i;

	for (i = 0; rule && rule->placed && i < rule->chain->count; i++)
		if (rule->chain->rules[i] == id)
			return (uint32_t)i + 1;
	return 0;
}

int mg_edit_at(const struct mg_edit *edit, const struct mg_edit_chain *chain, int64_t number,
	       uint32_t *id, struct mg_error *error)
{
	if (number < 1 || (uint64_t)number > chain->count)
		return mg_fail(error, -ENOENT, MG_INVALID,
			       "there is no rule %lld in chain %s of table %s: it has %zu",
			       (long long)number, chain->name, edit->live->table, chain->count);
	*id = chain->rules[number - 1];
	return 0;
}

/* Were all of them built, and stand nowhere yet? */
static int check_built(const struct mg_edit *edit, struct mg_edit_span built,
		       struct mg_error *error)
{
	uint32_t i;

	for (i = 0; i < built.count; i++) {
		const struct mg_edit_rule *rule = mg_edit_rule(edit, built.first + i);

		if (!rule)
			return mg_fail(error, -ENOENT, MG_INVALID, "the rule is gone");
		if (rule->placed)
			return mg_fail(error, -EEXIST, MG_INVALID,
				       "the rule stands in chain %s already, as number %u",
				       rule->chain->name, mg_edit_number(edit, built.first + i));
	}
	return 0;
}

int mg_edit_insert(struct mg_edit *edit, int64_t number, struct mg_edit_span built,
		   struct mg_error *error)
{
	struct mg_edit_chain *chain;
	uint32_t i;
	int err = check_built(edit, built, error);

	if (err)
		return err;
	chain = edit->rules[built.first].chain;
	if (number < 1 || (uint64_t)number > chain->count + 1)
		return mg_fail(error, -E2BIG, MG_INVALID,
			       "there is no place %lld in chain %s of table %s: a rule can become "
			       "number 1 to %zu",
			       (long long)number, chain->name, edit->live->table, chain->count + 1);
	if (mg_make_room((void **)&chain->rules, &chain->capacity, chain->count + built.count,
			 sizeof(*chain->rules)))
		return no_memory(error);
	memmove(chain->rules + number - 1 + built.count, chain->rules + number - 1,
		(chain->count - (size_t)(number - 1)) * sizeof(*chain->rules));
	for (i = 0; i < built.count; i++) {
		chain->rules[number - 1 + i] = built.first + i;
		edit->rules[built.first + i].placed = true;
	}
	chain->count += built.count;
	return 0;
}

int mg_edit_replace(struct mg_edit *edit, uint32_t id, struct mg_edit_span built,
		    struct mg_error *error)
{
	const uint32_t number = mg_edit_number(edit, id);
	struct mg_edit_chain *chain;
	int err = check_built(edit, built, error);

	if (err)
		return err;
	if (!number)
		return mg_fail(error, -ENOENT, MG_INVALID, "the rule to replace is in no chain");
	chain = edit->rules[id].chain;
	if (built.count != 1)
		return mg_fail(error, -EINVAL, MG_INVALID,
			       "Replacement rule does not specify a unique address");
	if (edit->rules[built.first].chain != chain)
		return mg_fail(error, -EINVAL, MG_INVALID,
			       "the rule was built for chain %s, not for %s",
			       edit->rules[built.first].chain->name, chain->name);
	chain->rules[number - 1] = built.first;
	edit->rules[built.first].placed = true;
	edit->rules[id].placed = false;
	edit->rules[id].chain = NULL;
	return 0;
}

void mg_edit_remove(struct mg_edit *edit, uint32_t id)
{
	const uint32_t number = mg_edit_number(edit, id);
	struct mg_edit_rule *rule = &edit->rules[id];

	if (number) {
		memmove(rule->chain->rules + number - 1, rule->chain->rules + number,
			(rule->chain->count - number) * sizeof(*rule->chain->rules));
		rule->chain->count--;
	}
	rule->placed = false;
	rule->chain = NULL;
}

void mg_edit_flush(struct mg_edit *edit, struct mg_edit_chain *chain)
{
	size_t i;

	for (i = 0; i < chain->count; i++) {
		edit->rules[chain->rules[i]].placed = false;
		edit->rules[chain->rules[i]].chain = NULL;
	}
	chain->count = 0;
}

int mg_edit_find(const struct mg_edit *edit, uint32_t built, uint32_t after, uint32_t *number,
		 struct mg_error *error)
{
	const struct mg_edit_rule *wanted = &edit->rules[built];
	const struct mg_edit_chain *chain = wanted->chain;
	size_t i;

	for (i = after; i < chain->count; i++)
		if (mg_entry_equal(mg_family_ops(edit->live->family), &wanted->entry,
				   &edit->rules[chain->rules[i]].entry)) {
			*number = (uint32_t)i + 1;
			return 0;
		}
	return mg_fail(error, -ENOENT, MG_INVALID,
		       "Bad rule (does a matching rule exist in that chain?)");
}

/* How many of the rules before @at in @built are equal to it: so many matches are theirs. */
static uint32_t equal_before(const struct mg_edit *edit, struct mg_edit_span built, uint32_t at)
{
	const struct mg_family_ops *ops = mg_family_ops(edit->live->family);
	uint32_t i, count = 0;

	for (i = 0; i < at; i++)
		if (mg_entry_equal(ops, &edit->rules[built.first + i].entry,
				   &edit->rules[built.first + at].entry))
			count++;
	return count;
}

int mg_edit_remove_equal(struct mg_edit *edit, struct mg_edit_span built, struct mg_error *error)
{
	const struct mg_edit_chain *chain = edit->rules[built.first].chain;
	uint32_t i, skip, number;
	int err = 0;

	for (i = 0; i < built.count && !err; i++) {
		number = 0;
		for (skip = equal_before(edit, built, i) + 1; skip && !err; skip--)
			err = mg_edit_find(edit, built.first + i, number, &number, error);
	}
	for (i = 0; i < built.count && !err; i++) {
		err = mg_edit_find(edit, built.first + i, 0, &number, error);
		if (!err)
			mg_edit_remove(edit, chain->rules[number - 1]);
	}
	return err;
}

static void view_of(const struct mg_edit *edit, const struct mg_entry *entry,
		    struct mg_entry_view *view)
{
	mg_family_ops(edit->live->family)->view((void *)entry->bytes, view);
}

struct xt_counters mg_edit_counters(const struct mg_edit *edit, uint32_t id)
{
	struct mg_entry_view view;

	view_of(edit, &edit->rules[id].entry, &view);
	return *view.counters;
}

int mg_edit_set_counters(struct mg_edit *edit, uint32_t id, struct xt_counters counters,
			 struct mg_error *error)
{
	struct mg_edit_rule *rule = &edit->rules[id];
	struct mg_entry_view view;
	void *copy;

	view_of(edit, &rule->entry, &view);
	/* the kernel's copy stays as it was read */
	if (rule->live != MG_NO_RULE) {
		copy = mg_arena_take(&edit->arena, *view.next_offset);
		if (!copy)
			return no_memory(error);
		rule->entry.bytes = memcpy(copy, rule->entry.bytes, *view.next_offset);
		rule->live = MG_NO_RULE;
		view_of(edit, &rule->entry, &view);
	}
	*view.counters = counters;
	return 0;
}

int mg_edit_zero(struct mg_edit *edit, struct mg_edit_chain *chain, struct mg_error *error)
{
	const struct xt_counters zero = { 0 };
	size_t i;
	int err = 0;

	for (i = 0; i < chain->count && !err; i++)
		err = mg_edit_set_counters(edit, chain->rules[i], zero, error);
	if (!err && chain->built_in) {
		chain->counters = zero;
		chain->recount = true;
	}
	return err;
}
