/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Raising the barrier. See barrier.h.
 *
 * It runs where much has failed already, so it asks for as little as can be:
 * one table a family, without connection tracking if the kernel has none.
 */
#include "barrier.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "minimal.h"
#include "netfilter/table.h"
#include "ruleset/failure.h"
#include "ruleset/save_text.h"

enum { TRIES = 3 }; /* somebody else may write to the table just then */

/* The old table again, but for what is kept? What cannot be read is not. */
static bool is_back(const struct mg_plan *plan, const struct mg_table_plan *table)
{
	struct mg_image *now = NULL, *old = NULL;
	struct mg_diff *diff = NULL;
	bool is = mg_table_read(table->family, table->table, &now, NULL) == 0 &&
		  mg_plan_old(plan, table, now, &old, NULL) == 0 &&
		  mg_diff_make(now, old ? old : table->live, &diff, NULL) == 0 &&
		  mg_diff_is_empty(diff);

	mg_diff_free(diff);
	mg_image_free(old);
	mg_image_free(now);
	return is;
}

static unsigned int families_in_doubt(const struct mg_plan *plan, const bool *touched)
{
	unsigned int families = 0;

	for (size_t i = 0; i < plan->table_count; i++)
		if (touched[i] && !is_back(plan, &plan->tables[i]))
			families |= 1U << plan->tables[i].family;
	return families;
}

/* @compiled: filter, whatever is there now */
static int replace_filter(const struct mg_image *compiled, struct mg_error *error)
{
	struct mg_image *now = NULL;
	struct mg_diff *diff = NULL;
	int err = mg_table_read(compiled->family, compiled->table, &now, error);

	if (!err)
		err = mg_diff_make(now, compiled, &diff, error);
	if (!err && !mg_diff_is_empty(diff))
		err = mg_table_write(now, compiled, diff->sources, NULL, error);
	mg_diff_free(diff);
	mg_image_free(now);
	return err;
}

static int raise_one(enum mg_family family, const char *operators, bool stateless,
		     struct mg_error *error)
{
	struct mg_ruleset *ruleset = NULL;
	struct mg_plan *plan = NULL;
	char *text = NULL;
	int err = mg_minimal_text(family, operators, stateless, &text, error);

	if (!err)
		err = mg_ruleset_new(&ruleset, error);
	if (!err)
		err = mg_save_read(ruleset, family, "the barrier", text, strlen(text), error);
	if (!err)
		err = mg_ruleset_seal(ruleset, error);
	if (!err)
		err = mg_plan_compile(ruleset, 1U << family, &plan, NULL, error);
	for (int i = 0; i < TRIES && !err; i++) {
		err = replace_filter(mg_plan_find(plan, family, "filter")->compiled, error);
		if (err != -EAGAIN)
			break;
		err = i + 1 < TRIES ? 0 : err;
	}
	mg_plan_free(plan);
	mg_ruleset_free(ruleset);
	free(text);
	return err;
}

/* This one's, and those of the generations that can be read. NULL: no memory. */
static char *join_operators(struct mg_state *state, const char *operators)
{
	char *known = NULL, *joined = NULL;

	mg_state_operators(state, &known, NULL);
	if (asprintf(&joined, "%s%s", operators ? operators : "", known ? known : "") < 0)
		joined = NULL;
	free(known);
	return joined;
}

static void add_line(struct mg_error *error, const char *line)
{
	const struct mg_error words = *error;

	mg_set_error(error, words.status, "%s\n%s", words.text, line);
}

/* @failed: the families without one, of which @words tell why */
static void describe(unsigned int families, unsigned int failed, const char *operators,
		     const struct mg_error *words, struct mg_error *error)
{
	static const char *const names[] = { "", "IPv4", "IPv6", "IPv4 and IPv6" };
	char line[1024], ssh[512];

	if (!families)
		add_line(error, "all tables are what they were before, though, and need no "
				"barrier");
	if (families & ~failed) {
		mg_minimal_describe(operators, ssh, sizeof(ssh));
		snprintf(line, sizeof(line),
			 "a barrier stands in %s: it drops all but established connections, "
			 "loopback, DHCP, neighbour discovery, %s",
			 names[families & ~failed], ssh);
		add_line(error, line);
	}
	if (failed) {
		snprintf(line, sizeof(line), "no barrier stands in %s: %.600s", names[failed],
			 words->text);
		add_line(error, line);
	}
	if (families)
		add_line(error, "once that is repaired, the next moongate command, moongate status "
				"say, puts the old tables back");
}

int mg_barrier_raise(const struct mg_plan *plan, const bool *touched, struct mg_state *state,
		     const char *operators, struct mg_error *error)
{
	const unsigned int families = families_in_doubt(plan, touched);
	struct mg_error words = { 0 };
	unsigned int failed = 0;
	char *joined = families ? join_operators(state, operators) : NULL;

	for (int family = 0; family < MG_FAMILIES; family++) {
		if (!(families & 1U << family))
			continue;
		if (raise_one((enum mg_family)family, joined ? joined : "", false, NULL) &&
		    raise_one((enum mg_family)family, joined ? joined : "", true, &words))
			failed |= 1U << family;
	}
	describe(families, failed, joined ? joined : "", &words, error);
	free(joined);
	return failed ? -EIO : 0;
}
