/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sets in a transaction, with its guard, in a network namespace of this
 * program's own: what the kernel has at each point is asked of ipset(8) and
 * iptables-save(8).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

#include "plan/apply.h"
#include "plan/sets_commit.h"
#include "ruleset/save_text.h"
#include "spec/support/tap.h"

static const char *folder;
static struct mg_state *state;
static struct mg_plan *plan;
static struct mg_ruleset *ruleset;
static struct mg_transaction *transaction;
static char before[65536];

/* What a command prints. */
static const char *output(const char *command)
{
	static char text[65536];
	FILE *pipe = popen(command, "r");
	size_t size = fread(text, 1, sizeof(text) - 1, pipe);

	text[size] = '\0';
	pclose(pipe);
	return text;
}

/* All that there is of sets and rules; no counters, and no random seeds. */
static const char *everything(void)
{
	return output("ipset save -sorted | sed 's/ initval 0x[0-9a-f]*//'; "
		      "iptables-legacy-save | grep -v '^#' | sed 's/\\[.*//'");
}

static void forget(void)
{
	mg_transaction_free(transaction);
	mg_plan_free(plan);
	mg_ruleset_free(ruleset);
	transaction = NULL;
	plan = NULL;
	ruleset = NULL;
}

static void end(void)
{
	if (transaction)
		mg_transaction_rollback(transaction);
	forget();
	mg_state_close(state);
	state = NULL;
	if (system("iptables-legacy -F; iptables-legacy -t raw -F; ip6tables-legacy -F; "
		   "ipset destroy"))
		tap_fail(__LINE__, "cannot clean up");
}

/* A set from "mg4-x 192.0.2.1 198.51.100.0/24". */
static int add_set(const char *text)
{
	struct mg_set_member members[64];
	char copy[1024], *rest = copy, *word, *slash;
	struct mg_set_view set = { .members = members, .origin = "p.lua:1 addresses" };

	snprintf(copy, sizeof(copy), "%s", text);
	set.name = strsep(&rest, " ");
	set.family = set.name[2] == '6' ? MG_IPV6 : MG_IPV4;
	while ((word = strsep(&rest, " "))) {
		struct mg_set_member *member = &members[set.count++];
		const int family = set.family == MG_IPV6 ? AF_INET6 : AF_INET;

		memset(member, 0, sizeof(*member));
		slash = strchr(word, '/');
		member->prefix = slash ? (uint8_t)atoi(slash + 1)
				       : (uint8_t)mg_set_width(set.family);
		if (slash)
			*slash = '\0';
		if (inet_pton(family, word, member->address) != 1)
			return -EINVAL;
	}
	return mg_sets_add(mg_ruleset_sets(ruleset), &set, NULL, &tap_error);
}

/* @rules: lines of IPv4's filter and raw; @sets: as add_set() takes them, ended by NULL */
static int make_plan(const char *rules, const char *const *sets)
{
	int err;

	forget();
	err = mg_ruleset_new(&ruleset, &tap_error);
	if (!err)
		err = mg_save_read(ruleset, MG_IPV4, "rules", rules, strlen(rules), &tap_error);
	for (; *sets && !err; sets++)
		err = add_set(*sets);
	if (!err)
		err = mg_ruleset_seal(ruleset, &tap_error);
	if (!err)
		err = mg_plan_compile(ruleset, 1U << MG_IPV4, &plan, NULL, &tap_error);
	if (!err)
		err = mg_plan_compare(plan, &tap_error);
	return err;
}

static int apply(void)
{
	const struct mg_apply_order order = {
		.state = state,
		.plan = plan,
		.policy = "p.lua",
		.user = "u",
		.connections = "",
		.seconds = 60,
	};

	return mg_apply(&order, &transaction, &tap_error);
}

static int open_state(void)
{
	char path[512], run[512];

	if (state)
		return 0;
	snprintf(path, sizeof(path), "%s/state", folder);
	snprintf(run, sizeof(run), "%s/run", folder);
	return mg_state_open(path, run, true, &state, &tap_error)
		       ?: mg_state_lock(state, 5, &tap_error);
}

/* Plan and apply, and see that it is what the kernel has. */
static int change(const char *rules, const char *const *sets)
{
	int err = open_state();

	if (!err)
		err = make_plan(rules, sets);
	if (!err)
		err = apply();
	return err;
}

static int confirm(void)
{
	return mg_transaction_confirm(transaction, "console", &tap_error);
}

