/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The keep records of a ruleset: read back as they were given, once each, and
 * found by what their patterns match.
 */
#include "ruleset/keep.h"

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

int main(void)
{
	tap_clean_up = end;
	tap_run("reads its keep records back", read_back);
	tap_run("has a keep record that is said twice once", said_twice);
	tap_run("finds a keep record by what its pattern matches", matching);
	tap_run("refuses a keep record that makes no sense", refusals);
	return tap_end();
}
