/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The diff of whole tables, over many random pairs of them: as much stays as can
 * stay, by a plain O(n*m) table; what else is on both sides moves; a common head
 * and tail stay where they are; all is paired with its equal, and once.
 */
#include <sched.h>

#include "netfilter/compile.h"
#include "netfilter/equal.h"
#include "netfilter/session.h"
#include "plan/diff.h"
#include "ruleset/save_text.h"
#include "spec/support/tap.h"

enum { MOST_RULES = 12, MOST_TEXT = 16384 };

/* What a plugin keeps when an error leaves it is no leak of ours. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

/* The last two mean the same in IPv4 and have other bytes. */
static const char *const rules[] = {
	"-p tcp -m tcp --dport 1 -j ACCEPT",
	"-p tcp -m tcp --dport 2 -j ACCEPT",
	"-p tcp -m tcp --dport 2 -j DROP",
	"-i eth0 -j USER",
	"-i eth0 -g USER",
	"-m limit --limit 3/min -m comment --comment \"a b\" -j LOG",
	"-m limit --limit 4/min -m comment --comment \"a b\" -j LOG",
	"",
	"-j ACCEPT",
	"-p all -j ACCEPT",
	"-m recent --set --name x --rsource",
	"-m recent --set --name x --mask 255.255.255.255 --rsource",
};
enum { RULES = sizeof(rules) / sizeof(*rules) };

/* A ruleset and what it compiles to. */
struct side {
	struct mg_ruleset *ruleset;
	struct mg_image *image;
};

static struct side live, wanted;
static struct mg_diff *diff;
static enum mg_family family;
static uint32_t state = 2463534242U;

static uint32_t below(uint32_t limit)
{
	return tap_random(&state) % limit;
}

static const struct mg_family_ops *ops(void)
{
	return mg_family_ops(family);
}

static void put_side_away(struct side *side)
{
	mg_image_free(side->image);
	mg_ruleset_free(side->ruleset);
	*side = (struct side){ 0 };
}

static void put_away(void)
{
	mg_diff_free(diff);
	diff = NULL;
	put_side_away(&live);
	put_side_away(&wanted);
}

static int compile(struct side *side, const char *text)
{
	struct mg_notes notes = { 0 };
	int err = mg_ruleset_new(&side->ruleset, &tap_error);

	if (!err)
		err = mg_save_read(side->ruleset, family, "rules", text, strlen(text), &tap_error);
	if (!err)
		err = mg_ruleset_seal(side->ruleset, &tap_error);
	if (!err)
		err = mg_compile_table(family, "filter", side->ruleset, &side->image, &notes,
				       &tap_error);
	mg_notes_clear(&notes);
	return err;
}

static int compare(const char *old, const char *new)
{
	int err;

	put_away();
	err = compile(&live, old);
	if (!err)
		err = compile(&wanted, new);
	return err ? err : mg_diff_make(live.image, wanted.image, &diff, &tap_error);
}

/* The rules of one chain by their numbers: those of another one, edited, or new ones. */
struct chain {
	uint32_t rules[MOST_RULES], count;
};

static void fill(struct chain *chain)
{
	chain->count = below(MOST_RULES + 1);
	for (uint32_t i = 0; i < chain->count; i++)
		chain->rules[i] = below(RULES);
}

static void edit(struct chain *chain)
{
	for (uint32_t edits = below(5); edits; edits--) {
		const uint32_t at = chain->count ? below(chain->count) : 0;

		if (chain->count && below(3) == 0) {
			chain->count--;
			memmove(&chain->rules[at], &chain->rules[at + 1],
				(chain->count - at) * sizeof(*chain->rules));
		} else if (chain->count && below(3) == 0) {
			const uint32_t other = below(chain->count), rule = chain->rules[at];

			chain->rules[at] = chain->rules[other];
			chain->rules[other] = rule;
		} else if (chain->count < MOST_RULES) {
			memmove(&chain->rules[at + 1], &chain->rules[at],
				(chain->count - at) * sizeof(*chain->rules));
			chain->rules[at] = below(RULES);
			chain->count++;
		}
	}
}

