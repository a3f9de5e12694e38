/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is kept and where it goes, over thousands of random tables: nothing of
 * the policy's is changed, nothing that is kept is lost, told twice or out of
 * place, and nothing else comes along.
 */
#include <errno.h>

#include "spec/unit/plan/random_tables.h"

enum { ROUNDS = 1500 };

/* All that one round is about. */
static struct round {
	struct random_table policy, table;
	struct mg_ruleset *ruleset;
	struct mg_image *compiled, *live, *out;
	struct mg_diff *own;
	struct mg_kept *kept;
	struct mg_owned *owned;
	unsigned int rank; /* of what is kept by its text */
} now;

static void end(void)
{
	mg_image_free(now.out);
	mg_image_free(now.live);
	mg_image_free(now.compiled);
	mg_diff_free(now.own);
	mg_kept_free(now.kept);
	mg_owned_free(now.owned);
	mg_ruleset_free(now.ruleset);
	memset(&now, 0, sizeof(now));
}

static void find_kept(void)
{
	EXPECT_DONE(mg_diff_make(now.live, now.compiled, &now.own, &tap_error));
	EXPECT_DONE(mg_kept_find(now.ruleset, now.live, now.compiled, now.own, now.owned, &now.kept,
				 &tap_error));
}

/* Policy, live table, and a generation that had the rules 10.5. */
static void begin(void)
{
	static const unsigned int ranks[] = { MG_RANK_FIRST, MG_KEEP_RANK, MG_RANK_ALLOW, 41 };
	struct random_table before;
	struct mg_generation generation = { .number = 1 };

	end();
	now.rank = ranks[below(4)];
	random_policy(&now.policy);
	random_live(&now.policy, &now.table);
	now.ruleset = make_ruleset(&now.policy, now.rank);
	now.compiled = make_image(now.ruleset);
	now.live = make_live(&now.table);
	before = now.table;
	for (size_t c = 0; c < CHAINS; c++)
		for (unsigned int i = before.chains[c].count; i-- > 0;)
			if (strncmp(before.chains[c].rules[i], "-s 10.5.", 8) != 0)
				take_rule(&before.chains[c], i);
	generation.rules[MG_IPV4] = table_text(&before);
	EXPECT_DONE(mg_owned_new(&generation, &now.owned, &tap_error));
	free(generation.rules[MG_IPV4]);
	find_kept();
}

/* How many rules of a chain have this text? */
static unsigned int count_of(const struct mg_image *image, const char *chain, const char *text)
{
	const struct mg_image_chain *found = mg_image_find(image, chain);
	unsigned int count = 0;

	for (uint32_t i = 0; found && i < found->count; i++)
		count += strcmp(text_of(&image->entries[found->first + i]), text) == 0;
	return count;
}

static bool is_kept_name(const char *chain)
{
	return strncmp(chain, "f2b-", 4) == 0;
}

/* Does a kept rule lead to chain X? Then that is kept too. */
static bool is_x_kept(void)
{
	const struct mg_image_chain *x = mg_image_find(now.live, "X");

	for (uint32_t i = 0; i < now.live->entry_count; i++)
		if (strcmp(now.live->entries[i].target, "X") == 0 && i - x->first >= x->count)
			return true;
	return false;
}

static bool is_all_kept(const char *chain)
{
	return is_kept_name(chain) || (strcmp(chain, "X") == 0 && is_x_kept());
}

/* Is this what a live rule must be, if the policy does not say it? */
static bool should_keep(const char *chain, const char *text)
{
	if (strncmp(text, "-s 10.5.", 8) == 0 || (strcmp(chain, "X") == 0 && !is_x_kept()))
		return false;
	return is_all_kept(chain) || strncmp(text, "-s 10.9.", 8) == 0 ||
	       strstr(text, " f2b-") != NULL;
}

static void judge_kept(void)
{
	for (size_t c = 0; c < now.live->chain_count; c++) {
		const struct mg_image_chain *chain = &now.live->chains[c];

		EXPECT_IS(mg_is_kept_chain(now.kept, c), is_all_kept(chain->name));
		for (uint32_t i = chain->first; i < chain->first + chain->count; i++) {
			char text[128];
			unsigned int ours, all, kept = 0;

			snprintf(text, sizeof(text), "%s", text_of(&now.live->entries[i]));
			ours = count_of(now.compiled, chain->name, text);
			all = count_of(now.live, chain->name, text);
			for (uint32_t k = chain->first; k < chain->first + chain->count; k++)
				kept += mg_is_kept(now.kept, k) &&
					strcmp(text_of(&now.live->entries[k]), text) == 0;
			EXPECT_IS(kept,
				  should_keep(chain->name, text) && all > ours ? all - ours : 0);
		}
	}
}

