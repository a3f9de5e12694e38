/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a policy to the live tables and back through moongate.h alone, as a
 * program of somebody else's would do it. To be run as root in a private
 * network namespace whose tables are empty. Argument: an empty folder.
 */
#include <signal.h>
#include <sys/wait.h>

#include "spec/support/library_history.h"
#include "spec/support/library_stage.h"

static const char server[] = "default_deny() allow_established() allow_loopback() allow_icmp()\n"
			     "allow_inbound_ssh()\n";
static const char more[] = "default_deny() allow_established() allow_loopback() allow_icmp()\n"
			   "allow_inbound_ssh() allow_inbound_https()\n";
static const char with_set[] = "block { addresses { '2001:db8::7', as = 'set' } }\n";
static const char refused[] =
	"default_deny() allow_established() allow_loopback() allow_icmp() allow_inbound_ssh()\n"
	"local c = chain('mangle', 'PREROUTING', { family = 'ipv4' })\n"
	"c:append '-p tcp -j REJECT --reject-with tcp-reset'\n";

#define EXPECT_TOO_EARLY(call, words)                                                              \
	do {                                                                                       \
		EXPECT((call) < 0);                                                                \
		EXPECT_IS(tap_error.status, MG_INVALID);                                           \
		EXPECT_TEXT(tap_error.text, words);                                                \
	} while (0)

static void steps_too_early(void)
{
	struct mg_plan_summary summary = { .added = 7 };
	struct mg_sections *sections = NULL;
	char *text = NULL;

	EXPECT_DONE(open_for(server, false));
	EXPECT_TOO_EARLY(mg_engine_try(engine, &tap_error),
			 "mg_engine_try() comes after mg_engine_check()");
	EXPECT_TOO_EARLY(mg_engine_export(engine, MG_IPV4, &text, &tap_error),
			 "mg_engine_export() comes after mg_engine_check()");
	EXPECT_TOO_EARLY(mg_engine_export_counted(engine, MG_IPV4, &text, &tap_error),
			 "mg_engine_export_counted() comes after mg_engine_check()");
	EXPECT_TOO_EARLY(mg_engine_plan(engine, &tap_error),
			 "mg_engine_plan() comes after mg_engine_check()");
	EXPECT_IS(mg_engine_rule_count(engine), 0);
	EXPECT_DONE(mg_engine_check(engine, &tap_error));
	EXPECT_TOO_EARLY(mg_engine_check(engine, &tap_error),
			 "an engine checks one policy, once: open another one");
	EXPECT_TOO_EARLY(mg_engine_sections(engine, false, &sections, &tap_error),
			 "mg_engine_sections() comes after mg_engine_plan()");
	mg_engine_plan_summary(engine, &summary);
	EXPECT(summary.added == 0 && !summary.is_empty);
	EXPECT_DONE(mg_engine_plan(engine, &tap_error));
	EXPECT_TOO_EARLY(mg_engine_apply(engine, 60, &transaction, &tap_error),
			 "mg_engine_apply() comes after mg_engine_begin()");
	EXPECT_TOO_EARLY(mg_engine_record(engine, &tap_error),
			 "mg_engine_record() comes after mg_engine_begin()");
	EXPECT(!transaction && !sections && !text);
	EXPECT(mg_engine_apply(engine, 60, &transaction, NULL) < 0); /* without a place for words */
	put_away();
}

static void no_policy(void)
{
	struct mg_request request = { .state_dir = state_dir, .run_dir = run_dir };

	EXPECT_DONE(mg_engine_open(&request, &engine, &tap_error));
	EXPECT(mg_engine_check(engine, &tap_error) < 0);
	EXPECT_TEXT(tap_error.text, "the request names no policy file");
	put_away();
}

static void imports(void)
{
	static const char rules[] = "*filter\n-A INPUT -p tcp --dport 443 -m conntrack --ctstate "
				    "NEW -m comment --comment HTTPS -j ACCEPT\nCOMMIT\n";
	const struct mg_import_text texts[] = { {
		.name = "rules",
		.text = rules,
		.length = sizeof(rules) - 1,
	} };
	struct mg_import import = { .texts = texts, .count = 1 };
	char *text = NULL;

	EXPECT_DONE(open_for(server, false));
	EXPECT_DONE(mg_engine_import(engine, &import, &text, &tap_error));
	EXPECT(strstr(text, "\nonly_family \"ipv4\"\n") &&
	       strstr(text, "\nallow_inbound_https()\n"));
	free(text);
	text = NULL;
	import.count = 0; /* what is live: nothing */
	EXPECT_DONE(mg_engine_import(engine, &import, &text, &tap_error));
	EXPECT(strstr(text, "-- There are no rules."));
	free(text);
	put_away();
}

