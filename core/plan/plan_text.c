/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A plan as iptables-save text, and whether that text says the same.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "netfilter/compile.h"
#include "netfilter/equal.h"
#include "netfilter/print.h"
#include "netfilter/sample.h"
#include "plan.h"
#include "ruleset/failure.h"
#include "ruleset/growable.h"
#include "ruleset/keep.h"
#include "ruleset/save_text.h"

/* A text that grows: a ruleset may have tens of megabytes. */
struct writing {
	char *bytes;
	size_t size, capacity;
	bool failed;
	unsigned int rank; /* of the rules that come, as a reader would take it */
	/* the table as it is, and what of it is wanted: NULL where counters do not matter */
	const struct mg_image *live;
	const struct mg_diff *diff;
};

static void put_bytes(struct writing *out, const char *bytes, size_t size)
{
	if (mg_make_room((void **)&out->bytes, &out->capacity, out->size + size + 1, 1)) {
		out->failed = true;
		return;
	}
	memcpy(out->bytes + out->size, bytes, size);
	out->size += size;
	out->bytes[out->size] = '\0';
}

static void put(struct writing *out, const char *text)
{
	put_bytes(out, text, strlen(text));
}

/* "[packets:bytes]" */
static void put_counters(struct writing *out, const struct xt_counters *counters)
{
	char text[64];

	snprintf(text, sizeof(text), "[%llu:%llu]", (unsigned long long)counters->pcnt,
		 (unsigned long long)counters->bcnt);
	put(out, text);
}

/* What the live rule has counted that is the wanted one with this number; nothing without one. */
static void put_rule_counters(struct writing *out, const struct mg_family_ops *ops, uint32_t number)
{
	static const struct xt_counters none;
	struct mg_entry_view view = { .counters = NULL };
	uint32_t live;

	if (!out->diff)
		return;
	live = out->diff->sources[number].live;
	if (live != MG_NO_RULE)
		ops->view((void *)out->live->entries[live].bytes, &view);
	put_counters(out, view.counters ? view.counters : &none);
	put(out, " ");
}

static void put_chain_counters(struct writing *out, const char *name)
{
	const struct mg_image_chain *chain = out->live ? mg_image_find(out->live, name) : NULL;
	static const struct xt_counters none;

	put_counters(out, chain && chain->built_in ? &chain->counters : &none);
}

/*
 * Where kept rules go among these depends on their ranks, which no rule tells;
 * a policy that keeps nothing needs none.
 */
static void put_rank(struct writing *out, const struct mg_plan *plan, const struct mg_entry *entry)
{
	struct mg_rule_view rule;
	char line[32];

	if (entry->rule == MG_NO_RULE || !mg_ruleset_keep_count(plan->ruleset))
		return;
	mg_ruleset_rule_at(plan->ruleset, entry->rule, &rule);
	if (rule.rank == out->rank)
		return;
	snprintf(line, sizeof(line), "#@rank %u\n", rule.rank);
	put(out, line);
	out->rank = rule.rank;
}

static int put_chain(struct writing *out, const struct mg_plan *plan, const struct mg_image *image,
		     const struct mg_image_chain *chain, struct mg_error *error)
{
	const struct mg_family_ops *ops = mg_family_ops(image->family);
	const char *text, *origin;
	uint32_t i;
	int err;

	for (i = chain->first; i < chain->first + chain->count; i++) {
		err = mg_entry_text(ops, &image->entries[i], &text, error);
		if (err)
			return err;
		put_rank(out, plan, &image->entries[i]);
		origin = mg_plan_origin(plan, &image->entries[i]);
		if (*origin) {
			put(out, "#@ ");
			put(out, origin);
			put(out, "\n");
		}
		put_rule_counters(out, ops, i);
		put(out, "-A ");
		put(out, chain->name);
		put(out, *text ? " " : "");
		put(out, text);
		put(out, "\n");
	}
	return 0;
}

/* In a table that is kept, a policy that nobody asked for is not ours to say. */
static const char *policy_of(const struct mg_plan *plan, const struct mg_image *image,
			     const struct mg_image_chain *chain)
{
	struct mg_chain_view view = { .policy = NULL };

	if (!chain->policy)
		return "-";
	if (mg_ruleset_kept_by(plan->ruleset, MG_KEEP_TABLES, image->table) == UINT32_MAX)
		return chain->policy;
	if (chain->chain != UINT32_MAX)
		mg_ruleset_chain_at(plan->ruleset, chain->chain, &view);
	return view.policy ? view.policy : "-";
}

static int put_table(struct writing *out, const struct mg_plan *plan, const struct mg_image *image,
		     struct mg_error *error)
{
	size_t i;
	int err = 0;

