/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules made live without anybody to confirm them, and what had to go for them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "netfilter/print.h"
#include "plan/commit.h"
#include "restoring.h"
#include "ruleset/failure.h"
#include "ruleset/presets.h"

enum {
	ATTEMPTS = 3,	  /* while others are at work */
	MOST_LISTED = 50, /* rules that went, by their text */
};

/* The rules and chains that go and are nobody's of ours, a line each. */
struct removed {
	FILE *out;
	size_t count;
	const char *owner; /* of the first that looks like somebody's */
};

static void list_one(struct removed *removed, const struct mg_table_plan *table, const char *how,
		     const char *chain, const char *text)
{
	const char *owner = mg_owner_of(chain, text);

	if (removed->count++ < MOST_LISTED)
		fprintf(removed->out, "\n%s: -t %s -%s %s%s%s", mg_family_ops(table->family)->name,
			table->table, how, chain, text && *text ? " " : "", text ? text : "");
	if (!removed->owner)
		removed->owner = owner;
}

static int list_table(struct removed *removed, const struct mg_table_plan *table,
		      struct mg_error *error)
{
	const struct mg_image *live = table->live;
	const char *text;
	size_t i;
	uint32_t k;
	int err = 0;

	for (i = 0; i < live->chain_count && table->foreign_chain; i++)
		if (table->foreign_chain[i])
			list_one(removed, table, "N", live->chains[i].name, NULL);
	for (i = 0; i < live->chain_count && table->foreign; i++) {
		const struct mg_image_chain *chain = &live->chains[i];

		for (k = chain->first; k < chain->first + chain->count && !err; k++) {
			if (!table->foreign[k])
				continue;
			err = mg_entry_text(mg_family_ops(table->family), &live->entries[k], &text,
					    error);
			if (!err)
				list_one(removed, table, "A", chain->name, text);
		}
	}
	return err;
}

/* As iptables takes them, so that they can be put back from the journal. */
static int tell_removed(struct mg_engine *engine, const struct mg_plan *plan, const char *what,
			struct mg_error *error)
{
	char *text = NULL, remedy[64];
	size_t size, i;
	struct removed removed = { .out = open_memstream(&text, &size) };
	int err = removed.out ? 0 : mg_engine_no_memory(error);

	for (i = 0; i < plan->table_count && !err; i++)
		err = list_table(&removed, &plan->tables[i], error);
	if (removed.out && fclose(removed.out) && !err)
		err = mg_engine_no_memory(error);
	snprintf(remedy, sizeof(remedy), "keep \"%s\" in the policy, and an apply, keep them",
		 removed.owner ? removed.owner : "...");
	if (!err && removed.count &&
	    mg_note(&engine->notes, MG_WARNING, NULL, removed.owner ? remedy : NULL,
		    "removed what is not of %s, which nothing says to keep (%zu):%s%s", what,
		    removed.count, text, removed.count > MOST_LISTED ? "\n..." : ""))
		err = mg_engine_no_memory(error);
	free(text);
	return err;
}

/* A refused commit names no rule: a private namespace tells which one it was. */
static int commit(struct mg_plan *plan, uint32_t number, struct mg_error *error)
{
	struct mg_error words = { 0 };
	int err = mg_commit_at_once(plan, number, error);

	if (err && error->status == MG_KERNEL && mg_plan_try(plan, &words) &&
	    words.status == MG_KERNEL)
		*error = words;
	return err;
}

static int load_once(struct mg_engine *engine, const struct mg_loading *loading,
		     unsigned int families, bool *changed, struct mg_error *error)
{
	struct mg_owned *owned = NULL;
	struct mg_plan *plan = NULL;
	int err = mg_plan_compile(loading->ruleset, families, &plan, NULL, error);

	if (!err)
		err = mg_owned_new(loading->owned, &owned, error);
	if (err)
		goto out;
	mg_plan_set_owned(plan, owned);
	/* Docker makes its chains when it starts, which is later */
	plan->makes_chains = true;
	err = mg_plan_compare(plan, error);
	if (!err)
		err = mg_sets_check_names(plan, error);
	if (!err && mg_plan_removes(plan))
		err = mg_plan_find_foreign(plan, error);
	if (err || mg_plan_is_empty(plan))
		goto out;
	err = commit(plan, loading->number, error);
	if (err)
		goto out;
	*changed = true;
	err = tell_removed(engine, plan, loading->what, error);
out:
	mg_plan_free(plan);
	return err;
}

int mg_engine_load_rules(struct mg_engine *engine, const struct mg_loading *loading,
			 unsigned int families, bool *changed, struct mg_error *error)
{
	int attempt, err = -EAGAIN;

	for (attempt = 0; attempt < ATTEMPTS && err == -EAGAIN; attempt++)
		err = load_once(engine, loading, families, changed, error);
	return err;
}
