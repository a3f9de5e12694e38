/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tables at random for the checks of what is kept: few rules, of few shapes,
 * so that equal ones are common. What a rule is tells its address:
 *   10.1.   ours              10.9.0. kept by its text, never ours
 *   10.7.   anybody's         10.9.1. kept by its text, or ours
 *   10.5.   kept by its text, but the generation's, and the policy's no more
 *   10.8.   in chains that are kept, f2b-1 to f2b-3
 */
#ifndef SPEC_RANDOM_TABLES_H
#define SPEC_RANDOM_TABLES_H

#include "netfilter/compile.h"
#include "netfilter/print.h"
#include "plan/merge.h"
#include "ruleset/save_text.h"
#include "spec/support/tap.h"

enum { MOST_RULES = 24, KEPT_CHAINS = 3 };

static const char *const all_chains[] = { "INPUT", "FORWARD", "OUTPUT", "OWN",
					  "X",	   "f2b-1",   "f2b-2",	"f2b-3" };
enum { OWN = 3, ANYBODYS = 4, KEPT = 5, CHAINS = 8 };

struct random_chain {
	bool there;
	char rules[MOST_RULES][64];
	unsigned int ranks[MOST_RULES];
	unsigned int count;
};

/** One table as texts, by all_chains. */
struct random_table {
	struct random_chain chains[CHAINS];
};

static uint32_t random_state = 2463534242U;

static inline uint32_t below(uint32_t end)
{
	return tap_random(&random_state) % end;
}

/** @format: of a rule, with a place for a small number */
static inline void put_rule(struct random_chain *chain, unsigned int at, const char *text,
			    unsigned int rank)
{
	if (chain->count == MOST_RULES)
		return;
	for (unsigned int i = chain->count++; i > at; i--) {
		memcpy(chain->rules[i], chain->rules[i - 1], sizeof(chain->rules[i]));
		chain->ranks[i] = chain->ranks[i - 1];
	}
	snprintf(chain->rules[at], sizeof(chain->rules[at]), "%s", text);
	chain->ranks[at] = rank;
}

static inline void take_rule(struct random_chain *chain, unsigned int at)
{
	for (chain->count--; at < chain->count; at++) {
		memcpy(chain->rules[at], chain->rules[at + 1], sizeof(chain->rules[at]));
		chain->ranks[at] = chain->ranks[at + 1];
	}
}

/** May somebody else's rule be the same as one of ours? */
static bool may_be_both = true;

/** A rule of the policy's. */
static inline const char *our_rule(void)
{
	static char text[64];

	if (may_be_both && below(4) == 0)
		snprintf(text, sizeof(text), "-s 10.9.1.%u/32 -j RETURN", below(3));
	else
		snprintf(text, sizeof(text), "-s 10.1.0.%u/32 -j ACCEPT", below(8));
	return text;
}

/** What somebody else has put into a chain. */
static inline const char *kept_rule(size_t chain)
{
	static char text[64];

	if (chain >= KEPT)
		snprintf(text, sizeof(text), "-s 10.8.0.%u/32 -j DROP", below(5));
	else if (below(3) == 0)
		snprintf(text, sizeof(text), "-s 10.9.%u.%u/32 -j RETURN", below(2), below(3));
	else if (below(6) == 0)
		snprintf(text, sizeof(text), "-s 10.9.2.%u/32 -j X", below(3));
	else
		snprintf(text, sizeof(text), "-%c f2b-%u", below(4) ? 'j' : 'g',
			 1 + below(KEPT_CHAINS));
	return text;
}

/** The policy's, with ranks in order. */
static inline void random_policy(struct random_table *out)
{
	memset(out, 0, sizeof(*out));
	for (size_t c = 0; c < CHAINS; c++) {
		struct random_chain *chain = &out->chains[c];
		unsigned int rank = c < OWN ? 0 : MG_RANK_SCRIPT;

		chain->there = c <= OWN || (c == KEPT && below(2));
		for (uint32_t n = chain->there ? below(8) : 0; n; n--) {
			if (c < OWN)
				rank += below(3) * 10 < 60 - rank ? below(3) * 10 : 0;
			put_rule(chain, chain->count, our_rule(), rank);
		}
	}
}