	out->rank = MG_RANK_SCRIPT;
	put(out, "*");
	put(out, image->table);
	put(out, "\n");
	for (i = 0; i < image->chain_count; i++) {
		put(out, ":");
		put(out, image->chains[i].name);
		put(out, " ");
		put(out, policy_of(plan, image, &image->chains[i]));
		put(out, " ");
		put_chain_counters(out, image->chains[i].name);
		put(out, "\n");
	}
	for (i = 0; i < image->chain_count && !err; i++)
		err = put_chain(out, plan, image, &image->chains[i], error);
	put(out, "COMMIT\n");
	return err;
}

/* What is kept, in front of the tables; in each family's text, which may be used alone. */
static int put_keeps(struct writing *out, const struct mg_ruleset *ruleset, struct mg_error *error)
{
	const uint32_t count = mg_ruleset_keep_count(ruleset);
	char *text = NULL;
	size_t size;
	FILE *stream;
	struct mg_keep keep;
	uint32_t i;

	if (!count)
		return 0;
	stream = open_memstream(&text, &size);
	if (!stream)
		return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for a text");
	for (i = 0; i < count; i++) {
		mg_ruleset_keep_at(ruleset, i, &keep);
		mg_save_print_keep(stream, &keep);
		fputc('\n', stream);
	}
	out->failed |= fclose(stream) != 0 || !text;
	if (text)
		put(out, text);
	free(text);
	return 0;
}

/* A table with what it has counted so far. */
static int put_counted(struct writing *out, const struct mg_plan *plan,
		       const struct mg_image *image, struct mg_error *error)
{
	struct mg_image *live = NULL;
	struct mg_diff *diff = NULL;
	int err = mg_table_read(image->family, image->table, &live, error);

	if (!err)
		err = mg_diff_make(live, image, &diff, error);
	out->live = live;
	out->diff = diff;
	if (!err)
		err = put_table(out, plan, image, error);
	out->live = NULL;
	out->diff = NULL;
	mg_diff_free(diff);
	mg_image_free(live);
	return err;
}

/* Some images as one text, to be freed. */
static int write_text(const struct mg_plan *plan, const struct mg_image *const *images,
		      size_t count, bool counted, char **out, struct mg_error *error)
{
	struct writing writing = { .bytes = NULL };
	size_t i;
	int err = put_keeps(&writing, plan->ruleset, error);

	for (i = 0; i < count && !err; i++)
		err = counted ? put_counted(&writing, plan, images[i], error)
			      : put_table(&writing, plan, images[i], error);
	if (!err && writing.failed)
		err = mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for a text");
	if (err)
		free(writing.bytes);
	else
		*out = writing.bytes;
	return err;
}

static int text_of_family(const struct mg_plan *plan, enum mg_family family, bool counted,
			  char **out, struct mg_error *error)
{
	const struct mg_image *images[MG_MOST_TABLES];
	size_t i, count = 0;

	for (i = 0; i < plan->table_count; i++)
		if (plan->tables[i].family == family)
			images[count++] = plan->tables[i].compiled;
	if (count)
		return write_text(plan, images, count, counted, out, error);
	*out = NULL;
	return 0;
}

int mg_plan_text(const struct mg_plan *plan, enum mg_family family, char **out,
		 struct mg_error *error)
{
	return text_of_family(plan, family, false, out, error);
}

int mg_plan_counted_text(const struct mg_plan *plan, enum mg_family family, char **out,
			 struct mg_error *error)
{
	return text_of_family(plan, family, true, out, error);
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

static int compare_with(const struct mg_plan *plan, const struct mg_image *wanted,
			const struct mg_ruleset *read, struct mg_error *error)
{
	const struct mg_entry *entry;
	struct mg_image *image;
	int err = mg_compile_table(wanted->family, wanted->table, read, &image, NULL, error);

	if (err)
		return err;
	entry = first_different(wanted, image);
	if (entry) {
		err = mg_fail(error, -EINVAL, MG_INVALID,
			      "a value of this rule cannot be written as iptables-save text, "
			      "which is how it is kept for the next boot");
		mg_error_origin(error, mg_plan_origin(plan, entry));
	}
	mg_image_free(image);
	return err;
}

/* Write the image, read what was written, and compare. */
static int check_image(const struct mg_plan *plan, const struct mg_image *image,
		       struct mg_error *error)
{
	struct mg_ruleset *read = NULL;
	char *text = NULL;
	int err = write_text(plan, &image, 1, false, &text, error);

	if (!err)
		err = mg_ruleset_new(&read, error);
	if (!err)
		err = mg_save_read(read, image->family, "the ruleset as text", text, strlen(text),
				   error);
	if (!err)
		err = mg_ruleset_seal(read, error);
	if (!err)
		err = compare_with(plan, image, read, error);
	mg_ruleset_free(read);
	free(text);
	return err;
}

int mg_plan_check_text(const struct mg_plan *plan, struct mg_error *error)
{
	struct mg_image *sample;
	size_t i;
	int err = 0;

	for (i = 0; i < plan->table_count && !err; i++) {
		err = mg_sample(plan->tables[i].compiled, &sample, error);
		if (err)
			break;
		err = check_image(plan, sample, error);
		mg_image_free(sample);
	}
	return err;
}