#define FILTER(rules) "*filter\n:INPUT ACCEPT [0:0]\n" rules "COMMIT\n"
#define DROP(set) "-A INPUT -m set --match-set " set " src -j DROP\n"
#define SETS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static const char *names(void)
{
	return output("ipset list -n | sort | tr '\\n' ' '");
}

static const char *members(const char *name)
{
	char command[128];

	snprintf(command, sizeof(command),
		 "ipset save %s -sorted | sed -n 's/^add [^ ]* //p' | tr '\\n' ' '", name);
	return output(command);
}

static void makes_what_is_new(void)
{
	EXPECT_DONE(open_state());
	EXPECT_DONE(make_plan(FILTER(DROP("mg4-a")), SETS("mg4-a 192.0.2.1 10.0.0.0/8")));
	EXPECT(!mg_plan_is_empty(plan));
	EXPECT_IS(plan->sets->count, 1);
	EXPECT_IS(plan->sets->items[0].added, 2);
	EXPECT_TEXT(plan->sets->items[0].live, "");
	EXPECT_DONE(apply());
	EXPECT_TEXT(names(), "mg4-a ");
	EXPECT_TEXT(members("mg4-a"), "10.0.0.0/8 192.0.2.1 ");
	EXPECT_DONE(confirm());
	EXPECT_DONE(make_plan(FILTER(DROP("mg4-a")), SETS("mg4-a 192.0.2.1 10.0.0.0/8")));
	EXPECT(mg_plan_is_empty(plan));
	end();
}

static void takes_back_what_is_new(void)
{
	EXPECT_DONE(change(FILTER(DROP("mg4-a")), SETS("mg4-a 192.0.2.1")));
	mg_transaction_rollback(transaction);
	EXPECT_TEXT(names(), "");
	EXPECT_TEXT(output("iptables-legacy -S INPUT"), "-P INPUT ACCEPT\n");
	end();
}

static void leaves_tables_alone(void)
{
	EXPECT_DONE(change(FILTER(DROP("mg4-a")), SETS("mg4-a 192.0.2.1 192.0.2.2")));
	EXPECT_DONE(confirm());
	EXPECT_DONE(make_plan(FILTER(DROP("mg4-a")), SETS("mg4-a 192.0.2.2 192.0.2.3")));
	EXPECT_IS(plan->sets->items[0].added, 1);
	EXPECT_IS(plan->sets->items[0].removed, 1);
	EXPECT(mg_diff_is_empty(plan->tables[0].diff));
	strcpy(before, everything());
	EXPECT_DONE(apply());
	EXPECT(!plan->tables[0].rebinds);
	EXPECT_TEXT(members("mg4-a"), "192.0.2.2 192.0.2.3 ");
	EXPECT_TEXT(output("ipset list -n | wc -l"), "2\n");
	mg_transaction_rollback(transaction);
	EXPECT_TEXT(everything(), before);
	EXPECT_DONE(change(FILTER(DROP("mg4-a")), SETS("mg4-a 192.0.2.2 192.0.2.3")));
	EXPECT_DONE(confirm());
	EXPECT_TEXT(names(), "mg4-a ");
	EXPECT_TEXT(members("mg4-a"), "192.0.2.2 192.0.2.3 ");
	end();
}

static void changes_rules_and_members_together(void)
{
	EXPECT_DONE(change(FILTER(DROP("mg4-a")), SETS("mg4-a 192.0.2.1")));
	EXPECT_DONE(confirm());
	strcpy(before, everything());
	EXPECT_DONE(change(FILTER(DROP("mg4-a") "-A INPUT -p icmp -j DROP\n"),
			   SETS("mg4-a 192.0.2.2")));
	/* until the verdict both are there, the rules on the new one */
	EXPECT_TEXT(output("ipset list -n | wc -l"), "2\n");
	EXPECT_TEXT(members("mg4-a"), "192.0.2.1 ");
	EXPECT_TEXT(output("iptables-legacy -S INPUT | grep -c 'match-set mg4-a[.][0-9]* src'"),
		    "1\n");
	mg_transaction_rollback(transaction);
	EXPECT_TEXT(everything(), before);
	EXPECT_DONE(change(FILTER(DROP("mg4-a") "-A INPUT -p icmp -j DROP\n"),
			   SETS("mg4-a 192.0.2.2")));
	EXPECT_DONE(confirm());
	EXPECT_TEXT(output("ipset list -n | grep -c 'mg4-a[.]'"), "1\n");
	EXPECT_TEXT(output("ipset list -n | wc -l"), "1\n");
	EXPECT_DONE(make_plan(FILTER(DROP("mg4-a") "-A INPUT -p icmp -j DROP\n"),
			      SETS("mg4-a 192.0.2.2")));
	EXPECT(mg_plan_is_empty(plan));
	/* the next one of that kind has the plain name again */
	EXPECT_DONE(change(FILTER(DROP("mg4-a")), SETS("mg4-a 192.0.2.3")));
	EXPECT_DONE(confirm());
	EXPECT_TEXT(names(), "mg4-a ");
	end();
}

