/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A generation and the way back to it, as a program of somebody else's goes it.
 */
#ifndef SPEC_LIBRARY_HISTORY_H
#define SPEC_LIBRARY_HISTORY_H

#include "library_stage.h"

static unsigned int seen_members;

static inline int see_set(void *context, const struct mg_live_set *set)
{
	(void)context;
	return strcmp(set->name, "mg4-x") != 0;
}

static inline int see_member(void *context, const char *text)
{
	(void)context;
	seen_members += strcmp(text, "192.0.2.7") == 0;
	return 0;
}

static inline void goes_back(void)
{
	struct seen seen = { .stop = 0 };
	const struct mg_live_visitor visitor = {
		.chain = see_chain,
		.rule = see_rule,
		.context = &seen,
		.set = see_set,
		.member = see_member,
	};
	static const char first[] =
		"default_deny() allow_established() allow_icmp() allow_inbound_ssh()\n"
		"block { addresses { \"192.0.2.7\", as = \"set\", name = \"x\" } }\n";
	const struct mg_generation_info *info;
	struct mg_plan_summary summary;
	struct mg_history *history;
	struct mg_boot_export files;
	uint32_t number;

	EXPECT_DONE(open_for(first, true));
	EXPECT_DONE(mg_engine_check(engine, &tap_error));
	EXPECT_DONE(mg_engine_begin(engine, &tap_error));
	EXPECT_DONE(mg_engine_plan(engine, &tap_error));
	EXPECT_DONE(mg_engine_apply(engine, 30, &transaction, &tap_error));
	number = mg_transaction_number(transaction);
	EXPECT_DONE(mg_transaction_confirm(transaction, "no-confirm", &tap_error));
	mg_transaction_free(transaction);
	transaction = NULL;
	EXPECT_DONE(open_for("default_deny() allow_established() allow_icmp()\n", true));
	EXPECT_DONE(mg_engine_load_generation(engine, number, &tap_error));
	EXPECT_DONE(mg_engine_plan(engine, &tap_error));
	mg_engine_plan_summary(engine, &summary);
	EXPECT(summary.is_empty);
	EXPECT_DONE(mg_engine_visit_generation(engine, number, &visitor, &tap_error));
	EXPECT(seen.rules > 20 && seen.chains == 6 && seen_members == 1);
	EXPECT(mg_engine_visit_generation(engine, number + 9, &visitor, &tap_error) < 0);
	EXPECT_IS(tap_error.status, MG_INVALID);
	EXPECT_DONE(mg_engine_history(engine, &history, &tap_error));
	EXPECT(mg_history_count(history) > 0);
	info = mg_history_at(history, 0);
	EXPECT(info->number == number && info->in_force && info->has_summary && !info->damage);
	EXPECT_TEXT(info->files[0].path, policy_file);
	EXPECT_IS(mg_generation_file_now(&info->files[0]), MG_FILE_CHANGED);
	mg_history_free(history);
	EXPECT(mg_engine_export_boot(engine, "sysconfg", &files, &tap_error) < 0);
	EXPECT_IS(tap_error.status, MG_USAGE);
	EXPECT_DONE(mg_engine_export_boot(engine, NULL, &files, &tap_error));
	EXPECT(!files.format && !files.number);
	put_away();
}

#endif