static void finds_what_is_kept(void)
{
	for (int round = 0; round < ROUNDS && !tap_reason[0]; round++) {
		begin();
		judge_kept();
	}
	end();
}

/* The live entry that has these bytes, or UINT32_MAX. */
static uint32_t live_index(const void *bytes)
{
	for (uint32_t i = 0; i < now.live->entry_count; i++)
		if (now.live->entries[i].bytes == bytes)
			return i;
	return UINT32_MAX;
}

static unsigned int rank_of_kept(uint32_t live)
{
	struct mg_keep keep;

	mg_ruleset_keep_at(now.ruleset, now.kept->rules[live], &keep);
	return keep.rank;
}

static unsigned int rank_of_ours(const struct mg_image_chain *chain, const struct mg_entry *entry)
{
	struct mg_rule_view rule;

	mg_ruleset_rule_at(now.ruleset, entry->rule, &rule);
	return chain->built_in ? rule.rank : MG_RANK_SCRIPT;
}

/* In a chain that is kept: does this rule stand in front of all that are not? */
static bool is_in_front(const char *name, uint32_t live)
{
	const struct mg_image_chain *chain = mg_image_find(now.live, name);

	for (uint32_t i = chain->first; i < live; i++)
		if (!mg_is_kept(now.kept, i))
			return false;
	for (uint32_t i = live; i < chain->first + chain->count; i++)
		if (!mg_is_kept(now.kept, i))
			return true;
	return false;
}

/* One kept rule of the new table, and all that stands before it. */
static void judge_place(const struct mg_image_chain *chain, uint32_t at)
{
	const struct mg_entry *entries = now.out->entries;
	const uint32_t live = live_index(entries[at].bytes);
	unsigned int rank;

	EXPECT(live != UINT32_MAX && mg_is_kept(now.kept, live));
	rank = rank_of_kept(live);
	for (uint32_t i = chain->first; i < chain->first + chain->count; i++) {
		const bool before = i < at;
		uint32_t other;

		if (i == at)
			continue;
		if (entries[i].rule != MG_NO_RULE) {
			const bool wanted = is_all_kept(chain->name)
						    ? !is_in_front(chain->name, live)
						    : rank_of_ours(chain, &entries[i]) < rank;

			EXPECT_IS(before, wanted);
			continue;
		}
		other = live_index(entries[i].bytes);
		if (is_all_kept(chain->name) || rank_of_kept(other) == rank)
			EXPECT_IS(before, other < live);
		else
			EXPECT_IS(before, rank_of_kept(other) < rank);
	}
}

static void judge_new_chain(const struct mg_image_chain *chain)
{
	const struct mg_image_chain *new = mg_image_find(now.compiled, chain->name);
	const struct mg_image_chain *old = mg_image_find(now.live, chain->name);
	uint32_t ours = 0, kept = 0, expected = 0;

	for (uint32_t i = chain->first; i < chain->first + chain->count; i++) {
		if (now.out->entries[i].rule == MG_NO_RULE) {
			judge_place(chain, i);
			kept++;
			continue;
		}
		EXPECT(new &&ours < new->count);
		EXPECT(now.out->entries[i].bytes ==
		       now.compiled->entries[new->first + ours++].bytes);
	}
	EXPECT_IS(ours, new ? new->count : 0);
	for (uint32_t i = 0; old && i < old->count; i++)
		expected += mg_is_kept(now.kept, old->first + i);
	EXPECT_IS(kept, expected);
}

/* Those of the policy, those that are kept, in order, and wherever a rule leads. */
static void judge_chains(const struct mg_image *image)
{
	for (size_t i = 1; i < image->chain_count; i++)
		EXPECT(image->chains[i].built_in || image->chains[i - 1].built_in ||
		       strcmp(image->chains[i - 1].name, image->chains[i].name) < 0);
	for (size_t i = 0; i < image->entry_count; i++) {
		const char *target = image->entries[i].target;

		EXPECT(strcmp(target, "X") != 0 || mg_image_find(image, target));
		EXPECT(strncmp(target, "f2b-", 4) != 0 || mg_image_find(image, target));
	}
}

static void splices(void)
{
	for (int round = 0; round < ROUNDS && !tap_reason[0]; round++) {
		begin();
		EXPECT_DONE(mg_merge_new(now.ruleset, now.compiled, now.live, now.kept, false,
					 &now.out, &tap_error));
		judge_chains(now.out);
		EXPECT(mg_image_find(now.out, "OWN"));
		EXPECT_IS(mg_image_find(now.out, "X") != NULL, is_x_kept());
		for (size_t c = 0; c < now.out->chain_count; c++)
			judge_new_chain(&now.out->chains[c]);
	}
	end();
}