/* A table that does not change itself, but whose set is made anew for another's sake. */
static void writes_all_that_look_it_up(void)
{
	static const char one[] =
		"*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -m set --match-set "
		"mg4-a src -j DROP\nCOMMIT\n" FILTER(DROP("mg4-a"));
	static const char other[] =
		"*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -m set --match-set "
		"mg4-a src -j DROP\nCOMMIT\n" FILTER(DROP("mg4-a") "-A INPUT -p icmp -j DROP\n");

	EXPECT_DONE(change(one, SETS("mg4-a 192.0.2.1")));
	EXPECT_DONE(confirm());
	strcpy(before, everything());
	EXPECT_DONE(change(other, SETS("mg4-a 192.0.2.2")));
	EXPECT_TEXT(output("iptables-legacy-save | grep -c 'match-set mg4-a[.][0-9]* src'"), "2\n");
	mg_transaction_rollback(transaction);
	EXPECT_TEXT(everything(), before);
	EXPECT_DONE(change(other, SETS("mg4-a 192.0.2.2")));
	EXPECT_DONE(confirm());
	EXPECT_TEXT(output("ipset list -n | wc -l"), "1\n");
	end();
}

/* Whoever was killed between two tables has left each of them a set of its own. */
static void joins_what_is_split(void)
{
	static const char rules[] =
		"*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -m set --match-set "
		"mg4-a src -j DROP\nCOMMIT\n" FILTER(DROP("mg4-a"));

	EXPECT_DONE(change(rules, SETS("mg4-a 192.0.2.1")));
	EXPECT_DONE(confirm());
	EXPECT_IS(system("ipset create mg4-a.9 hash:ip && ipset add mg4-a.9 192.0.2.2 && "
			 "iptables-legacy -t raw -R PREROUTING 1 -m set --match-set mg4-a.9 src -j "
			 "DROP"),
		  0);
	strcpy(before, everything());
	/* no rule changes, and the newer set has the members: but the other one is looked up, too
	 */
	EXPECT_DONE(make_plan(rules, SETS("mg4-a 192.0.2.2")));
	EXPECT(!mg_plan_is_empty(plan));
	EXPECT_DONE(apply());
	mg_transaction_rollback(transaction);
	EXPECT_TEXT(everything(), before);
	EXPECT_DONE(change(rules, SETS("mg4-a 192.0.2.2")));
	EXPECT_DONE(confirm());
	EXPECT_TEXT(output("ipset list -n | wc -l"), "1\n");
	EXPECT_TEXT(output("ipset save | grep -c 'add mg4-a[.0-9]* 192.0.2.2'"), "1\n");
	EXPECT_DONE(make_plan(rules, SETS("mg4-a 192.0.2.2")));
	EXPECT(mg_plan_is_empty(plan));
	end();
}

static void changes_types(void)
{
	EXPECT_DONE(change(FILTER(DROP("mg4-a")), SETS("mg4-a 192.0.2.1")));
	EXPECT_DONE(confirm());
	EXPECT_TEXT(output("ipset list -t mg4-a | sed -n 's/^Type: //p'"), "hash:ip\n");
	strcpy(before, everything());
	EXPECT_DONE(change(FILTER(DROP("mg4-a")), SETS("mg4-a 192.0.2.0/24")));
	EXPECT(plan->tables[0].rebinds);
	mg_transaction_rollback(transaction);
	EXPECT_TEXT(everything(), before);
	EXPECT_DONE(change(FILTER(DROP("mg4-a")), SETS("mg4-a 192.0.2.0/24")));
	EXPECT_DONE(confirm());
	EXPECT_TEXT(output("ipset list -t | sed -n 's/^Type: //p'"), "hash:net\n");
	/* back to addresses only: networks' set holds them, and no table is written */
	EXPECT_DONE(change(FILTER(DROP("mg4-a")), SETS("mg4-a 192.0.2.9")));
	EXPECT(!plan->tables[0].rebinds);
	EXPECT_DONE(confirm());
	EXPECT_DONE(make_plan(FILTER(DROP("mg4-a")), SETS("mg4-a 192.0.2.9")));
	EXPECT(mg_plan_is_empty(plan));
	end();
}

