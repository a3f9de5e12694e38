/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Putting back what was live before a plan: in the guard, or where a commit was
 * refused.
 */
#include "restore.h"

#include <errno.h>
#include <string.h>

#include "netfilter/equal.h"
#include "ruleset/failure.h"

/* Nothing is believed to be back that was not seen. */
static int read_back(const struct mg_image *wanted, struct mg_error *error)
{
	struct mg_image *now;
	int err = mg_table_read(wanted->family, wanted->table, &now, error);

	if (err)
		return err;
	if (!mg_image_equal(now, wanted))
		err = mg_fail(error, -EAGAIN, MG_BUSY,
			      "another program changed the %s table %s as it was put back",
			      mg_family_ops(wanted->family)->name, wanted->table);
	mg_image_free(now);
	return err;
}

/* @rebinds: even if the rules are the same, since they look up other sets */
static int make_live(const struct mg_image *now, const struct mg_image *wanted, bool rebinds,
		     struct mg_error *error)
{
	struct mg_diff *diff;
	int err = mg_diff_make(now, wanted, &diff, error);

	if (err)
		return err;
	if (rebinds || !mg_diff_is_empty(diff)) {
		err = mg_table_write(now, wanted, diff->sources, NULL, error);
		if (!err)
			err = read_back(wanted, error);
	}
	mg_diff_free(diff);
	return err;
}

/* Make one table what it was, but for what is kept: from whatever it is now. */
static int restore_table(const struct mg_plan *plan, const struct mg_table_plan *table,
			 struct mg_error *error)
{
	struct mg_image *now = NULL, *old = NULL;
	int merged, err = mg_table_read(table->family, table->table, &now, error);

	if (!err) {
		merged = mg_plan_old(plan, table, now, &old, error);
		err = merged ? merged
			     : make_live(now, old ? old : table->live, table->rebinds, error);
		/* what was added to a kept chain may not go together with the old rules */
		if (err && err != -EAGAIN && (old || merged) &&
		    make_live(now, table->live, table->rebinds, NULL) == 0)
			err = 0;
	}
	mg_image_free(old);
	mg_image_free(now);
	return err;
}

/* The last committed first; one that fails does not stop the others. */
static int restore_some(const struct mg_plan *plan, const bool *touched, bool filter,
			struct mg_error *error)
{
	size_t i = plan->table_count;
	int err = 0;

	while (i-- > 0) {
		const struct mg_table_plan *table = &plan->tables[i];
		int one;

		/* what was never committed may have been changed by somebody else */
		if (!touched[i] || (strcmp(table->table, "filter") == 0) != filter)
			continue;
		one = restore_table(plan, table, err ? NULL : error);
		if (one && !err)
			err = one;
	}
	return err;
}

int mg_restore(const struct mg_plan *plan, const bool *touched, struct mg_set_states *sets,
	       struct mg_error *error)
{
	int err = mg_sets_revive(plan, error);
	int last = restore_some(plan, touched, false, err ? NULL : error);

	if (!err)
		err = last;
	last = restore_some(plan, touched, true, err ? NULL : error);
	if (!err)
		err = last;
	last = mg_sets_restore(plan, sets, err ? NULL : error);
	return err ? err : last;
}
