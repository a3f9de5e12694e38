/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The keep records of a ruleset: read back as they were given, once each, and
 * found by what their patterns match.
 */
#include "ruleset/save_text.h"

#include <errno.h>

#include "spec/support/tap.h"

static struct mg_ruleset *ruleset;

static void end(void)
{
	mg_ruleset_free(ruleset);
	ruleset = NULL;
}

static void begin(void)
{
	end();
	EXPECT_DONE(mg_ruleset_new(&ruleset, &tap_error));
}

static int keep(enum mg_keep_kind kind, const char *pattern, const char *owner, unsigned int rank)
{
	const struct mg_keep record = {
		.kind = kind,
		.pattern = pattern,
		.owner = owner,
		.rank = rank,
		.origin = "p.lua:3 keep",
	};

	return mg_ruleset_keep(ruleset, &record, &tap_error);
}

static void read_back(void)
{
	struct mg_keep out;

	begin();
	EXPECT_IS(mg_ruleset_keep_count(ruleset), 0);
	EXPECT_DONE(keep(MG_KEEP_CHAINS, "DOCKER*", "docker", MG_KEEP_RANK));
	EXPECT_DONE(keep(MG_KEEP_TABLES, "nat", NULL, MG_RANK_LAST));
	EXPECT_DONE(mg_ruleset_seal(ruleset, &tap_error));
	EXPECT_IS(mg_ruleset_keep_count(ruleset), 2);
	mg_ruleset_keep_at(ruleset, 0, &out);
	EXPECT_IS(out.kind, MG_KEEP_CHAINS);
	EXPECT_TEXT(out.pattern, "DOCKER*");
	EXPECT_TEXT(out.owner, "docker");
	EXPECT_TEXT(out.origin, "p.lua:3 keep");
	EXPECT_IS(out.rank, MG_RANK_ESTABLISHED);
	mg_ruleset_keep_at(ruleset, 1, &out);
	EXPECT_IS(out.kind, MG_KEEP_TABLES);
	EXPECT_TEXT(out.owner, "");
	EXPECT_IS(out.rank, MG_RANK_LAST);
	end();
}

static void said_twice(void)
{
	begin();
	EXPECT_DONE(keep(MG_KEEP_CHAINS, "f2b-*", "fail2ban", 10));
	EXPECT_DONE(keep(MG_KEEP_CHAINS, "f2b-*", "fail2ban", 10));
	EXPECT_IS(mg_ruleset_keep_count(ruleset), 1);
	EXPECT_DONE(keep(MG_KEEP_SETS, "f2b-*", "fail2ban", 10));
	EXPECT_DONE(keep(MG_KEEP_CHAINS, "f2b-*", "", 10));
	EXPECT_DONE(keep(MG_KEEP_CHAINS, "f2b-*", "fail2ban", 40));
	EXPECT_IS(mg_ruleset_keep_count(ruleset), 4);
	end();
}

static void matching(void)
{
	begin();
	EXPECT_DONE(keep(MG_KEEP_RULES, "-s 172.17.* -j MASQUERADE", "docker", 10));
	EXPECT_DONE(keep(MG_KEEP_CHAINS, "f2b-*", "fail2ban", 10));
	EXPECT_DONE(keep(MG_KEEP_CHAINS, "f2b-sshd", "", 40));
	EXPECT_IS(mg_ruleset_kept_by(ruleset, MG_KEEP_CHAINS, "f2b-sshd"), 1);
	EXPECT_IS(mg_ruleset_kept_by(ruleset, MG_KEEP_CHAINS, "F2B-sshd"), UINT32_MAX);
	EXPECT_IS(mg_ruleset_kept_by(ruleset, MG_KEEP_SETS, "f2b-sshd"), UINT32_MAX);
	/* a slash is a letter like any other: it stands in every network */
	EXPECT_IS(mg_ruleset_kept_by(ruleset, MG_KEEP_RULES,
				     "-s 172.17.0.0/16 ! -o docker0 -j MASQUERADE"),
		  0);
	end();
}

static void by_text(void)
{
	static const struct {
		const char *text;
		uint32_t record;
	} cases[] = {
		{ "-m set --match-set f2b-sshd src -j DROP", 0 },
		{ "-j SET --add-set seen src --del-set f2b-sshd src", 0 },
		{ "-j SET --map-set f2b-mark src --map-mark", 0 },
		{ "-m set ! --match-set \"a set\" dst -j DROP", 2 },
		/* the text itself counts first */
		{ "-p udp --dport 4789 -m set --match-set f2b-x src", 1 },
		{ "-m set --match-set others src -j f2b-sshd", UINT32_MAX },
		{ "-m comment --comment \"--match-set f2b-x\"", UINT32_MAX },
		/* text that makes no sense */
		{ "-m set --match-set", UINT32_MAX },
		{ "-m set --match-set \"f2b-", UINT32_MAX },
		{ "--match-set \"f2b-x\\\" --match-set f2b-y", UINT32_MAX },
		{ "--match-set \"\" --match-set f2b-y", 0 },
	};

	begin();
	EXPECT_DONE(keep(MG_KEEP_SETS, "f2b-*", "fail2ban", 10));
	EXPECT_DONE(keep(MG_KEEP_RULES, "*--dport 4789*", "docker", 10));
	EXPECT_DONE(keep(MG_KEEP_SETS, "a set", "", 10));
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		EXPECT_IS(mg_ruleset_kept_by_text(ruleset, cases[i].text), cases[i].record);
	end();
}