static void removes_what_is_not_wanted(void)
{
	EXPECT_DONE(change(FILTER(DROP("mg4-a") DROP("mg4-b")),
			   SETS("mg4-a 192.0.2.1", "mg4-b 192.0.2.2 192.0.2.3")));
	EXPECT_DONE(confirm());
	EXPECT_IS(system("ipset create other hash:ip && ipset create mg4-left.3 hash:ip && ipset "
			 "create "
			 "mg6-left hash:ip family inet6"),
		  0);
	strcpy(before, everything());
	EXPECT_DONE(change(FILTER(DROP("mg4-a")), SETS("mg4-a 192.0.2.1")));
	EXPECT_IS(plan->sets->count, 3);
	EXPECT_TEXT(plan->sets->items[1].name, "mg4-b");
	EXPECT(!plan->sets->items[1].is_wanted);
	EXPECT_IS(plan->sets->items[1].removed, 2);
	/* not before it is confirmed */
	EXPECT_TEXT(names(), "mg4-a mg4-b mg4-left.3 mg6-left other ");
	mg_transaction_rollback(transaction);
	EXPECT_TEXT(everything(), before);
	EXPECT_DONE(change(FILTER(DROP("mg4-a")), SETS("mg4-a 192.0.2.1")));
	EXPECT_DONE(confirm());
	/* nobody else's, and none of a family that was not planned */
	EXPECT_TEXT(names(), "mg4-a mg6-left other ");
	end();
}

/* A set that rules of a table outside of the policy look up cannot go, and is no change. */
static void leaves_what_is_in_use(void)
{
	EXPECT_DONE(change(FILTER(DROP("mg4-a")), SETS("mg4-a 192.0.2.1")));
	EXPECT_DONE(confirm());
	EXPECT_IS(system("iptables-legacy -t raw -A PREROUTING -m set --match-set mg4-a src"), 0);
	EXPECT_DONE(change(FILTER("-A INPUT -j ACCEPT\n"), ((const char *const[]){ NULL })));
	EXPECT_IS(plan->sets->count, 0);
	EXPECT_DONE(confirm());
	EXPECT_TEXT(names(), "mg4-a ");
	end();
}

static void refuses_what_is_not_ours(void)
{
	EXPECT_IS(system("ipset create mg4-a bitmap:port range 1-10"), 0);
	EXPECT_DONE(open_state());
	EXPECT_IS(make_plan(FILTER(DROP("mg4-a")), SETS("mg4-a 192.0.2.1")), -EEXIST);
	EXPECT_IS(tap_error.status, MG_UNSAFE);
	EXPECT_TEXT(tap_error.text,
		    "p.lua:1: addresses: the set mg4-a is somebody else's, of the type "
		    "bitmap:port: give the list another name, or rename that set");
	EXPECT_TEXT(names(), "mg4-a ");
	end();
}

static void names_what_is_missing(void)
{
	static const char rules[] =
		"*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j ACCEPT\n"
		"#@ p.lua:7 append\n-A INPUT -m set --match-set gone src\nCOMMIT\n";

	EXPECT_DONE(make_plan(rules, ((const char *const[]){ NULL })));
	EXPECT_IS(mg_sets_check_names(plan, &tap_error), -ENOENT);
	EXPECT_TEXT(tap_error.text, "p.lua:7: append: Set gone doesn't exist.");
	EXPECT_IS(tap_error.status, MG_INVALID);
	EXPECT_IS(system("ipset create gone hash:ip family inet6"), 0);
	EXPECT_IS(mg_sets_check_names(plan, &tap_error), -ENOENT);
	EXPECT_TEXT(tap_error.text, "p.lua:7: append: The protocol family of set gone is IPv6, "
				    "which is not applicable. Say which: "
				    "set { \"gone\", family = \"ipv6\" }");
	EXPECT_IS(system("ipset destroy gone && ipset create gone hash:net"), 0);
	EXPECT_DONE(mg_sets_check_names(plan, &tap_error));
	EXPECT_DONE(make_plan(FILTER(DROP("mg4-a")), SETS("mg4-a 192.0.2.1")));
	EXPECT_DONE(mg_sets_check_names(plan, &tap_error));
	end();
}

