/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A roll-back among what is kept, over thousands of random tables and what
 * their owners do to them while a confirmation is waited for.
 */
#include <errno.h>

#include "netfilter/equal.h"
#include "spec/unit/plan/random_tables.h"

enum { ROUNDS = 1500 };

/* A table as it was read, and what of it is kept. */
struct stage {
	struct mg_image *image;
	struct mg_diff *own;
	struct mg_kept *kept;
};

static struct round {
	struct random_table policy, before;
	struct mg_ruleset *ruleset;
	struct mg_image *compiled, *wanted, *out;
	struct mg_owned *owned;
	struct stage old, now;
} round_;

static void clear(struct stage *stage)
{
	mg_image_free(stage->image);
	mg_diff_free(stage->own);
	mg_kept_free(stage->kept);
}

static void end(void)
{
	mg_image_free(round_.out);
	mg_image_free(round_.wanted);
	clear(&round_.old);
	clear(&round_.now);
	mg_image_free(round_.compiled);
	mg_owned_free(round_.owned);
	mg_ruleset_free(round_.ruleset);
	memset(&round_, 0, sizeof(round_));
}

static void find_kept(struct stage *stage)
{
	EXPECT_DONE(mg_diff_make(stage->image, round_.compiled, &stage->own, &tap_error));
	EXPECT_DONE(mg_kept_find(round_.ruleset, stage->image, round_.compiled, stage->own,
				 round_.owned, &stage->kept, &tap_error));
}

/* A table was live, with the rules of an earlier policy; then what another makes of it. */
static void begin(void)
{
	struct mg_generation generation = { .number = 1 };
	struct random_table policy;

	end();
	random_policy(&policy);
	random_live(&policy, &round_.before);
	generation.rules[MG_IPV4] = table_text(&policy);
	EXPECT_DONE(mg_owned_new(&generation, &round_.owned, &tap_error));
	free(generation.rules[MG_IPV4]);
	random_policy(&round_.policy);
	round_.ruleset = make_ruleset(&round_.policy, MG_KEEP_RANK);
	round_.compiled = make_image(round_.ruleset);
	round_.old.image = make_live(&round_.before);
	find_kept(&round_.old);
	EXPECT_DONE(mg_merge_new(round_.ruleset, round_.compiled, round_.old.image, round_.old.kept,
				 false, &round_.wanted, &tap_error));
}

static bool is_ours(const struct mg_entry *entry)
{
	return entry->rule != MG_NO_RULE;
}

/* What is live as texts; @ours: by rule, whether the policy made it. */
static void read_texts(struct random_table *out, bool ours[CHAINS][MOST_RULES])
{
	memset(out, 0, sizeof(*out));
	for (size_t c = 0; c < CHAINS; c++) {
		const struct mg_image_chain *chain = mg_image_find(round_.wanted, all_chains[c]);

		out->chains[c].there = chain != NULL;
		for (uint32_t i = 0; chain && i < chain->count; i++) {
			const struct mg_entry *entry = &round_.wanted->entries[chain->first + i];

			ours[c][i] = is_ours(entry);
			put_rule(&out->chains[c], i, text_of(entry), 0);
		}
	}
}

/* The owners of what is kept are at work; new rules have numbers from 100 on. */
static void work(struct random_table *table, bool ours[CHAINS][MOST_RULES])
{
	unsigned int number = 100;
	char text[64];

	for (size_t c = 0; c < CHAINS; c++) {
		struct random_chain *chain = &table->chains[c];

		if (!chain->there)
			continue;
		for (unsigned int i = chain->count; i-- > 0;) {
			/* without its jump X would be nobody's */
			if (ours[c][i] || strstr(chain->rules[i], "-j X") || below(4))
				continue;
			take_rule(chain, i);
			memmove(&ours[c][i], &ours[c][i + 1], MOST_RULES - i - 1);
		}
		for (uint32_t n = below(4); n && chain->count < MOST_RULES; n--) {
			const unsigned int at = below(chain->count + 1);

			snprintf(text, sizeof(text), "-s 10.%s.%u/32 -j DROP",
				 c >= KEPT ? "8.0" : "9.0", number++);
			memmove(&ours[c][at + 1], &ours[c][at], MOST_RULES - at - 1);
			ours[c][at] = false;
			put_rule(chain, at, text, 0);
		}
	}
}

