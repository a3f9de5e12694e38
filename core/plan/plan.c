/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Making a plan.
 */
#include "plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "netfilter/compile.h"
#include "netfilter/print.h"
#include "netfilter/sample.h"
#include "netfilter/trial.h"
#include "ruleset/failure.h"

const char *const mg_commit_order[] = { "raw", "mangle", "security", "nat", "filter", NULL };

/*
 * A policy owns filter, and every other table that it names, in the families
 * for which it does: nat of IPv4 says nothing about nat of IPv6.
 */
static bool owns_table(const struct mg_ruleset *ruleset, enum mg_family family, const char *table)
{
	uint32_t count = mg_ruleset_chain_count(ruleset), i;
	struct mg_chain_view chain;

	for (i = 0; i < count; i++) {
		mg_ruleset_chain_at(ruleset, i, &chain);
		if (chain.family == family && strcmp(chain.table, table) == 0)
			return true;
	}
	return strcmp(table, "filter") == 0;
}

/* A table that iptables does not know is a mistake at the line that named it. */
static int check_tables(const struct mg_ruleset *ruleset, struct mg_error *error)
{
	uint32_t count = mg_ruleset_chain_count(ruleset), i;
	struct mg_chain_view chain;
	int err = 0;

	for (i = 0; i < count && !err; i++) {
		mg_ruleset_chain_at(ruleset, i, &chain);
		if (!mg_builtin_chains(chain.table))
			err = mg_fail(error, -ENOENT, MG_INVALID, "there is no table `%s'",
				      chain.table);
	}
	if (err)
		mg_error_origin(error, chain.origin);
	return err;
}

int mg_plan_compile(const struct mg_ruleset *ruleset, unsigned int families, struct mg_plan **out,
		    struct mg_notes *notes, struct mg_error *error)
{
	struct mg_plan *plan = calloc(1, sizeof(*plan));
	size_t i;
	int family, err;

	if (!plan)
		return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for a plan");
	plan->ruleset = ruleset;
	plan->families = families;
	err = check_tables(ruleset, error);
	for (i = 0; mg_commit_order[i]; i++) {
		for (family = 0; family < MG_FAMILIES && !err; family++) {
			struct mg_table_plan *table = &plan->tables[plan->table_count];

			if (!(families & 1U << family) ||
			    !owns_table(ruleset, (enum mg_family)family, mg_commit_order[i]))
				continue;
			table->family = (enum mg_family)family;
			table->table = mg_commit_order[i];
			err = mg_compile_table(table->family, table->table, ruleset,
					       &table->compiled, notes, error);
			table->wanted = table->compiled;
			plan->table_count += !err;
		}
	}
	if (err) {
		mg_plan_free(plan);
		return err;
	}
	*out = plan;
	return 0;
}

const struct mg_table_plan *mg_plan_find(const struct mg_plan *plan, enum mg_family family,
					 const char *table)
{
	size_t i;

	for (i = 0; i < plan->table_count; i++)
		if (plan->tables[i].family == family && strcmp(plan->tables[i].table, table) == 0)
			return &plan->tables[i];
	return NULL;
}

const char *mg_plan_origin(const struct mg_plan *plan, const struct mg_entry *entry)
{
	struct mg_rule_view rule;

	if (entry->rule == MG_NO_RULE)
		return "";
	mg_ruleset_rule_at(plan->ruleset, entry->rule, &rule);
	return rule.origin;
}

/* The chain that an entry is in. */
static const struct mg_image_chain *chain_of(const struct mg_image *image, size_t entry)
{
	size_t i;

	for (i = 0; i < image->chain_count; i++)
		if (entry - image->chains[i].first < image->chains[i].count)
			return &image->chains[i];
	return NULL;
}

static int name_culprit(const struct mg_plan *plan, const struct mg_image *image, size_t entry,
			struct mg_error *error)
{
	const struct mg_family_ops *ops = mg_family_ops(image->family);
	const struct mg_image_chain *chain = chain_of(image, entry);
	struct mg_error reason = *error;
	const char *text;
	int err;

