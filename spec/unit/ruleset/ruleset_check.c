/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The flat ruleset: chains are found again, ranks sort stably, and a rule of
 * both families keeps its arguments once.
 */
#include "ruleset/ruleset.h"

#include <errno.h>

#include "spec/support/tap.h"

enum { MANY = 3000 };

static struct mg_ruleset *ruleset;

static void begin(void)
{
	EXPECT_DONE(mg_ruleset_new(&ruleset, &tap_error));
}

static void end(void)
{
	mg_ruleset_free(ruleset);
	ruleset = NULL;
}

static uint32_t chain(enum mg_family family, const char *table, const char *name)
{
	uint32_t index = UINT32_MAX;

	if (mg_ruleset_chain(ruleset, family, table, name, "p.lua:1 chain", &index, &tap_error))
		tap_fail(__LINE__, "chain %s: %s", name, tap_error.text);
	return index;
}

static void append(uint32_t index, unsigned int rank, const char *word, const char *origin)
{
	const char *argv[] = { "-m", "comment", "--comment", word };

	EXPECT_DONE(mg_ruleset_append(ruleset, index, rank, 4, argv, origin, &tap_error));
}

/* The comment of a rule, or "" where it has another number of arguments. */
static const char *comment_of(uint32_t index)
{
	struct mg_rule_view rule;

	mg_ruleset_rule_at(ruleset, index, &rule);
	return rule.argc == 4 ? mg_arg_next(mg_arg_next(mg_arg_next(rule.args))) : "";
}

static void chains(void)
{
	struct mg_chain_view view;
	uint32_t input, input6, mangle;

	begin();
	input = chain(MG_IPV4, "filter", "INPUT");
	input6 = chain(MG_IPV6, "filter", "INPUT");
	mangle = chain(MG_IPV4, "mangle", "INPUT");
	EXPECT(input != input6 && input != mangle && input6 != mangle);
	EXPECT_IS(chain(MG_IPV4, "filter", "INPUT"), input);
	EXPECT_DONE(mg_ruleset_policy(ruleset, input6, "DROP", "p.lua:2 deny", &tap_error));
	EXPECT_DONE(mg_ruleset_seal(ruleset, &tap_error));
	EXPECT_IS(mg_ruleset_chain_count(ruleset), 3);
	EXPECT_IS(mg_ruleset_find_chain(ruleset, MG_IPV4, "filter", "INPUT"), input);
	EXPECT_IS(mg_ruleset_find_chain(ruleset, MG_IPV6, "filter", "INPUT"), input6);
	EXPECT_IS(mg_ruleset_find_chain(ruleset, MG_IPV4, "mangle", "INPUT"), mangle);
	EXPECT_IS(mg_ruleset_find_chain(ruleset, MG_IPV6, "mangle", "INPUT"), UINT32_MAX);
	EXPECT_IS(mg_ruleset_find_chain(ruleset, MG_IPV4, "filter", "INPU"), UINT32_MAX);
	mg_ruleset_chain_at(ruleset, input, &view);
	EXPECT(view.policy == NULL);
	EXPECT_TEXT(view.origin, "p.lua:1 chain");
	mg_ruleset_chain_at(ruleset, input6, &view);
	EXPECT_IS(view.family, MG_IPV6);
	EXPECT_TEXT(view.table, "filter");
	EXPECT_TEXT(view.name, "INPUT");
	EXPECT_TEXT(view.policy, "DROP");
	EXPECT_TEXT(view.origin, "p.lua:2 deny");
	EXPECT_IS(view.count, 0);
	end();
}

/* Rules of three chains, mixed; after sealing each chain has its own, in a row. */
static void contiguous(void)
{
	uint32_t indexes[3], total = 0;
	char word[16];

	begin();
	indexes[0] = chain(MG_IPV4, "filter", "INPUT");
	indexes[1] = chain(MG_IPV4, "filter", "USER");
	indexes[2] = chain(MG_IPV6, "filter", "INPUT");
	for (int i = 0; i < 99; i++) {
		snprintf(word, sizeof(word), "%d", i);
		append(indexes[i * 7 % 3], MG_RANK_SCRIPT, word, "p.lua:3");
	}
	EXPECT_DONE(mg_ruleset_seal(ruleset, &tap_error));
	EXPECT_IS(mg_ruleset_rule_count(ruleset), 99);
	for (uint32_t c = 0; c < 3; c++) {
		struct mg_chain_view view;
		int last = -1;

		mg_ruleset_chain_at(ruleset, indexes[c], &view);
		EXPECT_IS(view.first, total);
		EXPECT_IS(view.count, 33);
		for (uint32_t i = view.first; i < view.first + view.count; i++) {
			struct mg_rule_view rule;
			int number = atoi(comment_of(i));

			mg_ruleset_rule_at(ruleset, i, &rule);
			EXPECT_IS(rule.chain, indexes[c]);
			EXPECT(number > last && number * 7 % 3 == (int)c);
			last = number;
		}
		total += view.count;
	}
	end();
}

