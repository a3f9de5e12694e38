/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The index: a hash table over (chain, arguments) of one generation.
 */
#include "owned.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ruleset/failure.h"
#include "ruleset/save_text.h"

struct mg_owned {
	struct mg_ruleset *ruleset;
	uint32_t *slots; /* rule + 1; 0: free */
	bool *taken;	 /* by rule */
	size_t mask;
	struct mg_args args; /* scratch for look-ups */
};

static uint64_t hash_args(uint32_t chain, const char *const *argv, uint32_t argc)
{
	uint64_t hash = chain + 1469598103934665603ULL;
	uint32_t i;
	const char *c;

	for (i = 0; i < argc; i++) {
		for (c = argv[i]; *c; c++)
			hash = (hash ^ (unsigned char)*c) * 1099511628211ULL;
		hash = (hash ^ 0x1F) * 1099511628211ULL;
	}
	return hash;
}

static int index_rules(struct mg_owned *owned, struct mg_error *error)
{
	uint32_t count = mg_ruleset_rule_count(owned->ruleset), i, j;
	const char **argv = NULL;
	size_t slots = 16, capacity = 0;
	struct mg_rule_view rule;
	const char *arg;

	while (slots < (size_t)count * 2)
		slots *= 2;
	owned->mask = slots - 1;
	owned->slots = calloc(slots, sizeof(*owned->slots));
	owned->taken = calloc((size_t)count + 1, sizeof(*owned->taken));
	for (i = 0; owned->slots && owned->taken && i < count; i++) {
		size_t slot;

		mg_ruleset_rule_at(owned->ruleset, i, &rule);
		if (rule.argc > capacity || !argv) {
			free(argv);
			capacity = (size_t)rule.argc + 64;
			argv = calloc(capacity, sizeof(*argv));
			if (!argv)
				break;
		}
		for (j = 0, arg = rule.args; j < rule.argc; j++, arg = mg_arg_next(arg))
			argv[j] = arg;
		slot = hash_args(rule.chain, argv, rule.argc) & owned->mask;
		while (owned->slots[slot])
			slot = (slot + 1) & owned->mask;
		owned->slots[slot] = i + 1;
	}
	free(argv);
	if (i < count || !owned->slots || !owned->taken)
		return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for a generation");
	return 0;
}

int mg_owned_new(const struct mg_generation *generation, struct mg_owned **out,
		 struct mg_error *error)
{
	struct mg_owned *owned = calloc(1, sizeof(*owned));
	char name[64];
	int family, err;

	if (!owned)
		return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for a generation");
	err = mg_ruleset_new(&owned->ruleset, error);
	for (family = 0; generation && family < MG_FAMILIES && !err; family++) {
		const char *rules = generation->rules[family];

		snprintf(name, sizeof(name), "generation %u, rules.v%c", generation->number,
			 family == MG_IPV4 ? '4' : '6');
		if (rules)
			err = mg_save_read(owned->ruleset, (enum mg_family)family, name, rules,
					   strlen(rules), error);
	}
	if (!err)
		err = mg_ruleset_seal(owned->ruleset, error);
	if (!err)
		err = index_rules(owned, error);
	if (err) {
		mg_owned_free(owned);
		return err;
	}
	*out = owned;
	return 0;
}

void mg_owned_free(struct mg_owned *owned)
{
	if (!owned)
		return;
	mg_ruleset_free(owned->ruleset);
	mg_args_clear(&owned->args);
	free(owned->slots);
	free(owned->taken);
	free(owned);
}

bool mg_owned_has_chain(const struct mg_owned *owned, enum mg_family family, const char *table,
			const char *chain)
{
	return mg_ruleset_find_chain(owned->ruleset, family, table, chain) != UINT32_MAX;
}

static bool same_args(const struct mg_rule_view *rule, const struct mg_args *args)
{
	const char *arg = rule->args;
	uint32_t i;

	if (rule->argc != args->argc)
		return false;
	for (i = 0; i < rule->argc; i++, arg = mg_arg_next(arg))
		if (strcmp(arg, args->argv[i]) != 0)
			return false;
	return true;
}

const char *mg_owned_take(struct mg_owned *owned, enum mg_family family, const char *table,
			  const char *chain, const char *text)
{
	uint32_t index = mg_ruleset_find_chain(owned->ruleset, family, table, chain);
	struct mg_rule_view rule;
	size_t slot;

	if (index == UINT32_MAX || mg_args_split(&owned->args, text, strlen(text), NULL))
		return NULL;
	slot = hash_args(index, owned->args.argv, owned->args.argc) & owned->mask;
	for (; owned->slots[slot]; slot = (slot + 1) & owned->mask) {
		uint32_t number = owned->slots[slot] - 1;

		mg_ruleset_rule_at(owned->ruleset, number, &rule);
		if (!owned->taken[number] && rule.chain == index &&
		    same_args(&rule, &owned->args)) {
			owned->taken[number] = true;
			return rule.origin;
		}
	}
	return NULL;
}