static void plans(void)
{
	struct mg_plan_summary summary;
	struct mg_sections *sections;
	const struct mg_section *input = NULL;
	struct seen seen = { .stop = 0 };
	size_t i;

	EXPECT_DONE(plan(server));
	mg_engine_plan_summary(engine, &summary);
	EXPECT_IS(summary.added, mg_engine_rule_count(engine));
	EXPECT_IS(summary.removed + summary.moved + summary.kept, 0);
	EXPECT_IS(summary.policies_changed, 6);
	EXPECT(!summary.is_empty);
	EXPECT_DONE(mg_engine_sections(engine, false, &sections, &tap_error));
	for (i = 0; i < mg_sections_count(sections); i++)
		if (strcmp(mg_sections_at(sections, i)->chain, "INPUT") == 0)
			input = mg_sections_at(sections, i);
	EXPECT(input && input->changed && input->line_count > 0);
	EXPECT_TEXT(input->table, "filter");
	EXPECT_TEXT(input->policy_before, "ACCEPT");
	EXPECT_TEXT(input->policy_after, "DROP");
	EXPECT_IS(input->lines[0].kind, MG_LINE_ADD);
	EXPECT_TEXT(input->lines[0].text, "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT");
	EXPECT_TEXT(input->lines[0].origin, "policy.lua:1 allow_established");
	mg_sections_free(sections);
	EXPECT_DONE(look("filter", NULL, &seen));
	EXPECT_IS(seen.rules, 0); /* nothing was touched */
	put_away();
}

static void plans_sets(void)
{
	struct mg_set_changes *changes;
	const struct mg_set_change *set;
	char *text = NULL;

	EXPECT_DONE(plan(with_set));
	EXPECT_DONE(mg_engine_set_changes(engine, false, &changes, &tap_error));
	EXPECT_IS(mg_set_changes_count(changes), 1);
	set = mg_set_changes_at(changes, 0);
	EXPECT(set->created && set->family == MG_IPV6 && set->added_count == 1);
	EXPECT_TEXT(set->added[0], "2001:db8::7");
	EXPECT(!set->live && !set->live_type);
	mg_set_changes_free(changes);
	EXPECT_DONE(mg_engine_export_sets(engine, MG_IPV6, &text, &tap_error));
	EXPECT(strstr(text, "\nadd mg6-list1 2001:db8::7\n"));
	free(text);
	put_away();
}

static void applies_a_saved_plan(void)
{
	struct mg_plan_summary summary;
	struct seen seen = { .stop = 0 };
	char path[4200];

	snprintf(path, sizeof(path), "%s.plan", policy_file);
	EXPECT_DONE(open_for(server, false));
	EXPECT(mg_engine_save_plan(engine, path, &tap_error) < 0);
	EXPECT_TEXT(tap_error.text, "mg_engine_save_plan() comes after mg_engine_plan()");
	EXPECT_DONE(plan(server));
	EXPECT_DONE(mg_engine_save_plan(engine, path, &tap_error));
	EXPECT(mg_is_saved_plan(path) && !mg_is_saved_plan(policy_file));
	EXPECT_DONE(open_for(more, false)); /* what the policy says now does not matter */
	EXPECT_DONE(mg_engine_look_after(engine, &tap_error));
	EXPECT_DONE(mg_engine_load_plan(engine, path, &tap_error));
	EXPECT_DONE(mg_engine_begin(engine, &tap_error));
	EXPECT_DONE(mg_engine_plan(engine, &tap_error));
	mg_engine_plan_summary(engine, &summary);
	EXPECT(summary.added > 5);
	EXPECT_DONE(mg_engine_apply(engine, 60, &transaction, &tap_error));
	EXPECT_DONE(look("filter", "INPUT", &seen));
	EXPECT(seen.is_policy_drop && !seen.has_https);
	mg_transaction_rollback(transaction);
	EXPECT_IS(mg_transaction_wait(transaction, 10000, &tap_error), MG_VERDICT_ROLLED_BACK);
	EXPECT_DONE(open_for(server, false));
	EXPECT(mg_engine_load_plan(engine, policy_file, &tap_error) < 0); /* it is none */
	EXPECT_IS(tap_error.status, MG_INVALID);
	put_away();
}