static void go_on(bool with_work)
{
	static bool ours[CHAINS][MOST_RULES];
	struct random_table table;

	read_texts(&table, ours);
	if (with_work)
		work(&table, ours);
	round_.now.image = make_live(&table);
	find_kept(&round_.now);
}

static void take_back(void)
{
	const struct mg_reading old = { round_.old.image, round_.old.kept };
	const struct mg_reading now = { round_.now.image, round_.now.kept };

	EXPECT_DONE(mg_merge_old(&old, &now, round_.wanted, &round_.out, &tap_error));
}

static void is_exact(void)
{
	may_be_both = false; /* of two equal ones, which is whose cannot be told */
	for (int i = 0; i < ROUNDS && !tap_reason[0]; i++) {
		begin();
		go_on(false);
		take_back();
		EXPECT(mg_image_equal(round_.old.image, round_.out));
	}
	may_be_both = true;
	end();
}

/* The next entry of a chain of @stage that is (or is not) kept, with its index; NULL behind. */
static const struct mg_entry *next(const struct stage *stage, const char *chain, bool kept,
				   uint32_t *i)
{
	const struct mg_image_chain *found = mg_image_find(stage->image, chain);

	for (; found && *i < found->count; (*i)++)
		if (mg_is_kept(stage->kept, found->first + *i) == kept)
			return &stage->image->entries[found->first + (*i)++];
	return NULL;
}

/* Which of both is it? By its bytes, which are one's or the other's. */
static bool is_of(const struct mg_image *image, const struct mg_entry *entry)
{
	for (size_t i = 0; i < image->entry_count; i++)
		if (image->entries[i].bytes == entry->bytes)
			return true;
	return false;
}

static bool is_new(const struct mg_entry *entry)
{
	unsigned int a, b, number = 0;

	return sscanf(text_of(entry), "-s 10.%u.%u.%u/", &a, &b, &number) == 3 && number >= 100;
}

/* A new rule stands beside the kept one that it stands beside now. */
static void judge_new(const struct mg_image_chain *chain, uint32_t i)
{
	const struct mg_entry *first = &round_.out->entries[chain->first];
	const struct mg_entry *before = i ? &first[i - 1] : NULL;
	const struct mg_entry *after = i + 1 < chain->count ? &first[i + 1] : NULL;
	bool follows = false;

	for (uint32_t k = 0; k < i; k++)
		follows |= is_of(round_.now.image, &first[k]);
	if (follows)
		EXPECT(is_of(round_.now.image, before));
	else
		EXPECT(i == 0 || (after && is_of(round_.now.image, after)));
}

static void judge_chain(const struct mg_image_chain *chain)
{
	const struct mg_entry *expected;
	uint32_t old = 0, now = 0;

	for (uint32_t i = 0; i < chain->count; i++) {
		const struct mg_entry *entry = &round_.out->entries[chain->first + i];

		if (is_of(round_.now.image, entry)) {
			expected = next(&round_.now, chain->name, true, &now);
			if (is_new(entry))
				judge_new(chain, i);
		} else {
			expected = next(&round_.old, chain->name, false, &old);
		}
		EXPECT(expected && expected->bytes == entry->bytes);
	}
	EXPECT(!next(&round_.now, chain->name, true, &now));
	EXPECT(!next(&round_.old, chain->name, false, &old));
}

static void judge(void)
{
	for (size_t i = 0; i < round_.out->entry_count; i++) {
		const struct mg_entry *entry = &round_.out->entries[i];

		EXPECT(!entry->standard || strncmp(entry->target, "f2b-", 4) != 0 ||
		       mg_image_find(round_.out, entry->target));
	}
	for (size_t c = 0; c < round_.old.image->chain_count; c++)
		EXPECT(mg_is_kept_chain(round_.old.kept, c) ||
		       mg_image_find(round_.out, round_.old.image->chains[c].name));
	for (size_t c = 0; c < round_.now.image->chain_count; c++)
		EXPECT(!mg_is_kept_chain(round_.now.kept, c) ||
		       mg_image_find(round_.out, round_.now.image->chains[c].name));
	for (size_t c = 0; c < round_.out->chain_count; c++)
		judge_chain(&round_.out->chains[c]);
}

