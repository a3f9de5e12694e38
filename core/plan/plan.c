/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Making a plan.
 */
#include "plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "netfilter/compile.h"
#include "netfilter/equal.h"
#include "netfilter/print.h"
#include "netfilter/trial.h"
#include "ruleset/failure.h"
#include "ruleset/save_text.h"

/* The order of commits: what packets meet last, and what filters, comes last. */
static const char *const commit_order[] = { "raw", "mangle", "security", "nat", "filter" };

/* A policy owns filter, and every other table that it names. */
static bool owns_table(const struct mg_ruleset *ruleset, const char *table)
{
	uint32_t count = mg_ruleset_chain_count(ruleset), i;
	struct mg_chain_view chain;

	for (i = 0; i < count; i++) {
		mg_ruleset_chain_at(ruleset, i, &chain);
		if (strcmp(chain.table, table) == 0)
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
	err = check_tables(ruleset, error);
	for (i = 0; i < sizeof(commit_order) / sizeof(*commit_order); i++) {
		if (!owns_table(ruleset, commit_order[i]))
			continue;
		for (family = 0; family < MG_FAMILIES && !err; family++) {
			struct mg_table_plan *table = &plan->tables[plan->table_count];

			if (!(families & 1U << family))
				continue;
			table->family = (enum mg_family)family;
			table->table = commit_order[i];
			err = mg_compile_table(table->family, table->table, ruleset, &table->wanted,
					       notes, error);
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

int mg_plan_try(const struct mg_plan *plan, struct mg_error *error)
{
	const struct mg_image *images[MG_MOST_TABLES];
	struct mg_error words = { 0 };
	size_t i, culprit, entry;
	int err;

	for (i = 0; i < plan->table_count; i++)
		images[i] = plan->tables[i].wanted;
	err = mg_trial(images, plan->table_count, &culprit, &entry, &words);
	if (err && words.status == MG_KERNEL)
		err = name_culprit(plan, images[culprit], entry, &words);
	if (err && error)
		*error = words;
	return err;
}

/*
 * Foreign is what would go and is not in the generation that counts. What
 * stays is counted first: of two equal rules, one ours, it is the other's that
 * goes.
 */
static int find_foreign_in(struct mg_plan *plan, struct mg_table_plan *table,
			   const struct mg_image_chain *chain, struct mg_owned *owned,
			   struct mg_error *error)
{
	const struct mg_family_ops *ops = mg_family_ops(table->family);
	const uint32_t end = chain->first + chain->count;
	const char *text;
	uint32_t i;
	int going, err = 0;

	for (going = 0; going < 2; going++) {
		for (i = chain->first; i < end && !err; i++) {
			if ((table->diff->fates[i] == MG_REMOVED) != going)
				continue;
			err = mg_entry_text(ops, &table->live->entries[i], &text, error);
			if (err ||
			    mg_owned_take(owned, table->family, table->table, chain->name, text))
				continue;
			table->foreign[i] = going;
			plan->foreign_rules += (size_t)going;
		}
	}
	if (!chain->built_in && !mg_image_find(table->wanted, chain->name) &&
	    !mg_owned_has_chain(owned, table->family, table->table, chain->name))
		plan->foreign_chains++;
	return err;
}

static int find_foreign(struct mg_plan *plan, struct mg_table_plan *table, struct mg_owned *owned,
			struct mg_error *error)
{
	size_t i;
	int err = 0;

	table->foreign = calloc(table->live->entry_count + 1, sizeof(*table->foreign));
	if (!table->foreign)
		return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for a plan");
	for (i = 0; i < table->live->chain_count && !err; i++)
		err = find_foreign_in(plan, table, &table->live->chains[i], owned, error);
	return err;
}

static void forget_live(struct mg_table_plan *table)
{
	mg_image_free(table->live);
	mg_diff_free(table->diff);
	free(table->foreign);
	table->live = NULL;
	table->diff = NULL;
	table->foreign = NULL;
}

int mg_plan_compare(struct mg_plan *plan, struct mg_error *error)
{
	size_t i;
	int err = 0;

	plan->foreign_rules = 0;
	plan->foreign_chains = 0;
	for (i = 0; i < plan->table_count && !err; i++) {
		struct mg_table_plan *table = &plan->tables[i];

		forget_live(table);
		err = mg_table_read(table->family, table->table, &table->live, error);
		if (!err)
			err = mg_diff_make(table->live, table->wanted, &table->diff, error);
	}
	return err;
}

static bool removes(const struct mg_table_plan *table)
{
	return table->diff->removed || table->diff->chains_removed;
}

bool mg_plan_removes(const struct mg_plan *plan)
{
	size_t i;

	for (i = 0; i < plan->table_count; i++)
		if (removes(&plan->tables[i]))
			return true;
	return false;
}

int mg_plan_find_foreign(struct mg_plan *plan, struct mg_owned *owned, struct mg_error *error)
{
	size_t i;
	int err = 0;

	for (i = 0; i < plan->table_count && !err; i++)
		if (removes(&plan->tables[i]))
			err = find_foreign(plan, &plan->tables[i], owned, error);
	return err;
}

bool mg_plan_is_empty(const struct mg_plan *plan)
{
	size_t i;

	for (i = 0; i < plan->table_count; i++)
		if (!mg_diff_is_empty(plan->tables[i].diff))
			return false;
	return true;
}

static int print_chain(FILE *out, const struct mg_plan *plan, const struct mg_image *image,
		       const struct mg_image_chain *chain, struct mg_error *error)
{
	const struct mg_family_ops *ops = mg_family_ops(image->family);
	const char *text, *origin;
	uint32_t i;
	int err = 0;

	for (i = chain->first; i < chain->first + chain->count && !err; i++) {
		err = mg_entry_text(ops, &image->entries[i], &text, error);
		if (err)
			break;
		origin = mg_plan_origin(plan, &image->entries[i]);
		if (*origin)
			fprintf(out, "#@ %s\n", origin);
		fprintf(out, "-A %s%s%s\n", chain->name, *text ? " " : "", text);
	}
	return err;
}

static int print_table(FILE *out, const struct mg_plan *plan, const struct mg_image *image,
		       struct mg_error *error)
{
	size_t i;
	int err = 0;

	fprintf(out, "*%s\n", image->table);
	for (i = 0; i < image->chain_count; i++)
		fprintf(out, ":%s %s [0:0]\n", image->chains[i].name,
			image->chains[i].policy ? image->chains[i].policy : "-");
	for (i = 0; i < image->chain_count && !err; i++)
		err = print_chain(out, plan, image, &image->chains[i], error);
	fputs("COMMIT\n", out);
	return err;
}

int mg_plan_text(const struct mg_plan *plan, enum mg_family family, char **out,
		 struct mg_error *error)
{
	size_t size, i, printed = 0;
	char *text = NULL;
	FILE *file = open_memstream(&text, &size);
	int err = 0;

	if (!file)
		return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for a text");
	for (i = 0; i < plan->table_count && !err; i++) {
		if (plan->tables[i].family != family)
			continue;
		err = print_table(file, plan, plan->tables[i].wanted, error);
		printed++;
	}
	if (ferror(file) && !err)
		err = mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for a text");
	if (fclose(file) && !err)
		err = mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for a text");
	if (err || !printed) {
		free(text);
		text = NULL;
	}
	if (!err)
		*out = text;
	return err;
}

/* The first entry that came out otherwise; NULL if all are as they were. */
static const struct mg_entry *first_different(const struct mg_image *wanted,
					      const struct mg_image *read)
{
	const struct mg_family_ops *ops = mg_family_ops(wanted->family);
	size_t i;

	for (i = 0; i < wanted->entry_count; i++)
		if (i >= read->entry_count ||
		    !mg_entry_equal(ops, &wanted->entries[i], &read->entries[i]))
			return &wanted->entries[i];
	return NULL;
}

static int compare_text(const struct mg_plan *plan, const struct mg_ruleset *read,
			enum mg_family family, struct mg_error *error)
{
	struct mg_image *image;
	size_t i;
	int err = 0;

	for (i = 0; i < plan->table_count && !err; i++) {
		const struct mg_table_plan *table = &plan->tables[i];
		const struct mg_entry *entry;

		if (table->family != family)
			continue;
		err = mg_compile_table(family, table->table, read, &image, NULL, error);
		if (err)
			break;
		entry = first_different(table->wanted, image);
		if (entry) {
			err = mg_fail(error, -EINVAL, MG_INVALID,
				      "a value of this rule cannot be written as iptables-save "
				      "text, which is how it is kept for the next boot");
			mg_error_origin(error, mg_plan_origin(plan, entry));
		}
		mg_image_free(image);
	}
	return err;
}

int mg_plan_check_text(const struct mg_plan *plan, enum mg_family family, const char *text,
		       struct mg_error *error)
{
	struct mg_ruleset *read;
	int err = mg_ruleset_new(&read, error);

	if (err)
		return err;
	err = mg_save_read(read, family, "the ruleset as text", text, strlen(text), error);
	if (!err)
		err = mg_ruleset_seal(read, error);
	if (!err)
		err = compare_text(plan, read, family, error);
	mg_ruleset_free(read);
	return err;
}

int mg_plan_still_valid(const struct mg_plan *plan, bool *same, struct mg_error *error)
{
	struct mg_image *now;
	size_t i;
	int err = 0;

	*same = true;
	for (i = 0; i < plan->table_count && *same && !err; i++) {
		const struct mg_table_plan *table = &plan->tables[i];

		err = mg_table_read(table->family, table->table, &now, error);
		if (err)
			break;
		*same = mg_image_equal(table->live, now);
		mg_image_free(now);
	}
	return err;
}

void mg_plan_free(struct mg_plan *plan)
{
	size_t i;

	if (!plan)
		return;
	for (i = 0; i < plan->table_count; i++) {
		forget_live(&plan->tables[i]);
		mg_image_free(plan->tables[i].wanted);
	}
	free(plan);
}
