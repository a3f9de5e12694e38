/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The commits themselves, for those who guard them and for those who need not.
 *
 * Owns nothing between calls. Must not know of guards or of the state on disk.
 */
#include "commit.h"

#include <errno.h>

#include "netfilter/equal.h"
#include "restore.h"
#include "ruleset/failure.h"

static int read_back(const struct mg_table_plan *table, struct mg_error *error)
{
	struct mg_image *now;
	int err = mg_table_read(table->family, table->table, &now, error);

	if (err)
		return err;
	if (!mg_image_equal(now, table->wanted))
		err = mg_fail(error, -EAGAIN, MG_BUSY,
			      "another program changed the %s table %s during the commit",
			      mg_family_ops(table->family)->name, table->table);
	mg_image_free(now);
	return err;
}

/* Somebody was at work since: the owners of what is kept may be, nobody else. */
static int follow(struct mg_plan *plan, struct mg_table_plan *table, struct mg_image **now,
		  struct mg_error *error)
{
	int err = mg_plan_follow(plan, table, *now, error);

	if (err == -EAGAIN)
		return mg_fail(error, err, MG_UNSAFE,
			       "the live tables have changed since they were read for the "
			       "plan, the %s table %s for one: nothing was changed, plan again",
			       mg_family_ops(table->family)->name, table->table);
	if (!err)
		*now = NULL; /* the plan's */
	return err;
}

/*
 * Is a table still what it was when it was read for the plan?
 * @image: becomes what is there now, without its entries; NULL: the plan's is new
 */
static int check_table(struct mg_plan *plan, struct mg_table_plan *table, struct mg_image **image,
		       struct mg_error *error)
{
	int err;

	mg_image_free(*image);
	*image = NULL;
	err = mg_table_read(table->family, table->table, image, error);
	if (!err && !mg_image_equal(table->live, *image))
		err = follow(plan, table, image, error);
	if (!err && *image) /* two are enough to hold */
		mg_image_forget_entries(*image);
	return err;
}

/*
 * What was shown is what is done, or nothing is: read all tables once more,
 * under the lock. The one that is committed first comes last, so that there is
 * no time left for anybody who heeds no lock.
 */
static int check_tables(struct mg_plan *plan, struct mg_image **images, struct mg_error *error)
{
	size_t i = plan->table_count;
	int err = 0;

	while (i-- > 0 && !err)
		err = check_table(plan, &plan->tables[i], &images[i], error);
	return err;
}

/* @fresh: the tables have been looked at just now */
static int commit_each(const struct mg_commit *commit, struct mg_image **images, bool fresh,
		       struct mg_error *error)
{
	struct mg_plan *plan = commit->plan;
	size_t i;
	int err = 0;

	for (i = 0; i < plan->table_count && !err; i++) {
		struct mg_table_plan *table = &plan->tables[i];

		if (!table->rebinds && mg_diff_is_empty(table->diff))
			continue;
		/* the kernel would notice another number of rules, but not other rules */
		if (!fresh)
			err = check_table(plan, table, &images[i], error);
		fresh = false;
		if (err)
			break;
		table->wanted->sets = plan->sets ? &plan->sets->aliases : NULL;
		err = mg_table_write(images[i] ? images[i] : table->live, table->wanted,
				     table->diff->sources, &commit->touched[i], error);
		if (!err)
			err = read_back(table, error);
	}
	return err;
}

/* New sets are whole before a rule looks them up. */
static int commit_sets(const struct mg_commit *commit, struct mg_error *error)
{
	const struct mg_plan *plan = commit->plan;
	int err = mg_sets_check_live(plan, error);

	if (!err)
		err = mg_sets_make(plan, commit->sets, error);
	if (!err)
		err = mg_sets_exchange(plan, commit->sets, error);
	return err;
}

/* That takes a while if they are large. */
static bool makes_sets(const struct mg_plan *plan)
{
	size_t i;

	for (i = 0; plan->sets && i < plan->sets->count; i++)
		if (*plan->sets->items[i].made)
			return true;
	return false;
}

int mg_commit(const struct mg_commit *commit, struct mg_error *error)
{
	struct mg_image *images[MG_MOST_TABLES] = { NULL };
	size_t i;
	int err = check_tables(commit->plan, images, error);

	if (!err)
		err = commit_sets(commit, error);
	if (!err)
		err = commit_each(commit, images, !makes_sets(commit->plan), error);
	for (i = 0; i < MG_MOST_TABLES; i++)
		mg_image_free(images[i]);
	return err;
}

int mg_commit_at_once(struct mg_plan *plan, uint32_t number, struct mg_error *error)
{
	bool touched[MG_MOST_TABLES] = { false };
	struct mg_commit commit = { .plan = plan, .touched = touched };
	struct mg_error words = { 0 }, second = { 0 };
	int err = mg_sets_choose(plan, number, error);

	if (!err)
		err = mg_sets_states(plan, &commit.sets, error);
	if (err)
		return err;
	err = mg_commit(&commit, &words);
	if (!err)
		mg_sets_tidy(plan);
	else if (mg_restore(plan, touched, commit.sets, &second))
		mg_set_error(error, MG_STATE_UNKNOWN,
			     "%s\nputting the old tables back failed too: %s", words.text,
			     second.text);
	else if (error)
		*error = words;
	mg_sets_states_free(commit.sets);
	return err;
}