static void notices_changes(void)
{
	EXPECT_DONE(change(FILTER(DROP("mg4-a")), SETS("mg4-a 192.0.2.1")));
	EXPECT_DONE(confirm());
	EXPECT_DONE(make_plan(FILTER(DROP("mg4-a")), SETS("mg4-a 192.0.2.2")));
	EXPECT_IS(system("ipset add mg4-a 192.0.2.77"), 0);
	strcpy(before, everything());
	EXPECT_IS(apply(), -EAGAIN);
	EXPECT_IS(tap_error.status, MG_UNSAFE);
	EXPECT(strstr(tap_error.text, "the set mg4-a has changed since it was read"));
	EXPECT_TEXT(everything(), before);
	EXPECT_DONE(make_plan(FILTER(DROP("mg4-a")), SETS("mg4-a 192.0.2.2")));
	EXPECT_IS(plan->sets->items[0].removed, 2);
	end();
}

/* The table is refused when the set is made already: all goes back. */
static void takes_back_what_a_refusal_leaves(void)
{
	EXPECT_DONE(change(FILTER(DROP("mg4-a")), SETS("mg4-a 192.0.2.1")));
	EXPECT_DONE(confirm());
	strcpy(before, everything());
	/* the kernel maps in mangle only */
	EXPECT_IS(change(FILTER(DROP("mg4-a") "-A INPUT -j SET --map-set mg4-a src --map-mark\n"),
			 SETS("mg4-a 192.0.2.2")),
		  -EINVAL);
	EXPECT_TEXT(everything(), before);
	end();
}

/* Whoever restores is another process than the one that was killed. */
static void restores_for_a_dead_process(void)
{
	struct mg_set_states *states = NULL;
	pid_t child;
	int status;

	EXPECT_DONE(change(FILTER(DROP("mg4-a") DROP("mg4-b")),
			   SETS("mg4-a 192.0.2.1", "mg4-b 192.0.2.2")));
	EXPECT_DONE(confirm());
	strcpy(before, everything());
	EXPECT_DONE(make_plan(FILTER(DROP("mg4-a") DROP("mg4-b")),
			      SETS("mg4-a 192.0.2.3", "mg4-b 192.0.2.4")));
	EXPECT_DONE(mg_sets_choose(plan, 77, &tap_error));
	EXPECT_DONE(mg_sets_states(plan, &states, &tap_error));
	child = fork();
	if (child == 0) {
		if (mg_sets_make(plan, states, NULL) || mg_sets_exchange(plan, states, NULL))
			_exit(1);
		raise(SIGKILL);
	}
	EXPECT(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
	EXPECT_TEXT(members("mg4-a"), "192.0.2.3 ");
	EXPECT_DONE(mg_sets_restore(plan, states, &tap_error));
	EXPECT_TEXT(everything(), before);
	/* and once more, as a guard does that failed elsewhere */
	EXPECT_DONE(mg_sets_restore(plan, states, &tap_error));
	EXPECT_TEXT(everything(), before);
	mg_sets_states_free(states);
	end();
}

int main(int argc, char **argv)
{
	tap_clean_up = end;
	folder = argc > 1 ? argv[1] : ".";
	if (unshare(CLONE_NEWNET)) {
		snprintf(tap_skipped, sizeof(tap_skipped), "no network namespace of its own");
		tap_report("sets in a transaction");
		return tap_end();
	}
	tap_run("are made where they are new", makes_what_is_new);
	tap_run("are gone again when what is new is taken back", takes_back_what_is_new);
	tap_run("exchange their members without a table", leaves_tables_alone);
	tap_run("change together with rules", changes_rules_and_members_together);
	tap_run("have every table written that looks them up", writes_all_that_look_it_up);
	tap_run("are one for all tables again where they were not", joins_what_is_split);
	tap_run("change their type", changes_types);
	tap_run("go when they are not wanted any more, and are ours", removes_what_is_not_wanted);
	tap_run("stay as long as somebody looks them up", leaves_what_is_in_use);
	tap_run("are not made where somebody else has the name", refuses_what_is_not_ours);
	tap_run("are missed before anything is touched", names_what_is_missing);
	tap_run("are looked at again before they change", notices_changes);
	tap_run("go back when a table is refused", takes_back_what_a_refusal_leaves);
	tap_run("are restored for a process that is gone", restores_for_a_dead_process);
	return tap_end();
}
