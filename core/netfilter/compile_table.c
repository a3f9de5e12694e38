/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One table of a ruleset, compiled into an image.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "compile.h"
#include "fence.h"
#include "pattern.h"
#include "ruleset/failure.h"
#include "ruleset/growable.h"
#include "ruleset/keep.h"
#include "session.h"
#include "verdicts.h"

/* Chains that the policy keeps and jumps to, without saying what is in them. */
struct needed {
	char **names;
	size_t count, capacity;
	bool failed;
};

struct compiling {
	enum mg_family family;
	const char *table;
	const struct mg_ruleset *ruleset;
	struct mg_image *image;
	struct mg_notes *notes;
	struct mg_patterns patterns;
	struct needed *needed;
};

static void note_needed(struct needed *needed, const char *name)
{
	char *copy = strdup(name);

	if (!copy || mg_make_room((void **)&needed->names, &needed->capacity, needed->count + 1,
				  sizeof(*needed->names))) {
		free(copy);
		needed->failed = true;
		return;
	}
	needed->names[needed->count++] = copy;
}

/*
 * For mg_compile_rule(): is it a user chain of this image? One that is kept is
 * there without the ruleset saying so, or will be when its owner comes; a
 * pattern that matches the name of a target does not make that a chain.
 */
static bool is_user_chain(const void *data, const char *name)
{
	const struct compiling *compiling = data;
	const struct mg_image_chain *chain = mg_image_find(compiling->image, name);

	if (chain)
		return !chain->built_in;
	if (mg_ruleset_kept_by(compiling->ruleset, MG_KEEP_CHAINS, name) == UINT32_MAX ||
	    mg_find_target(name))
		return false;
	note_needed(compiling->needed, name);
	return true;
}

/* For a suggestion: the user chains stand behind the built-in ones. */
static const char *user_chain_at(const void *data, size_t number)
{
	const struct mg_image *image = ((const struct compiling *)data)->image;
	size_t i;

	for (i = 0; i < image->chain_count; i++)
		if (!image->chains[i].built_in && number-- == 0)
			return image->chains[i].name;
	return NULL;
}

/* Behind the fence: is there a target extension of this name? */
static int is_extension(void *context)
{
	return mg_find_target(context) != NULL;
}

/* What iptables says of a name, whatever is installed. */
static int check_name(const char *name, struct mg_error *error)
{
	const char *at;

	if (!*name || strlen(name) >= XT_EXTENSION_MAXNAMELEN)
		return mg_fail(error, -EINVAL, MG_INVALID,
			       "chain name `%s' has %zu characters, but 1 to %d fit", name,
			       strlen(name), XT_EXTENSION_MAXNAMELEN - 1);
	if (*name == '-' || *name == '!')
		return mg_fail(error, -EINVAL, MG_INVALID,
			       "chain name `%s' not allowed to start with `%c'", name, *name);
	for (at = name; *at; at++)
		if (isspace((unsigned char)*at) || iscntrl((unsigned char)*at))
			return mg_fail(
				error, -EINVAL, MG_INVALID,
				"a chain name cannot hold white space or control characters");
	if (mg_verdict_number(name) || strcmp(name, XT_ERROR_TARGET) == 0)
		return mg_fail(error, -EEXIST, MG_INVALID,
			       "a chain cannot be called `%s': that is a verdict", name);
	return 0;
}

