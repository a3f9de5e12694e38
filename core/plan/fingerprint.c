/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fingerprints of live tables, and comparing them.
 *
 * Owns nothing between calls. What is summed is kept in files (see saved.h),
 * so a change here is a change of their format.
 */
#include "fingerprint.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "netfilter/print.h"
#include "ruleset/checksum.h"
#include "ruleset/failure.h"

static uint64_t add_line(uint64_t sum, const char *text)
{
	return mg_checksum(mg_checksum(sum, text, strlen(text)), "\n", 1);
}

/* A foreign rule counts with its chain; @text is NULL for a foreign chain. */
static void add_foreign(struct mg_fingerprint *print, const char *chain, const char *text)
{
	uint64_t sum = add_line(MG_CHECKSUM_START, chain);

	print->foreign[print->foreign_count++] = text ? add_line(sum, text) : sum;
}

/* In a table that is kept, a policy that the ruleset leaves alone may change. */
static bool is_policy_ours(const struct mg_table_plan *table, const struct mg_image_chain *chain)
{
	return chain->policy && !(table->kept && table->kept->table);
}

static int add_chain(const struct mg_table_plan *table, size_t index, struct mg_fingerprint *out,
		     struct mg_error *error)
{
	const struct mg_family_ops *ops = mg_family_ops(table->family);
	const struct mg_image_chain *chain = &table->live->chains[index];
	uint64_t sum = add_line(MG_CHECKSUM_START,
				is_policy_ours(table, chain) ? chain->policy : "-");
	struct mg_chain_print *print;
	uint32_t i, others = 0;
	const char *text;
	int err = 0;

	for (i = chain->first; i < chain->first + chain->count && !err; i++) {
		if (mg_is_kept(table->kept, i))
			continue;
		others++;
		err = mg_entry_text(ops, &table->live->entries[i], &text, error);
		if (err)
			break;
		if (table->foreign && table->foreign[i])
			add_foreign(out, chain->name, text);
		else
			sum = add_line(sum, text);
	}
	/* a chain that is kept, with nothing of ours in it, may come and go */
	if (err || (mg_is_kept_chain(table->kept, index) && !others))
		return err;
	if (table->foreign_chain && table->foreign_chain[index]) {
		add_foreign(out, chain->name, NULL);
		return 0;
	}
	print = &out->chains[out->chain_count];
	print->name = strdup(chain->name);
	print->sum = sum;
	if (!print->name)
		return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for a plan");
	out->chain_count++;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const struct mg_chain_print *x = a, *y = b;

	return strcmp(x->name, y->name);
}

int mg_fingerprint_make(const struct mg_table_plan *table, struct mg_fingerprint *out,
			struct mg_error *error)
{
	const struct mg_image *live = table->live;
	size_t i;
	int err = 0;

	*out = (struct mg_fingerprint){
		.chains = calloc(live->chain_count + 1, sizeof(*out->chains)),
		.foreign = calloc(live->entry_count + live->chain_count + 1, sizeof(*out->foreign)),
	};
	if (!out->chains || !out->foreign)
		err = mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for a plan");
	for (i = 0; i < live->chain_count && !err; i++)
		err = add_chain(table, i, out, error);
	if (err) {
		mg_fingerprint_clear(out);
		return err;
	}
	mg_fingerprint_sort(out);
	return 0;
}

void mg_fingerprint_sort(struct mg_fingerprint *print)
{
	qsort(print->chains, print->chain_count, sizeof(*print->chains), by_name);
	qsort(print->foreign, print->foreign_count, sizeof(*print->foreign), mg_by_value);
}

void mg_fingerprint_clear(struct mg_fingerprint *print)
{
	size_t i;

	for (i = 0; i < print->chain_count; i++)
		free(print->chains[i].name);
	free(print->chains);
	free(print->foreign);
	*print = (struct mg_fingerprint){ 0 };
}

size_t mg_fingerprint_compare(const struct mg_fingerprint *before, const struct mg_fingerprint *now,
			      const char **name, const char **how)
{
	size_t i = 0, j = 0, count = 0;

	while (i < before->chain_count || j < now->chain_count) {
		const struct mg_chain_print *x = &before->chains[i], *y = &now->chains[j];
		const int order = i == before->chain_count ? 1
				  : j == now->chain_count  ? -1
							   : strcmp(x->name, y->name);

		i += order <= 0;
		j += order >= 0;
		if (order == 0 && x->sum == y->sum)
			continue;
		if (count++)
			continue;
		*name = order <= 0 ? x->name : y->name;
		*how = order < 0 ? "is gone" : order > 0 ? "is new" : "has changed";
	}
	return count;
}

size_t mg_fingerprint_new_foreign(const struct mg_fingerprint *before,
				  const struct mg_fingerprint *now)
{
	size_t i = 0, j, count = 0;

	for (j = 0; j < now->foreign_count; j++) {
		while (i < before->foreign_count && before->foreign[i] < now->foreign[j])
			i++;
		if (i < before->foreign_count && before->foreign[i] == now->foreign[j])
			i++;
		else
			count++;
	}
	return count;
}