	if (entry == MG_NO_ENTRY || !chain)
		return mg_fail(error, -EINVAL, MG_KERNEL, "the kernel refuses the %s table %s: %s",
			       ops->name, image->table, reason.text);
	err = mg_entry_text(ops, &image->entries[entry], &text, error);
	if (err)
		return err;
	err = mg_fail(error, -EINVAL, MG_KERNEL,
		      "the kernel refuses this %s rule: %s\n-t %s -A %s %s", ops->name, reason.text,
		      image->table, chain->name, text);
	mg_error_origin(error, mg_plan_origin(plan, &image->entries[entry]));
	return err;
}

static int try_samples(const struct mg_plan *plan, struct mg_image *const *samples,
		       const struct mg_sequel *sequel, struct mg_error *error)
{
	struct mg_error words = { 0 };
	size_t culprit, entry;
	int err = mg_trial_then((const struct mg_image *const *)samples, plan->table_count, sequel,
				&culprit, &entry, &words);

	if (err && words.status == MG_KERNEL)
		err = name_culprit(plan, samples[culprit], entry, &words);
	if (err && error)
		*error = words;
	return err;
}

int mg_plan_try(const struct mg_plan *plan, struct mg_error *error)
{
	return mg_plan_try_then(plan, NULL, error);
}

int mg_plan_try_then(const struct mg_plan *plan, const struct mg_sequel *sequel,
		     struct mg_error *error)
{
	struct mg_image *samples[MG_MOST_TABLES] = { NULL };
	size_t i;
	int err = 0;

	for (i = 0; i < plan->table_count && !err; i++)
		err = mg_sample(plan->tables[i].compiled, &samples[i], error);
	if (!err)
		err = try_samples(plan, samples, sequel, error);
	for (i = 0; i < plan->table_count; i++)
		mg_image_free(samples[i]);
	return err;
}

void mg_plan_forget(struct mg_table_plan *table)
{
	mg_image_free(table->live);
	mg_image_free(table->first_live);
	mg_image_free(table->first_wanted);
	if (table->wanted != table->compiled)
		mg_image_free(table->wanted);
	if (table->diff != table->own)
		mg_diff_free(table->diff);
	mg_diff_free(table->own);
	mg_kept_free(table->kept);
	free(table->foreign);
	free(table->foreign_chain);
	table->wanted = table->compiled;
	table->live = table->first_live = table->first_wanted = NULL;
	table->diff = table->own = NULL;
	table->kept = NULL;
	table->foreign = NULL;
	table->foreign_chain = NULL;
}

int mg_plan_compare(struct mg_plan *plan, struct mg_error *error)
{
	size_t i;
	int err = 0;

	plan->foreign_rules = 0;
	plan->foreign_chains = 0;
	plan->foreign_owners = 0;
	plan->foreign_unknown = false;
	for (i = 0; i < plan->table_count && !err; i++) {
		struct mg_table_plan *table = &plan->tables[i];

		mg_plan_forget(table);
		err = mg_table_read(table->family, table->table, &table->live, error);
		if (!err)
			err = mg_plan_table(plan, table, error);
	}
	return err ? err : mg_sets_compare(plan, error);
}

void mg_plan_set_owned(struct mg_plan *plan, struct mg_owned *owned)
{
	mg_owned_free(plan->owned);
	plan->owned = owned;
}

bool mg_plan_is_empty(const struct mg_plan *plan)
{
	size_t i;

	for (i = 0; i < plan->table_count; i++)
		if (!mg_diff_is_empty(plan->tables[i].diff))
			return false;
	return mg_sets_is_empty(plan->sets);
}

void mg_plan_free(struct mg_plan *plan)
{
	size_t i;

	if (!plan)
		return;
	for (i = 0; i < plan->table_count; i++) {
		mg_plan_forget(&plan->tables[i]);
		mg_image_free(plan->tables[i].compiled);
	}
	mg_owned_free(plan->owned);
	mg_sets_free(plan->sets);
	free(plan);
}