int mg_compile_check_chain(enum mg_family family, const char *name, struct mg_error *error)
{
	int err = check_name(name, error);

	if (err)
		return err;
	mg_session_family(family);
	if (mg_fence_run(is_extension, (void *)name, NULL) <= 0)
		return 0;
	return mg_fail(error, -EEXIST, MG_INVALID,
		       "a chain cannot be called `%s': there is a target extension of that name",
		       name);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/*
 * The order of iptables: built-in chains as the kernel has them, then the
 * others sorted. It makes two images of the same content the same.
 */
static int add_chains(struct compiling *compiling, struct mg_error *error)
{
	uint32_t count = mg_ruleset_chain_count(compiling->ruleset), i;
	const char *const *builtin = mg_builtin_chains(compiling->table);
	const char **names = calloc(count + 1, sizeof(*names));
	struct mg_image_chain *chain;
	struct mg_chain_view view;
	size_t user = 0, n;
	int err = 0;

	if (!names)
		return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for a table");
	for (; builtin && *builtin && !err; builtin++)
		err = mg_image_add_chain(compiling->image, *builtin, &chain, error);
	for (i = 0; i < count && !err; i++) {
		mg_ruleset_chain_at(compiling->ruleset, i, &view);
		if (view.family == compiling->family && strcmp(view.table, compiling->table) == 0 &&
		    !mg_is_builtin_chain(view.table, view.name)) {
			names[user++] = view.name;
			err = mg_compile_check_chain(compiling->family, view.name, error);
			if (err)
				mg_error_origin(error, view.origin);
		}
	}
	if (user)
		qsort(names, user, sizeof(*names), by_name);
	for (n = 0; n < user && !err; n++)
		err = mg_image_add_chain(compiling->image, names[n], &chain, error);
	free(names);
	return err;
}

static int pass_on_complaints(struct compiling *compiling, const char *origin,
			      struct mg_error *error)
{
	const char *complaints = mg_fence_complaints();

	if (!*complaints || !compiling->notes)
		return 0;
	if (mg_note(compiling->notes, MG_WARNING, origin, NULL, "%s", complaints))
		return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for a warning");
	return 0;
}

static int add_entry(struct compiling *compiling, struct mg_image_chain *chain, const void *bytes,
		     const char *target, bool standard, uint32_t rule, struct mg_error *error)
{
	const struct mg_entry entry = {
		.bytes = bytes,
		.target = target,
		.standard = standard,
		.rule = rule,
	};

	return mg_image_add_entry(compiling->image, chain, &entry, error);
}

static int compile_anew(struct compiling *compiling, struct mg_image_chain *chain,
			const struct mg_compile_context *context, uint32_t index,
			const struct mg_rule_view *rule, struct mg_error *error)
{
	struct mg_compiled_rule compiled;
	uint32_t i;
	int err;

	err = mg_compile_rule(compiling->family, context, rule->args, rule->argc, rule->args_size,
			      &compiling->image->arena, &compiled, error);
	if (err) {
		mg_error_origin(error, rule->origin);
		return err;
	}
	/* what a plugin complained of once, it would again */
	if (!*mg_fence_complaints())
		mg_patterns_learn(&compiling->patterns, mg_family_ops(compiling->family),
				  rule->args, rule->args_size, &compiled);
	err = pass_on_complaints(compiling, rule->origin, error);
	for (i = 0; i < compiled.count && !err; i++)
		err = add_entry(compiling, chain, compiled.entries[i], compiled.target,
				compiled.standard, index, error);
	return err;
}

static int compile_one(struct compiling *compiling, struct mg_image_chain *chain,
		       const struct mg_compile_context *context, uint32_t index,
		       struct mg_error *error)
{
	struct mg_rule_view rule;
	const char *target;
	bool standard;
	void *entry;

	mg_ruleset_rule_at(compiling->ruleset, index, &rule);
	entry = mg_patterns_apply(&compiling->patterns, mg_family_ops(compiling->family), rule.args,
				  rule.argc, rule.args_size, &compiling->image->arena, &target,
				  &standard);
	if (entry)
		return add_entry(compiling, chain, entry, target, standard, index, error);
	return compile_anew(compiling, chain, context, index, &rule, error);
}

static int compile_chain(struct compiling *compiling, struct mg_image_chain *chain,
			 struct mg_error *error)
{
	const struct mg_compile_context context = {
		.table = compiling->table,
		.chain = chain->name,
		.is_chain = is_user_chain,
		.chain_at = user_chain_at,
		.data = compiling,
	};
	uint32_t index = mg_ruleset_find_chain(compiling->ruleset, compiling->family,
					       compiling->table, chain->name);
	struct mg_chain_view view;
	uint32_t i;
	int err = 0;

	chain->first = (uint32_t)compiling->image->entry_count;
	if (chain->built_in)
		chain->policy = "ACCEPT";
	if (index == UINT32_MAX)
		return 0;
	mg_ruleset_chain_at(compiling->ruleset, index, &view);
	chain->chain = index;
	if (view.policy && chain->built_in)
		chain->policy = strcmp(view.policy, "DROP") == 0 ? "DROP" : "ACCEPT";
	for (i = 0; i < view.count && !err; i++)
		err = compile_one(compiling, chain, &context, view.first + i, error);
	/* what a rule may hold depends on its chain */
	mg_patterns_clear(&compiling->patterns);
	return err;
}

/* They are empty here: so the image can be tried, written down and read on its own. */
static int add_needed(struct compiling *compiling, struct mg_error *error)
{
	const struct needed *needed = compiling->needed;
	struct mg_image_chain *chain;
	size_t i;
	int err = 0;

	if (needed->failed)
		return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for a table");
	for (i = 0; i < needed->count && !err; i++)
		if (!mg_image_find(compiling->image, needed->names[i]))
			err = mg_image_add_chain(compiling->image, needed->names[i], &chain, error);
	if (!err && needed->count)
		err = mg_image_sort_chains(compiling->image, error);
	return err;
}

static void clear_needed(struct needed *needed)
{
	while (needed->count)
		free(needed->names[--needed->count]);
	free(needed->names);
}

int mg_compile_table(enum mg_family family, const char *table, const struct mg_ruleset *ruleset,
		     struct mg_image **out, struct mg_notes *notes, struct mg_error *error)
{
	struct needed needed = { .names = NULL };
	struct compiling compiling = {
		.family = family,
		.table = table,
		.ruleset = ruleset,
		.notes = notes,
		.needed = &needed,
	};
	size_t i;
	int err;

	if (!mg_builtin_chains(table))
		return mg_fail(error, -ENOENT, MG_INVALID, "there is no table `%s'", table);
	err = mg_session_open(error);
	if (!err)
		err = mg_image_new(family, table, &compiling.image, error);
	if (err)
		return err;
	err = add_chains(&compiling, error);
	for (i = 0; i < compiling.image->chain_count && !err; i++)
		err = compile_chain(&compiling, &compiling.image->chains[i], error);
	if (!err)
		err = add_needed(&compiling, error);
	clear_needed(&needed);
	if (err) {
		mg_image_free(compiling.image);
		return err;
	}
	*out = compiling.image;
	return 0;
}