static void tells_facts_and_families(void)
{
	char *facts = NULL, name[256];

	EXPECT_DONE(open_for(server, false));
	EXPECT_DONE(mg_engine_facts(engine, &facts, &tap_error));
	EXPECT_IS(gethostname(name, sizeof(name)), 0);
	EXPECT(facts && strstr(facts, name) && facts[strlen(facts) - 1] == '\n');
	free(facts);
	EXPECT_IS(mg_engine_families(engine), 1U << MG_IPV4 | 1U << MG_IPV6);
	EXPECT_IS(mg_engine_operators(engine), 0);
	EXPECT(!mg_engine_flow_report(engine));
	EXPECT_IS(mg_engine_flows_ended(engine), 0);
	EXPECT(!mg_engine_confinement(engine));
	EXPECT_DONE(mg_engine_check(engine, &tap_error));
	EXPECT(strstr(mg_engine_confinement(engine), "seccomp"));
	EXPECT_DONE(mg_engine_try(engine, &tap_error));
	put_away();
}

static void looks_up_names(void)
{
	const struct mg_resolution *resolution;
	char path[4200];
	size_t i, added = 0;

	snprintf(path, sizeof(path), "%.*s.resolved", (int)(strlen(policy_file) - 4), policy_file);
	EXPECT_DONE(open_for("drop_outbound { to = resolve(\"localhost\") }\n", false));
	EXPECT(mg_engine_check(engine, &tap_error) < 0);
	EXPECT(strstr(tap_error.text, "policy.lua:1: resolve: \"localhost\" is not in "));
	EXPECT_DONE(open_for("drop_outbound { to = resolve(\"localhost\") }\n", false));
	EXPECT_DONE(mg_engine_resolve(engine, &resolution, &tap_error));
	EXPECT_TEXT(resolution->path, path);
	EXPECT_IS(resolution->names, 1);
	for (i = 0; i < resolution->change_count; i++) {
		EXPECT_TEXT(resolution->changes[i].name, "localhost");
		added += resolution->changes[i].added;
	}
	EXPECT(added && added == resolution->addresses && added == resolution->change_count);
	EXPECT(mg_engine_resolve(engine, &resolution, &tap_error) < 0); /* once */
	EXPECT_IS(tap_error.status, MG_INVALID);
	EXPECT_DONE(open_for("drop_outbound { to = resolve(\"localhost\") }\n", false));
	EXPECT_DONE(mg_engine_check(engine, &tap_error));
	EXPECT_IS(unlink(path), 0);
	put_away();
}

static void pins_modules(void)
{
	const struct mg_lock *lock;
	char path[4200];

	snprintf(path, sizeof(path), "%.*s/moongate.lock",
		 (int)(strrchr(policy_file, '/') - policy_file), policy_file);
	EXPECT_DONE(open_for("use(\"roles.base\")\n", false));
	EXPECT_DONE(mg_engine_lock(engine, false, &lock, &tap_error));
	EXPECT_TEXT(lock->path, path);
	EXPECT(lock->is_new && lock->used == 1 && lock->pinned == 1 && lock->change_count == 1);
	EXPECT_TEXT(lock->changes[0].module, "roles.base");
	EXPECT(!lock->changes[0].before && strlen(lock->changes[0].after) == 64);
	EXPECT(mg_engine_lock(engine, false, &lock, &tap_error) < 0); /* once */
	EXPECT_DONE(open_for("use(\"roles.ntp_client\")\n", false));
	EXPECT(mg_engine_check(engine, &tap_error) < 0);
	EXPECT_IS(tap_error.status, MG_INVALID);
	EXPECT(strstr(tap_error.text, "policy.lua:1: use(\"roles.ntp_client\"): "));
	EXPECT_IS(unlink(path), 0);
	put_away();
}

static void finds_names(void)
{
	static const char *const names[] = { "plan", "apply", "status", NULL };

	EXPECT_TEXT(mg_nearest("aply", names), "apply");
	EXPECT(!mg_nearest("confirm", names));
}

static void rolls_back(void)
{
	struct seen applied = { .stop = 0 }, after = { .stop = 0 };
	struct mg_report report;

	EXPECT_DONE(apply(server, 60));
	EXPECT_IS(mg_transaction_wait(transaction, 0, &tap_error), MG_VERDICT_NONE);
	EXPECT_DONE(look("filter", "INPUT", &applied));
	EXPECT(applied.is_policy_drop && applied.rules > 5);
	EXPECT_DONE(mg_engine_report(engine, &report, &tap_error));
	EXPECT_IS(report.pending, MG_PENDING_WAITING);
	EXPECT_IS(report.pending_number, mg_transaction_number(transaction));
	EXPECT_TEXT(report.pending_token, mg_transaction_token(transaction));
	EXPECT(report.seconds_left > 50 && report.seconds_left <= 60);
	EXPECT(!report.confirmed.number);
	mg_transaction_rollback(transaction);
	EXPECT_IS(mg_transaction_wait(transaction, 10000, &tap_error), MG_VERDICT_ROLLED_BACK);
	EXPECT_DONE(look("filter", "INPUT", &after));
	EXPECT(!after.is_policy_drop && after.rules == 0);
	put_away();
}