/** What is live: much of @policy, and what others have put in. */
static inline void random_live(const struct random_table *policy, struct random_table *out)
{
	*out = *policy;
	for (size_t c = 0; c < CHAINS; c++) {
		struct random_chain *chain = &out->chains[c];
		char text[64];

		chain->there = true; /* what is jumped to must be there */
		for (uint32_t n = chain->count / 2; n; n--)
			if (chain->count && below(3) == 0)
				take_rule(chain, below(chain->count));
		for (uint32_t n = below(5); n; n--)
			put_rule(chain, below(chain->count + 1), kept_rule(c), 0);
		for (uint32_t n = below(3); n; n--) {
			snprintf(text, sizeof(text), "-s 10.%u.0.%u/32 -j DROP",
				 c < KEPT && below(2) ? 5 : 7, below(3));
			if (c < KEPT)
				put_rule(chain, below(chain->count + 1), text, 0);
		}
	}
}

/** As iptables-save has it, with ranks. */
static inline char *table_text(const struct random_table *table)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	fputs("*filter\n", out);
	for (size_t c = 0; c < CHAINS; c++)
		if (table->chains[c].there)
			fprintf(out, ":%s %s [0:0]\n", all_chains[c], c < OWN ? "ACCEPT" : "-");
	for (size_t c = 0; c < CHAINS; c++)
		for (unsigned int i = 0; i < table->chains[c].count; i++)
			fprintf(out, "#@rank %u\n-A %s %s\n", table->chains[c].ranks[i],
				all_chains[c], table->chains[c].rules[i]);
	fputs("COMMIT\n", out);
	fclose(out);
	return text;
}

/** The ruleset that keeps what the head of this file says. @rank: of what is kept by its text */
static inline struct mg_ruleset *make_ruleset(const struct random_table *table, unsigned int rank)
{
	const struct mg_keep keeps[] = {
		{ MG_KEEP_CHAINS, "f2b-*", "fail2ban", MG_KEEP_RANK, "p.lua:1 keep" },
		{ MG_KEEP_RULES, "-s 10.9.*", "", rank, "p.lua:2 keep" },
		{ MG_KEEP_RULES, "-s 10.5.*", "", rank, "p.lua:2 keep" },
	};
	struct mg_ruleset *ruleset = NULL;
	char *text = table_text(table);
	int err = mg_ruleset_new(&ruleset, &tap_error);

	for (size_t i = 0; i < sizeof(keeps) / sizeof(*keeps) && !err; i++)
		err = mg_ruleset_keep(ruleset, &keeps[i], &tap_error);
	if (!err)
		err = mg_save_read(ruleset, MG_IPV4, "random", text, strlen(text), &tap_error);
	if (!err)
		err = mg_ruleset_seal(ruleset, &tap_error);
	if (err)
		tap_fail(__LINE__, "%s in:\n%s", tap_error.text, text);
	free(text);
	return ruleset;
}

static inline struct mg_image *make_image(const struct mg_ruleset *ruleset)
{
	struct mg_image *image = NULL;

	if (mg_compile_table(MG_IPV4, "filter", ruleset, &image, NULL, &tap_error))
		tap_fail(__LINE__, "%s", tap_error.text);
	return image;
}

/** A live table: as if it had been read. */
static inline struct mg_image *make_live(const struct random_table *table)
{
	struct mg_ruleset *ruleset = make_ruleset(table, 0);
	struct mg_image *image = make_image(ruleset);

	for (size_t i = 0; image && i < image->entry_count; i++)
		image->entries[i].rule = MG_NO_RULE;
	mg_ruleset_free(ruleset);
	return image;
}

/** The text of an entry, in one of four buffers. */
static inline const char *text_of(const struct mg_entry *entry)
{
	static char texts[4][128];
	static unsigned int next;
	const char *text = "?";

	mg_entry_text(mg_family_ops(MG_IPV4), entry, &text, NULL);
	next = (next + 1) % 4;
	snprintf(texts[next], sizeof(texts[next]), "%s", text);
	return texts[next];
}

#endif