static void among_kept(void)
{
	for (int i = 0; i < ROUNDS && !tap_reason[0]; i++) {
		begin();
		go_on(true);
		take_back();
		if (!tap_reason[0])
			judge();
	}
	end();
}

/* Is a change in kept things told from any other? */
static void tells_whose(void)
{
	static bool ours[CHAINS][MOST_RULES];
	struct random_table table, changed;

	may_be_both = false;
	for (int i = 0; i < ROUNDS && !tap_reason[0]; i++) {
		const size_t c = below(OWN + 1);

		begin();
		read_texts(&table, ours);
		/* the rest is about this one as it is */
		clear(&round_.old);
		memset(&round_.old, 0, sizeof(round_.old));
		round_.old.image = make_live(&table);
		find_kept(&round_.old);
		work(&table, ours);
		round_.now.image = make_live(&table);
		find_kept(&round_.now);
		EXPECT(mg_same_otherwise(round_.old.image, round_.old.kept, round_.now.image,
					 round_.now.kept));
		changed = table;
		if (below(2) || !changed.chains[c].count)
			put_rule(&changed.chains[c], below(changed.chains[c].count + 1),
				 "-s 10.7.0.9/32 -j DROP", 0);
		else
			snprintf(changed.chains[c].rules[0], sizeof(changed.chains[c].rules[0]),
				 "-s 10.7.0.9/32 -j DROP");
		if (changed.chains[c].count == MOST_RULES)
			continue;
		clear(&round_.now);
		memset(&round_.now, 0, sizeof(round_.now));
		round_.now.image = make_live(&changed);
		find_kept(&round_.now);
		EXPECT(!mg_same_otherwise(round_.old.image, round_.old.kept, round_.now.image,
					  round_.now.kept));
	}
	may_be_both = true;
	end();
}

/* An old rule of ours leads to a chain that its owner has taken away since. */
static void needs_a_chain(void)
{
	static const char text[] =
		"*filter\n:INPUT ACCEPT [0:0]\n:f2b-1 - [0:0]\n-A INPUT -j f2b-1\nCOMMIT\n";
	struct mg_generation generation = { .number = 1 };
	struct random_table nothing = { 0 };
	const struct mg_image_chain *chain;

	end();
	memcpy(nothing.chains[0].rules[0], "-j f2b-1", sizeof("-j f2b-1"));
	nothing.chains[0].count = 1;
	nothing.chains[KEPT].there = true;
	put_rule(&nothing.chains[KEPT], 0, "-s 10.8.0.1/32 -j DROP", 0);
	round_.old.image = make_live(&nothing);
	memset(&nothing, 0, sizeof(nothing));
	round_.ruleset = make_ruleset(&nothing, MG_KEEP_RANK);
	round_.compiled = make_image(round_.ruleset);
	generation.rules[MG_IPV4] = (char *)text;
	EXPECT_DONE(mg_owned_new(&generation, &round_.owned, &tap_error));
	find_kept(&round_.old);
	EXPECT_DONE(mg_merge_new(round_.ruleset, round_.compiled, round_.old.image, round_.old.kept,
				 false, &round_.wanted, &tap_error));
	chain = mg_image_find(round_.wanted, "INPUT");
	EXPECT_IS(chain->count, 0);
	EXPECT_IS(mg_image_find(round_.wanted, "f2b-1")->count, 1);
	round_.now.image = make_live(&nothing);
	find_kept(&round_.now);
	take_back();
	EXPECT_IS(mg_image_find(round_.out, "INPUT")->count, 1);
	chain = mg_image_find(round_.out, "f2b-1");
	EXPECT(chain);
	EXPECT_IS(chain->count, 0);
	end();
}

int main(void)
{
	tap_clean_up = end;
	tap_run("are exactly what they were after a roll-back in which nothing came between",
		is_exact);
	tap_run("are as they are now after a roll-back, among the old rules as they were",
		among_kept);
	tap_run("may change between a plan and its commit, and nothing else may", tells_whose);
	tap_run("have an empty chain where an old rule leads to one that is gone", needs_a_chain);
	return tap_end();
}