/* What is spliced once is where it belongs: then there is nothing to do. */
static void is_done_once(void)
{
	/* of two equal ones, which is whose cannot be told afterwards */
	may_be_both = false;
	for (int round = 0; round < ROUNDS && !tap_reason[0]; round++) {
		struct mg_image *again = NULL;
		struct mg_diff *diff = NULL;

		begin();
		EXPECT_DONE(mg_merge_new(now.ruleset, now.compiled, now.live, now.kept, false,
					 &now.out, &tap_error));
		mg_diff_free(now.own);
		mg_kept_free(now.kept);
		now.own = NULL;
		now.kept = NULL;
		EXPECT_DONE(mg_diff_make(now.out, now.compiled, &now.own, &tap_error));
		EXPECT_DONE(mg_kept_find(now.ruleset, now.out, now.compiled, now.own, NULL,
					 &now.kept, &tap_error));
		EXPECT_DONE(mg_merge_new(now.ruleset, now.compiled, now.out, now.kept, false,
					 &again, &tap_error));
		EXPECT_DONE(mg_diff_make(now.out, again, &diff, &tap_error));
		EXPECT(mg_diff_is_empty(diff));
		EXPECT(mg_same_otherwise(now.out, now.kept, again, now.kept));
		mg_diff_free(diff);
		mg_image_free(again);
	}
	may_be_both = true;
	end();
}

static void misses_a_chain(void)
{
	static const struct mg_keep keep = { MG_KEEP_CHAINS, "f2b-*", "", MG_KEEP_RANK, "" };
	static const char text[] = "*filter\n:INPUT ACCEPT [0:0]\n"
				   "#@ p.lua:7 append\n-A INPUT -p tcp -j f2b-sshd\nCOMMIT\n";
	struct random_table nothing = { 0 };

	end();
	EXPECT_DONE(mg_ruleset_new(&now.ruleset, &tap_error));
	EXPECT_DONE(mg_ruleset_keep(now.ruleset, &keep, &tap_error));
	EXPECT_DONE(mg_save_read(now.ruleset, MG_IPV4, "p", text, strlen(text), &tap_error));
	EXPECT_DONE(mg_ruleset_seal(now.ruleset, &tap_error));
	now.compiled = make_image(now.ruleset);
	EXPECT(mg_image_find(now.compiled, "f2b-sshd"));
	now.live = make_live(&nothing);
	find_kept();
	EXPECT(!now.kept);
	EXPECT_IS(mg_merge_new(now.ruleset, now.compiled, now.live, now.kept, false, &now.out,
			       &tap_error),
		  -ENOENT);
	EXPECT_IS(tap_error.status, MG_INVALID);
	EXPECT(strncmp(tap_error.text,
		       "p.lua:7: append: there is no chain `f2b-sshd' in the IPv4 "
		       "table filter",
		       70) == 0);
	end();
}

/* A pattern that fits the name of a target does not make that a chain. */
static void leaves_targets_alone(void)
{
	static const struct mg_keep keep = { MG_KEEP_CHAINS, "[LM]*", "", MG_KEEP_RANK, "" };
	static const char text[] = "*filter\n-A INPUT -j LOG --log-prefix x\n-A INPUT -j MINE\n"
				   "-A INPUT -g LATER\nCOMMIT\n";

	end();
	EXPECT_DONE(mg_ruleset_new(&now.ruleset, &tap_error));
	EXPECT_DONE(mg_ruleset_keep(now.ruleset, &keep, &tap_error));
	EXPECT_DONE(mg_save_read(now.ruleset, MG_IPV4, "p", text, strlen(text), &tap_error));
	EXPECT_DONE(mg_ruleset_seal(now.ruleset, &tap_error));
	now.compiled = make_image(now.ruleset);
	EXPECT(!mg_image_find(now.compiled, "LOG"));
	EXPECT(mg_image_find(now.compiled, "MINE"));
	EXPECT_TEXT(text_of(&now.compiled->entries[0]), "-j LOG --log-prefix x");
	EXPECT_TEXT(text_of(&now.compiled->entries[2]), "-g LATER");
	end();
}

int main(void)
{
	tap_clean_up = end;
	tap_run("are those that fit a record, and are neither the policy's nor the generation's",
		finds_what_is_kept);
	tap_run("stand where their ranks say, and all else stays as it was compiled", splices);
	tap_run("leave nothing to do once they are where they belong", is_done_once);
	tap_run("have a chain that a rule of the policy leads to, or that rule is named",
		misses_a_chain);
	tap_run("have no chain of the name of a target", leaves_targets_alone);
	return tap_end();
}
