/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What was live before an apply, on disk: for whoever opens the state when
 * guard, watcher and applying process are all dead.
 *
 *   STATE_DIR/snapshot/N   of the transaction that makes generation N
 *
 * It is there before the pending record is, and thus before anything is touched,
 * and goes after it. It holds all tables of both families that exist, with their
 * counters, byte by byte as the kernel has them, and the sets that the transaction
 * touches; so it is good for one boot and one network namespace, which it
 * names. Its end is a checksum of all: a torn one is noticed.
 */
#ifndef MG_PLAN_SNAPSHOT_H
#define MG_PLAN_SNAPSHOT_H

#include "plan.h"
#include "state.h"

/**
 * Write that of a plan, compared, whose sets are chosen, and remove others. The
 * transaction lock and that of the tables are held.
 */
int mg_snapshot_write(struct mg_state *state, const struct mg_plan *plan,
		      const struct mg_pending *pending, struct mg_error *error);

/** Remove it. What cannot be removed is removed with the next one's. */
void mg_snapshot_remove(struct mg_state *state, uint32_t number);

/** Remove all that there are, where nothing waits any more; the lock is held. */
void mg_snapshot_sweep(struct mg_state *state);

struct mg_snapshot_table {
	enum mg_family family;
	const char *table;
	bool written; /* by the transaction, as far as it came */
	bool rebinds; /* as in struct mg_table_plan */
	struct mg_image *image;
};

struct mg_snapshot {
	struct mg_snapshot_table tables[MG_MOST_TABLES];
	size_t table_count;
	struct mg_set_plans *sets;	/* as they were in the plan; NULL: none */
	struct mg_set_member **members; /* that were wanted, by set: what the plans borrow */
};

/**
 * Read that of a pending transaction, and believe nothing.
 * Errors: -ENOENT, -EBADMSG with MG_ENVIRONMENT: it is missing, damaged, or another
 * one's.
 */
int mg_snapshot_read(struct mg_state *state, const struct mg_pending *pending,
		     struct mg_snapshot **out, struct mg_error *error);
void mg_snapshot_free(struct mg_snapshot *snapshot);

/**
 * Put back what a snapshot has of the tables that the transaction writes, and of
 * its sets, as mg_restore() does in the guard. The locks are held.
 * @ruleset: of the generation that was applied, which says what is kept; NULL: that is
 *	     not known, and the tables become exactly what they were
 * @before:  the generation whose rules were live before, or NULL
 * @what:    what was put back, for words: "filter v4 v6, address sets"; may be NULL
 */
int mg_snapshot_restore(struct mg_snapshot *snapshot, const struct mg_ruleset *ruleset,
			const struct mg_generation *before, char *what, size_t size,
			struct mg_error *error);

#endif
