/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Visiting: the live chains and rules, each with the policy line behind it.
 *
 * All tables are read before the visitor hears of the first chain, so that a
 * wrong name or a failure comes before any output.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "netfilter/print.h"
#include "ruleset/failure.h"

/* A visit under way. */
struct visit {
	struct mg_image *images[MG_MOST_TABLES];
	size_t count;
	struct mg_owned *owned;
	const char *chain; /* only this one, or NULL */
	const struct mg_live_visitor *visitor;
};

static int visit_rules(const struct visit *visit, const struct mg_image *image,
		       const struct mg_image_chain *chain, struct mg_error *error)
{
	const struct mg_family_ops *ops = mg_family_ops(image->family);
	const struct mg_entry *entry = &image->entries[chain->first];
	struct mg_entry_view view;
	struct mg_live_rule rule;
	uint32_t i;
	int err = 0;

	for (i = 0; i < chain->count && !err; i++, entry++) {
		err = mg_entry_text(ops, entry, &rule.text, error);
		if (err)
			break;
		ops->view((void *)entry->bytes, &view);
		rule.packets = view.counters->pcnt;
		rule.bytes = view.counters->bcnt;
		rule.origin = mg_owned_take(visit->owned, image->family, image->table, chain->name,
					    rule.text);
		err = visit->visitor->rule(visit->visitor->context, i + 1, &rule);
	}
	return err;
}

static int visit_chains(const struct visit *visit, const struct mg_image *image,
			struct mg_error *error)
{
	size_t i;
	int err = 0;

	for (i = 0; i < image->chain_count && !err; i++) {
		const struct mg_image_chain *chain = &image->chains[i];
		const struct mg_live_chain view = {
			.family = image->family,
			.table = image->table,
			.name = chain->name,
			.exists = !image->absent,
			.policy = chain->policy,
			.packets = chain->counters.pcnt,
			.bytes = chain->counters.bcnt,
			.count = chain->count,
		};

		if (visit->chain && strcmp(visit->chain, chain->name) != 0)
			continue;
		err = visit->visitor->chain(visit->visitor->context, &view);
		if (!err)
			err = visit_rules(visit, image, chain, error);
	}
	return err;
}

bool mg_engine_is_worth_reading(struct mg_engine *engine, enum mg_family family, const char *table,
				const char *remedy, const char *advice, int *err)
{
	const int exists = strcmp(table, "filter") == 0 ? 1 : mg_table_exists(family, table);

	if (exists == -EACCES && mg_note(&engine->notes, MG_WARNING, NULL, remedy,
					 "which %s tables exist is not yours to know here: %s",
					 mg_family_ops(family)->name, advice))
		*err = -ENOMEM;
	return exists != 0 && exists != -EACCES; /* other errors come again, with words */
}

static int read_tables(struct mg_engine *engine, const char *table, struct visit *visit,
		       struct mg_error *error)
{
	const char *const *name;
	int family, err = 0;

	for (name = mg_commit_order; *name; name++) {
		if (table && strcmp(table, *name) != 0)
			continue;
		for (family = 0; family < MG_FAMILIES && !err; family++) {
			if (!(engine->families & 1U << family) ||
			    (!table &&
			     !mg_engine_is_worth_reading(engine, (enum mg_family)family, *name,
							 NULL, "name the one to look at", &err)))
				continue;
			err = mg_table_read((enum mg_family)family, *name,
					    &visit->images[visit->count], error);
			visit->count += !err;
		}
	}
	return err == -ENOMEM ? mg_engine_no_memory(error) : err;
}

/* A table that has a chain of this name from the start, or NULL. */
static const char *table_with(const char *chain)
{
	size_t i = 0;

	while (mg_commit_order[i])
		i++;
	while (i > 0) /* filter is the one that is meant most often */
		if (mg_is_builtin_chain(mg_commit_order[--i], chain))
			return mg_commit_order[i];
	return NULL;
}

int mg_engine_check_table(const char *table, struct mg_error *error)
{
	const char *nearest, *other;

	if (mg_builtin_chains(table))
		return 0;
	nearest = mg_nearest(table, mg_commit_order);
	other = table_with(table);
	if (other)
		return mg_fail(error, -ENOENT, MG_INVALID,
			       "there is no table `%s', but a chain: its table comes first, as in "
			       "`%s %s'",
			       table, other, table);
	return mg_fail(error, -ENOENT, MG_INVALID,
		       "there is no table `%s'%s%s%s (raw, mangle, security, nat or filter)", table,
		       nearest ? ": did you mean `" : "", nearest ? nearest : "",
		       nearest ? "'?" : "");
}

/* @table: NULL for any */
static bool has_chain(const struct visit *visit, const char *table, const char *chain)
{
	size_t i;

	for (i = 0; i < visit->count; i++)
		if ((!table || strcmp(table, visit->images[i]->table) == 0) &&
		    mg_image_find(visit->images[i], chain))
			return true;
	return false;
}

static void forget_tables(struct visit *visit)
{
	while (visit->count > 0)
		mg_image_free(visit->images[--visit->count]);
}

/* A table that has the chain now, or NULL: for a suggestion, so failures do not matter. */
static const char *live_table_with(struct mg_engine *engine, const char *chain)
{
	struct visit all = { .count = 0 };
	const char *const *table = mg_commit_order;

	read_tables(engine, NULL, &all, NULL);
	while (*table && !has_chain(&all, *table, chain))
		table++;
	forget_tables(&all);
	return *table;
}

/* @table: NULL for any */
static int no_such_chain(struct mg_engine *engine, const struct visit *visit, const char *table,
			 struct mg_error *error)
{
	const char *other = table_with(visit->chain), *nearest;
	const char **names;
	size_t count = 0, i, j;

	if (table && !other)
		other = live_table_with(engine, visit->chain);
	if (table && other)
		return mg_fail(error, -ENOENT, MG_INVALID,
			       "there is no chain `%s' in table %s; there is one in table %s",
			       visit->chain, table, other);
	for (i = 0; i < visit->count; i++)
		count += visit->images[i]->chain_count;
	names = calloc(count + 1, sizeof(*names));
	if (!names)
		return mg_engine_no_memory(error);
	for (i = 0, count = 0; i < visit->count; i++)
		for (j = 0; j < visit->images[i]->chain_count; j++)
			names[count++] = visit->images[i]->chains[j].name;
	nearest = mg_nearest(visit->chain, names);
	free(names);
	return mg_fail(error, -ENOENT, MG_INVALID, "there is no chain `%s' in %s %s%s%s%s",
		       visit->chain, table ? "table" : "any", table ? table : "table",
		       nearest ? ": did you mean `" : "", nearest ? nearest : "",
		       nearest ? "'?" : "");
}

int mg_engine_visit(struct mg_engine *engine, const char *table, const char *chain,
		    const struct mg_live_visitor *visitor, struct mg_error *error)
{
	struct visit visit = { .chain = chain, .visitor = visitor };
	size_t i;
	int err = table ? mg_engine_check_table(table, error) : 0;

	if (err)
		return err;
	err = read_tables(engine, table, &visit, error);
	if (!err && chain && !has_chain(&visit, table, chain))
		err = no_such_chain(engine, &visit, table, error);
	if (!err)
		err = mg_engine_open_state(engine, false, error);
	if (!err)
		err = mg_engine_read_owned(engine, &visit.owned, error);
	for (i = 0; i < visit.count && !err; i++)
		err = visit_chains(&visit, visit.images[i], error);
	mg_owned_free(visit.owned);
	forget_tables(&visit);
	return err;
}