static void times_out(void)
{
	struct seen after = { .stop = 0 };

	EXPECT_DONE(apply(server, 1));
	EXPECT_IS(mg_transaction_wait(transaction, 10000, &tap_error), MG_VERDICT_ROLLED_BACK);
	EXPECT_DONE(look("filter", "INPUT", &after));
	EXPECT_IS(after.rules, 0);
	put_away();
}

static void confirms(void)
{
	struct mg_report report;

	EXPECT_DONE(apply(server, 60));
	EXPECT_DONE(mg_transaction_confirm(transaction, "library", &tap_error));
	EXPECT_IS(mg_transaction_wait(transaction, 10000, &tap_error), MG_VERDICT_CONFIRMED);
	EXPECT_DONE(open_for(server, false));
	EXPECT_DONE(mg_engine_report(engine, &report, &tap_error));
	EXPECT_IS(report.confirmed.number, mg_transaction_number(transaction));
	EXPECT_TEXT(report.confirmed.confirmed_by, "library");
	EXPECT_TEXT(report.confirmed.policy, policy_file);
	EXPECT(report.has_drift && !report.missing && !report.foreign && !report.policies);
	EXPECT_IS(report.pending, MG_PENDING_NONE);
	mg_transaction_free(transaction);
	transaction = NULL;
	put_away();
}

static void records(void)
{
	struct mg_plan_summary summary;

	EXPECT_DONE(plan(server));
	mg_engine_plan_summary(engine, &summary);
	EXPECT(summary.is_empty && summary.kept == mg_engine_rule_count(engine));
	EXPECT_DONE(mg_engine_record(engine, &tap_error));
	put_away();
}

static void confirms_from_elsewhere(void)
{
	struct seen seen = { .stop = 0 };

	EXPECT_DONE(apply(more, 60));
	EXPECT_DONE(open_for(more, false));
	EXPECT_DONE(mg_engine_confirm(engine, NULL, true, &tap_error));
	EXPECT_IS(mg_transaction_wait(transaction, 10000, &tap_error), MG_VERDICT_CONFIRMED);
	mg_transaction_free(transaction);
	transaction = NULL;
	EXPECT_DONE(look("filter", "INPUT", &seen));
	EXPECT(seen.has_https);
	EXPECT(mg_engine_rollback(engine, NULL, &tap_error) < 0);
	EXPECT_IS(tap_error.status, MG_INVALID);
	put_away();
}

static void restores(void)
{
	struct mg_restoration done = { .changed = true };
	struct seen seen = { .stop = 0 };

	EXPECT_DONE(open_for(server, false));
	EXPECT_DONE(mg_engine_restore(engine, &done, &tap_error));
	EXPECT(done.number && !done.changed); /* it is live */
	EXPECT_DONE(apply(server, 60));
	EXPECT_DONE(open_for(server, false));
	EXPECT(mg_engine_restore(engine, &done, &tap_error) < 0);
	EXPECT_IS(tap_error.status, MG_BUSY);
	mg_transaction_rollback(transaction);
	EXPECT_IS(mg_transaction_wait(transaction, 10000, &tap_error), MG_VERDICT_ROLLED_BACK);
	mg_transaction_free(transaction);
	transaction = NULL;
	EXPECT_DONE(look("filter", "INPUT", &seen));
	EXPECT(seen.has_https);
	put_away();
}

static void visits(void)
{
	struct seen all = { .stop = 0 }, input = { .stop = 0 }, stopped = { .stop = 42 };

	EXPECT_DONE(look(NULL, NULL, &all));
	EXPECT(all.chains >= 6 && all.rules > 10);
	EXPECT_IS(all.ours, all.rules);
	EXPECT_DONE(look("filter", "INPUT", &input));
	EXPECT_IS(input.chains, 2);
	EXPECT(input.last_number > 1 && input.rules < all.rules);
	EXPECT_IS(look(NULL, NULL, &stopped), 42);
	EXPECT_IS(stopped.chains, 1);
	EXPECT(look("filters", NULL, &all) < 0);
	EXPECT_IS(tap_error.status, MG_INVALID);
	EXPECT(look("filter", "NONE", &all) < 0);
	EXPECT_TEXT(tap_error.text, "there is no chain `NONE' in table filter");
	put_away();
}