static const char *const names[] = { "INPUT", "FORWARD", "USER", "OTHER" };
enum { CHAINS = sizeof(names) / sizeof(*names) };

/* No mask of IPv4 in IPv6. */
static const char *in_family(const char *rule)
{
	return family == MG_IPV6 && strstr(rule, "--mask") ? "-p all -j ACCEPT" : rule;
}

/* Save text. OTHER need not be there; it stays or goes, as a policy may change. */
static void print(char *text, const struct chain *chains, uint32_t dice)
{
	FILE *file = fmemopen(text, MOST_TEXT, "w");
	const uint32_t count = CHAINS - (dice & 1);

	fprintf(file, "*filter\n:INPUT %s [0:0]\n:USER - [0:0]\n%s", dice & 2 ? "DROP" : "ACCEPT",
		dice & 1 ? "" : ":OTHER - [0:0]\n");
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t k = 0; k < chains[i].count; k++) {
			const char *rule = rules[chains[i].rules[k]];

			/* not into itself */
			fprintf(file, "-A %s %s\n", names[i],
				i >= 2 && strstr(rule, "USER") ? "" : in_family(rule));
		}
	fputs("COMMIT\n", file);
	fclose(file);
}

static bool equal(uint32_t old, uint32_t new)
{
	return mg_entry_equal(ops(), &live.image->entries[old], &wanted.image->entries[new]);
}

/* How much can stay of a chain. */
static uint32_t most_kept(const struct mg_image_chain *old, const struct mg_image_chain *new)
{
	static uint32_t table[MOST_RULES + 1][MOST_RULES + 1];

	for (uint32_t i = 1; i <= old->count; i++)
		for (uint32_t k = 1; k <= new->count; k++) {
			const uint32_t up = table[i - 1][k], left = table[i][k - 1];

			table[i][k] = equal(old->first + i - 1, new->first + k - 1)
					      ? table[i - 1][k - 1] + 1
				      : up > left ? up
						  : left;
		}
	return table[old->count][new->count];
}

/* How many rules of a chain are on both sides, wherever they stand. */
static uint32_t most_paired(const struct mg_image_chain *old, const struct mg_image_chain *new)
{
	bool taken[MOST_RULES] = { false };
	uint32_t paired = 0;

	for (uint32_t i = 0; i < old->count; i++)
		for (uint32_t k = 0; k < new->count; k++)
			if (!taken[k] && equal(old->first + i, new->first + k)) {
				taken[k] = true;
				paired++;
				break;
			}
	return paired;
}

/* Common heads and tails stay as they are. */
static void judge_ends(const struct mg_image_chain *old, const struct mg_image_chain *new)
{
	const uint32_t both = old->count < new->count ? old->count : new->count;
	uint32_t head = 0, tail = 0;

	for (; head < both && equal(old->first + head, new->first + head); head++)
		EXPECT_IS(diff->sources[new->first + head].live, old->first + head);
	for (; head + tail < both; tail++) {
		const uint32_t from = old->first + old->count - 1 - tail;
		const uint32_t to = new->first + new->count - 1 - tail;

		if (!equal(from, to))
			break;
		EXPECT_IS(diff->sources[to].live, from);
		EXPECT(diff->sources[to].kept);
	}
}