static void ranks(void)
{
	static const unsigned int some[] = { MG_RANK_LAST,
					     MG_RANK_ALLOW,
					     MG_RANK_FIRST,
					     MG_RANK_GUARD_LIMIT,
					     MG_RANK_ALLOW,
					     MG_RANK_LOOPBACK,
					     255 };
	unsigned int last_rank = 0;
	int last = -1;
	uint32_t index;

	begin();
	index = chain(MG_IPV4, "filter", "INPUT");
	for (int i = 0; i < MANY; i++) {
		char word[16];

		snprintf(word, sizeof(word), "%d", i);
		append(index, some[(i * 31 + i / 11) % 7], word, "");
	}
	EXPECT_DONE(mg_ruleset_seal(ruleset, &tap_error));
	for (uint32_t i = 0; i < MANY; i++) {
		struct mg_rule_view rule;
		int number = atoi(comment_of(i));

		mg_ruleset_rule_at(ruleset, i, &rule);
		EXPECT(rule.rank >= last_rank);
		/* equal ranks keep script order */
		EXPECT(rule.rank > last_rank || number > last);
		EXPECT_IS(rule.rank, some[(number * 31 + number / 11) % 7]);
		last_rank = rule.rank;
		last = number;
	}
	end();
}

static void rank_too_high(void)
{
	begin();
	append(chain(MG_IPV4, "filter", "INPUT"), 256, "x", "");
	EXPECT_IS(mg_ruleset_seal(ruleset, &tap_error), -EINVAL);
	EXPECT_IS(tap_error.status, MG_INVALID);
	end();
}

static void shared_arguments(void)
{
	struct mg_rule_view first, second, third;
	uint32_t input, input6;

	begin();
	input = chain(MG_IPV4, "filter", "INPUT");
	input6 = chain(MG_IPV6, "filter", "INPUT");
	append(input, MG_RANK_ALLOW, "both", "p.lua:5 allow");
	append(input6, MG_RANK_ALLOW, "both", "p.lua:5 allow");
	append(input6, MG_RANK_ALLOW, "bot", "p.lua:6 allow");
	EXPECT_DONE(mg_ruleset_seal(ruleset, &tap_error));
	mg_ruleset_rule_at(ruleset, 0, &first);
	mg_ruleset_rule_at(ruleset, 1, &second);
	mg_ruleset_rule_at(ruleset, 2, &third);
	EXPECT(first.args == second.args);
	EXPECT_IS(first.args_size, sizeof("-m") + sizeof("comment") + sizeof("--comment") + 5);
	EXPECT_IS(second.args_size, first.args_size);
	EXPECT_TEXT(second.origin, "p.lua:5 allow");
	EXPECT_TEXT(comment_of(1), "both");
	EXPECT_TEXT(comment_of(2), "bot");
	EXPECT_TEXT(third.origin, "p.lua:6 allow");
	end();
}

/* Neither the number of the arguments nor where one ends may be mistaken. */
static void alike_arguments(void)
{
	const char *const lists[][3] = {
		{ "ab", "c", "" },   { "a", "bc", "" }, { "a", "bc" }, { "", "", "" }, { "" },
		{ "\"", "\\", "\t" }
	};
	const uint32_t counts[] = { 3, 3, 2, 3, 1, 3, 0 };
	uint32_t index, i;

	begin();
	index = chain(MG_IPV4, "filter", "INPUT");
	for (i = 0; i < 7; i++)
		EXPECT_DONE(mg_ruleset_append(ruleset, index, MG_RANK_SCRIPT, counts[i],
					      i < 6 ? lists[i] : NULL, NULL, &tap_error));
	EXPECT_DONE(mg_ruleset_seal(ruleset, &tap_error));
	for (i = 0; i < 7; i++) {
		struct mg_rule_view rule;
		const char *arg;

		mg_ruleset_rule_at(ruleset, i, &rule);
		EXPECT_IS(rule.argc, counts[i]);
		EXPECT_TEXT(rule.origin, "");
		arg = rule.args;
		for (uint32_t k = 0; k < rule.argc; k++, arg = mg_arg_next(arg))
			EXPECT_TEXT(arg, lists[i][k]);
		EXPECT_IS(arg - rule.args, rule.args_size);
	}
	end();
}

static void copies(void)
{
	char word[] = "word", origin[] = "p.lua:1 x", name[] = "USER";
	struct mg_rule_view rule;
	struct mg_chain_view view;

	begin();
	append(chain(MG_IPV4, "filter", name), MG_RANK_SCRIPT, word, origin);
	memset(word, 'z', 4);
	memset(origin, 'z', 9);
	memset(name, 'z', 4);
	EXPECT_DONE(mg_ruleset_seal(ruleset, &tap_error));
	mg_ruleset_rule_at(ruleset, 0, &rule);
	mg_ruleset_chain_at(ruleset, rule.chain, &view);
	EXPECT_TEXT(comment_of(0), "word");
	EXPECT_TEXT(rule.origin, "p.lua:1 x");
	EXPECT_TEXT(view.name, "USER");
	end();
}

static void nothing(void)
{
	begin();
	EXPECT_DONE(mg_ruleset_seal(ruleset, &tap_error));
	EXPECT_IS(mg_ruleset_chain_count(ruleset), 0);
	EXPECT_IS(mg_ruleset_rule_count(ruleset), 0);
	EXPECT_IS(mg_ruleset_find_chain(ruleset, MG_IPV4, "filter", "INPUT"), UINT32_MAX);
	end();
	mg_ruleset_free(NULL);
}

int main(void)
{
	tap_run("finds a chain by family, table and name", chains);
	tap_run("puts each chain's rules in a row, in script order", contiguous);
	tap_run("sorts by rank, stably", ranks);
	tap_run("refuses a rank above 255", rank_too_high);
	tap_run("keeps the arguments of a rule of both families once", shared_arguments);
	tap_run("mistakes no list of arguments for one that is alike", alike_arguments);
	tap_run("copies what it is given", copies);
	tap_run("can be empty", nothing);
	return tap_end();
}