static void exports_what_is_live(void)
{
	char *text = NULL;

	EXPECT_DONE(open_for(server, false));
	EXPECT_DONE(mg_engine_export_live(engine, MG_IPV4, "filter", true, &text, &tap_error));
	EXPECT(text && strstr(text, "\n:INPUT DROP [") && strstr(text, "] -A INPUT "));
	free(text);
	text = NULL;
	EXPECT(mg_engine_export_live(engine, MG_IPV4, "filters", true, &text, &tap_error) < 0);
	EXPECT_IS(tap_error.status, MG_INVALID);
	EXPECT(!text);
	put_away();
}

static void refuses(void)
{
	EXPECT_DONE(plan("-- nothing\n"));
	EXPECT(mg_engine_refusals(engine) > 0);
	EXPECT(mg_engine_apply(engine, 60, &transaction, &tap_error) < 0);
	EXPECT_IS(tap_error.status, MG_UNSAFE);
	EXPECT(!transaction);
	EXPECT_DONE(open_for("-- nothing\n", true)); /* what the request allows is a warning */
	EXPECT_DONE(mg_engine_check(engine, &tap_error));
	EXPECT_IS(mg_engine_refusals(engine), 0);
	EXPECT_IS(mg_engine_notes(engine)->items[0].severity, MG_WARNING);
	put_away();
}

static void passes_on_the_kernel(void)
{
	EXPECT(plan(refused) < 0);
	EXPECT_IS(tap_error.status, MG_KERNEL);
	EXPECT(strncmp(tap_error.text, "policy.lua:3: append: ", 22) == 0);
	EXPECT(mg_engine_apply(engine, 60, &transaction, &tap_error) < 0); /* it was not planned */
	EXPECT_IS(tap_error.status, MG_INVALID);
	put_away();
}

static void waits_for_others(void)
{
	int ready[2], end[2], status;
	char byte = 0;
	pid_t child;

	EXPECT(pipe(ready) == 0 && pipe(end) == 0);
	child = fork();
	if (child == 0) {
		close(end[1]);
		byte = open_for(server, false) || mg_engine_begin(engine, &tap_error);
		/* hold the lock until the parent has seen it */
		_exit(write(ready[1], &byte, 1) != 1 || read(end[0], &byte, 1) != 0);
	}
	EXPECT(read(ready[0], &byte, 1) == 1 && byte == 0);
	EXPECT_DONE(open_for(server, false));
	EXPECT(mg_engine_begin(engine, &tap_error) < 0);
	EXPECT_IS(tap_error.status, MG_BUSY);
	close(end[1]);
	EXPECT(waitpid(child, &status, 0) == child && status == 0);
	EXPECT_DONE(mg_engine_begin(engine, &tap_error));
	put_away();
}

static void frees_nothing(void)
{
	mg_engine_close(NULL);
	mg_sections_free(NULL);
	mg_set_changes_free(NULL);
	mg_transaction_free(NULL);
	mg_notes_clear(&(struct mg_notes){ .count = 0 });
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 64;
	snprintf(policy_file, sizeof(policy_file), "%s/policy.lua", argv[1]);
	snprintf(state_dir, sizeof(state_dir), "%s/state", argv[1]);
	snprintf(run_dir, sizeof(run_dir), "%s/run", argv[1]);
	tap_clean_up = put_away;
	tap_run("refuses a step that comes too early", steps_too_early);
	tap_run("wants a policy", no_policy);
	tap_run("plans, and touches nothing", plans);
	tap_run("tells what happens to sets", plans_sets);
	tap_run("imports", imports);
	tap_run("tells the host's facts", tells_facts_and_families);
	tap_run("looks up the names of a policy", looks_up_names);
	tap_run("pins the modules of a policy", pins_modules);
	tap_run("finds the right name", finds_names);
	tap_run("applies a plan that was saved", applies_a_saved_plan);
	tap_run("applies and rolls back", rolls_back);
	tap_run("rolls back by itself", times_out);
	tap_run("applies and confirms", confirms);
	tap_run("records an empty plan", records);
	tap_run("confirms from another engine", confirms_from_elsewhere);
	tap_run("restores what is confirmed", restores);
	tap_run("visits what is live", visits);
	tap_run("exports what is live", exports_what_is_live);
	tap_run("refuses what is not safe", refuses);
	tap_run("passes on what the kernel says, with the line", passes_on_the_kernel);
	tap_run("says that another transaction is under way", waits_for_others);
	tap_run("goes back to a generation", goes_back);
	tap_run("frees nothing", frees_nothing);
	return tap_end();
}