static void refusals(void)
{
	begin();
	EXPECT_IS(keep(MG_KEEP_CHAINS, "", "", 10), -EINVAL);
	EXPECT_IS(tap_error.status, MG_INVALID);
	EXPECT_IS(keep(MG_KEEP_CHAINS, "X", "", 256), -EINVAL);
	EXPECT_IS(keep(MG_KEEP_KINDS, "X", "", 10), -EINVAL);
	EXPECT_IS(mg_ruleset_keep_count(ruleset), 0);
	end();
}

static int read_text(const char *text)
{
	int err;

	begin();
	err = mg_save_read(ruleset, MG_IPV4, "rules.v4", text, strlen(text), &tap_error);
	return err ? err : mg_ruleset_seal(ruleset, &tap_error);
}

/* As a generation has it: a record for each line, and ranks of rules. */
static void as_text(void)
{
	static const struct mg_keep odd = { MG_KEEP_RULES, "-s * --comment \"a \\\" b\"", "", 255,
					    "a b.lua:7 keep" };
	struct mg_rule_view rule;
	char *text = NULL, *whole = NULL;
	struct mg_keep out;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	mg_save_print_keep(stream, &odd);
	fclose(stream);
	EXPECT(asprintf(&whole,
			"%s\n#@keep chains 10 docker DOCKER-* p.lua:3 keep\n#@keepsake \"\n"
			"#@keep chains 10 docker DOCKER-* \"p.lua:3 keep\"\n*filter\n"
			"-A INPUT -j A\n#@rank 20\n-A INPUT -j B\n#@rank 7\n-A INPUT -j C\n"
			"COMMIT\n*nat\n-A OUTPUT -j D\nCOMMIT\n",
			text) > 0);
	free(text);
	/* an origin of two words is quoted, or it is none */
	EXPECT_IS(read_text(whole), -EINVAL);
	EXPECT(strstr(tap_error.text, "rules.v4:2: \"#@keep\" takes a kind, a rank, an owner, a "
				      "pattern and an origin"));
	memcpy(strstr(whole, "p.lua:3 keep"), "p.lua:3_keep", 12);
	EXPECT_DONE(read_text(whole));
	free(whole);
	EXPECT_IS(mg_ruleset_keep_count(ruleset), 2);
	mg_ruleset_keep_at(ruleset, 0, &out);
	EXPECT_IS(out.kind, odd.kind);
	EXPECT_TEXT(out.pattern, odd.pattern);
	EXPECT_TEXT(out.owner, "");
	EXPECT_TEXT(out.origin, odd.origin);
	EXPECT_IS(out.rank, 255);
	mg_ruleset_rule_at(ruleset, 0, &rule);
	EXPECT_TEXT(mg_arg_next(rule.args), "C");
	EXPECT_IS(rule.rank, 7);
	mg_ruleset_rule_at(ruleset, 1, &rule);
	EXPECT_IS(rule.rank, 20);
	mg_ruleset_rule_at(ruleset, 2, &rule);
	EXPECT_IS(rule.rank, MG_RANK_SCRIPT);
	mg_ruleset_rule_at(ruleset, 3, &rule);
	EXPECT_IS(rule.rank, MG_RANK_SCRIPT);
	end();
}

static void nonsense(void)
{
	static const char *const wrong[] = {
		"#@keep chains 10 docker \"\" x\n",	 "#@keep chain 10 docker A x\n",
		"#@keep chains 256 docker A x\n",	 "#@keep chains -1 docker A x\n",
		"#@keep chains 10 docker A\n",		 "#@keep chains 10 docker A x y\n",
		"#@keep chains 10 docker \"A x\n",	 "*filter\n#@rank x\n",
		"*filter\n#@rank 0000000000000000001\n", "*filter\n#@rank 1 2\n",
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		EXPECT_IS(read_text(wrong[i]), -EINVAL);
		EXPECT_IS(tap_error.status, MG_INVALID);
		EXPECT(strncmp(tap_error.text, "rules.v4:", 9) == 0);
	}
	end();
}

int main(void)
{
	tap_clean_up = end;
	tap_run("reads its keep records back", read_back);
	tap_run("has a keep record that is said twice once", said_twice);
	tap_run("finds a keep record by what its pattern matches", matching);
	tap_run("finds a keep record by the text of a rule and the sets in it", by_text);
	tap_run("refuses a keep record that makes no sense", refusals);
	tap_run("reads keep records and ranks from a generation's text", as_text);
	tap_run("refuses text whose keep records or ranks make no sense", nonsense);
	return tap_end();
}
