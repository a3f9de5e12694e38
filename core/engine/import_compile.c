/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Compiling what is imported, and printing it as iptables-save does.
 */
#include <errno.h>
#include <string.h>

#include "importing.h"
#include "netfilter/print.h"
#include "ruleset/failure.h"

/* Is @name a user chain of the table? */
static bool is_chain(const void *data, const char *name)
{
	const struct mg_compile_context *context = data;
	const struct mg_rules_read *read = context->data;

	return mg_ruleset_find_chain(read->rules, read->family, context->table, name) !=
		       UINT32_MAX &&
	       !mg_is_builtin_chain(context->table, name);
}

const char *mg_rules_join(struct mg_rules_read *read, const char *first, uint32_t argc,
			  const char *const *argv, size_t *size)
{
	char *args, *at;
	uint32_t i;

	mg_arena_reset(&read->trials);
	*size = first ? strlen(first) + 1 : 0;
	for (i = 0; i < argc; i++)
		*size += strlen(argv[i]) + 1;
	args = at = mg_arena_take(&read->trials, *size + 1);
	if (args && first)
		at = stpcpy(at, first) + 1;
	for (i = 0; args && i < argc; i++)
		at = stpcpy(at, argv[i]) + 1;
	return args;
}

void mg_rules_context(struct mg_rules_read *read, const char *table, const char *chain,
		      struct mg_compile_context *out, struct mg_compile_context *asked)
{
	*asked = (struct mg_compile_context){ .table = table, .chain = chain, .data = read };
	*out = *asked;
	out->is_chain = is_chain;
	out->data = asked;
}

/* Compile one rule into @arena. */
static int compile(struct mg_rules_read *read, const char *table, const char *chain,
		   const char *args, uint32_t argc, size_t size, struct mg_arena *arena,
		   struct mg_compiled_rule *out, struct mg_error *error)
{
	struct mg_compile_context context, asked;

	mg_rules_context(read, table, chain, &context, &asked);
	return mg_compile_rule(read->family, &context, args, argc, size, arena, out, error);
}

int mg_rules_entry_text(const struct mg_rules_read *read, const struct mg_compiled_rule *rule,
			uint32_t number, const char **text, struct mg_error *error)
{
	const struct mg_entry entry = {
		.bytes = rule->entries[number],
		.target = rule->target,
		.standard = rule->standard,
	};

	return mg_entry_live_text(mg_family_ops(read->family), &entry, text, error);
}

int mg_rules_print(struct mg_rules_read *read, enum mg_family family, const char *table,
		   const char *chain, uint32_t argc, const char *const *argv, const char **text,
		   struct mg_error *error)
{
	struct mg_compiled_rule rule;
	size_t size;
	const char *args = mg_rules_join(read, NULL, argc, argv, &size);
	int err;

	if (!args)
		return mg_engine_no_memory(error);
	read->family = family;
	err = compile(read, table, chain, args, argc, size, &read->trials, &rule, error);
	if (err)
		return err;
	if (rule.count != 1)
		return mg_fail(error, -EINVAL, MG_INVALID, "the rule lists several addresses");
	return mg_rules_entry_text(read, &rule, 0, text, error);
}

int mg_rules_compile(struct mg_rules_read *read, const struct mg_dump_line *line, uint32_t chain,
		     struct mg_compiled_rule *out, struct mg_error *error)
{
	const struct mg_family_ops *ops = mg_family_ops(read->family);
	size_t size;
	const char *args = mg_rules_join(read, NULL, line->argc, line->argv, &size);
	int err;

	if (!args)
		return mg_engine_no_memory(error);
	if (chain != read->patterns_of) /* what a rule may hold depends on its chain */
		mg_patterns_clear(&read->patterns);
	read->patterns_of = chain;
	read->entry = mg_patterns_apply(&read->patterns, ops, args, line->argc, size, &read->arena,
					&out->target, &out->standard);
	if (read->entry) {
		out->entries = &read->entry;
		out->count = 1;
		return 0;
	}
	err = compile(read, line->table, line->chain, args, line->argc, size, &read->arena, out,
		      error);
	if (!err)
		mg_patterns_learn(&read->patterns, ops, args, size, out);
	return err;
}