static void judge_chain(const struct mg_image_chain *old, const struct mg_image_chain *new,
			uint32_t *kept, uint32_t *moved)
{
	bool taken[MOST_RULES] = { false };
	int64_t last = -1;

	*kept = *moved = 0;
	for (uint32_t i = new->first; i < new->first + new->count; i++) {
		const struct mg_source *source = &diff->sources[i];

		if (source->live == MG_NO_RULE) {
			EXPECT(!source->kept);
			continue;
		}
		EXPECT(source->live - old->first < old->count);
		EXPECT(!taken[source->live - old->first]);
		taken[source->live - old->first] = true;
		EXPECT(equal(source->live, i));
		EXPECT_IS(diff->fates[source->live], source->kept ? MG_KEPT : MG_MOVED);
		if (source->kept) {
			EXPECT(source->live > last);
			last = source->live;
		}
		*kept += source->kept;
		*moved += !source->kept;
	}
	for (uint32_t i = 0; i < old->count; i++)
		EXPECT(taken[i] == (diff->fates[old->first + i] != MG_REMOVED));
	EXPECT_IS(*kept, most_kept(old, new));
	EXPECT_IS(*kept + *moved, most_paired(old, new));
	judge_ends(old, new);
}

static void judge(void)
{
	const struct mg_image *old = live.image, *new = wanted.image;
	size_t kept = 0, moved = 0, policies = 0, both = 0;

	for (size_t i = 0; i < new->chain_count && !tap_reason[0]; i++) {
		const struct mg_image_chain *chain = &new->chains[i];
		const struct mg_image_chain *before = mg_image_find(old, chain->name);
		uint32_t stay, move;

		if (!before)
			continue;
		both++;
		policies += chain->built_in && strcmp(chain->policy, before->policy) != 0;
		judge_chain(before, chain, &stay, &move);
		kept += stay;
		moved += move;
	}
	if (tap_reason[0])
		return;
	EXPECT_IS(diff->kept, kept);
	EXPECT_IS(diff->moved, moved);
	EXPECT_IS(diff->added, new->entry_count - kept - moved);
	EXPECT_IS(diff->removed, old->entry_count - kept - moved);
	EXPECT_IS(diff->chains_added, new->chain_count - both);
	EXPECT_IS(diff->chains_removed, old->chain_count - both);
	EXPECT_IS(diff->policies_changed, policies);
	EXPECT(mg_diff_is_empty(diff) == mg_image_equal(old, new));
}

static void random_pairs(int rounds, bool edited)
{
	static char old[MOST_TEXT], new[MOST_TEXT];
	struct chain chains[CHAINS];

	while (rounds-- > 0 && !tap_reason[0]) {
		family = rounds % 2 ? MG_IPV4 : MG_IPV6;
		for (uint32_t i = 0; i < CHAINS; i++)
			fill(&chains[i]);
		print(old, chains, below(4));
		for (uint32_t i = 0; i < CHAINS; i++)
			edited ? edit(&chains[i]) : fill(&chains[i]);
		print(new, chains, below(4));
		EXPECT_DONE(compare(old, new));
		judge();
		if (tap_reason[0])
			fprintf(stderr, "%s\n%s%s", ops()->name, old, new);
	}
	put_away();
}

static void edits(void)
{
	random_pairs(3000, true);
}

static void strangers(void)
{
	random_pairs(2000, false);
}

static void same(void)
{
	static char text[MOST_TEXT];
	struct chain chains[CHAINS];

	for (int round = 0; round < 300 && !tap_reason[0]; round++) {
		family = round % 2 ? MG_IPV4 : MG_IPV6;
		for (uint32_t i = 0; i < CHAINS; i++)
			fill(&chains[i]);
		print(text, chains, below(4));
		EXPECT_DONE(compare(text, text));
		EXPECT(mg_diff_is_empty(diff));
		EXPECT_IS(diff->kept, wanted.image->entry_count);
	}
	put_away();
}

int main(void)
{
	if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET))
		fprintf(stderr, "no namespace: the host's kernel is asked\n");
	if (mg_session_open(&tap_error)) {
		fprintf(stderr, "%s\n", tap_error.text);
		return 7;
	}
	tap_clean_up = put_away;
	tap_run("keeps as much as can stay where a table was edited", edits);
	tap_run("keeps as much as can stay where two tables have little in common", strangers);
	tap_run("finds nothing to do between equal tables", same);
	return tap_end();
}
