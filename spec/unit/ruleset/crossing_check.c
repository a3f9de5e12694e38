/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A ruleset on its way: what arrives is what left; what was forged on the way, in
 * any record, is refused, by its name; and no byte at random does any harm.
 */
#include "ruleset/crossing.h"

#include "ruleset/keep.h"
#include "ruleset/parcel.h"
#include "ruleset/ruleset_inner.h"
#include "spec/support/tap.h"

static struct mg_ruleset *made;

static void must(int err)
{
	if (err) {
		fprintf(stderr, "%s\n", tap_error.text);
		exit(2);
	}
}

static void add_rule(const char *table, const char *name, unsigned int rank, const char *port)
{
	const char *const words[] = { "-p", "tcp", "--dport", port, "-j", "ACCEPT" };
	enum mg_family family;
	uint32_t chain;

	for (family = MG_IPV4; family < MG_FAMILIES; family++) {
		must(mg_ruleset_chain(made, family, table, name, "p.lua:1 x", &chain, &tap_error));
		must(mg_ruleset_append(made, chain, rank, 6, words, "p.lua:7 allow", &tap_error));
	}
}

static void make(void)
{
	const struct mg_set_member members[] = { { { 192, 0, 2, 1 }, 32 }, { { 10 }, 8 } };
	const struct mg_set_view set = { MG_IPV4, "mg4-office", "", members, 2, "p.lua:3 set" };
	const struct mg_keep keep = { MG_KEEP_CHAINS, "f2b-*", "fail2ban", 10, "p.lua:4 keep" };
	uint32_t chain;

	must(mg_ruleset_new(&made, &tap_error));
	add_rule("filter", "INPUT", 40, "22");
	add_rule("filter", "OWN", 40, "23");
	add_rule("filter", "INPUT", 10, "24");
	must(mg_ruleset_chain(made, MG_IPV6, "mangle", "OUTPUT", "", &chain, &tap_error));
	must(mg_ruleset_chain(made, MG_IPV4, "filter", "INPUT", "", &chain, &tap_error));
	must(mg_ruleset_policy(made, chain, "DROP", "p.lua:2 default_deny", &tap_error));
	must(mg_sets_add(mg_ruleset_sets(made), &set, NULL, &tap_error));
	must(mg_ruleset_keep(made, &keep, &tap_error));
	must(mg_ruleset_seal(made, &tap_error));
}

/* A copy of its own, as it comes out of a socket. */
static void send(struct mg_crossing *out)
{
	struct mg_crossing lent = { .areas = { { .bytes = NULL } } };
	int area;

	must(mg_ruleset_leave(made, &lent, &tap_error));
	*out = (struct mg_crossing){ .areas = { { .bytes = NULL } } };
	for (area = 0; area < MG_AREAS; area++) {
		out->areas[area].size = lent.areas[area].size;
		out->areas[area].bytes = malloc(lent.areas[area].size + 1);
		if (lent.areas[area].size)
			memcpy(out->areas[area].bytes, lent.areas[area].bytes,
			       lent.areas[area].size);
	}
	mg_crossing_clear(&lent);
}

static bool same_text(const char *one, const char *other)
{
	return one && other ? strcmp(one, other) == 0 : one == other;
}

static void expect_same(const struct mg_ruleset *one, const struct mg_ruleset *other)
{
	struct mg_chain_view a, b;
	struct mg_rule_view r, s;
	struct mg_set_view t, u;
	struct mg_keep k, l;
	uint32_t i;

	EXPECT_IS(mg_ruleset_chain_count(other), mg_ruleset_chain_count(one));
	EXPECT_IS(mg_ruleset_rule_count(other), mg_ruleset_rule_count(one));
	for (i = 0; i < mg_ruleset_chain_count(one); i++) {
		mg_ruleset_chain_at(one, i, &a);
		mg_ruleset_chain_at(other, i, &b);
		EXPECT(a.family == b.family && same_text(a.table, b.table) &&
		       same_text(a.name, b.name) && same_text(a.policy, b.policy) &&
		       same_text(a.origin, b.origin) && a.first == b.first && a.count == b.count);
		EXPECT_IS(mg_ruleset_find_chain(other, a.family, a.table, a.name), i);
	}
	for (i = 0; i < mg_ruleset_rule_count(one); i++) {
		mg_ruleset_rule_at(one, i, &r);
		mg_ruleset_rule_at(other, i, &s);
		EXPECT(r.chain == s.chain && r.argc == s.argc && r.args_size == s.args_size &&
		       memcmp(r.args, s.args, r.args_size) == 0 && r.rank == s.rank &&
		       same_text(r.origin, s.origin));
	}
	EXPECT_IS(mg_sets_count(mg_ruleset_sets_const(other)), 1);
	mg_sets_at(mg_ruleset_sets_const(one), 0, &t);
	mg_sets_at(mg_ruleset_sets_const(other), 0, &u);
	EXPECT(same_text(t.name, u.name) && same_text(t.type, u.type) && t.count == u.count &&
	       same_text(t.origin, u.origin) &&
	       memcmp(t.members, u.members, t.count * sizeof(*t.members)) == 0);
	EXPECT_IS(mg_ruleset_keep_count(other), 1);
	mg_ruleset_keep_at(one, 0, &k);
	mg_ruleset_keep_at(other, 0, &l);
	EXPECT(k.kind == l.kind && k.rank == l.rank && same_text(k.pattern, l.pattern) &&
	       same_text(k.owner, l.owner) && same_text(k.origin, l.origin));
}

static void test_arrives(void)
{
	struct mg_crossing crossing;
	struct mg_ruleset *out = NULL;

	send(&crossing);
	EXPECT_DONE(mg_ruleset_arrive(&crossing, &out, &tap_error));
	mg_crossing_clear(&crossing);
	expect_same(made, out);
	mg_ruleset_free(out);
}

static void test_arrives_empty(void)
{
	struct mg_ruleset *before = made, *out = NULL;
	struct mg_crossing crossing;

	must(mg_ruleset_new(&made, &tap_error));
	must(mg_ruleset_seal(made, &tap_error));
	send(&crossing);
	EXPECT_DONE(mg_ruleset_arrive(&crossing, &out, &tap_error));
	mg_crossing_clear(&crossing);
	EXPECT_IS(mg_ruleset_rule_count(out), 0);
	mg_ruleset_free(out);
	mg_ruleset_free(made);
	made = before;
}

static struct mg_crossing forgery;

static struct mg_chain_record *chain(uint32_t index)
{
	return (struct mg_chain_record *)forgery.areas[MG_AREA_CHAINS].bytes + index;
}

static struct mg_rule_record *rule(uint32_t index)
{
	return (struct mg_rule_record *)forgery.areas[MG_AREA_RULES].bytes + index;
}

static char *strings(void)
{
	return forgery.areas[MG_AREA_STRINGS].bytes;
}

static uint32_t strings_size(void)
{
	return (uint32_t)forgery.areas[MG_AREA_STRINGS].size;
}

/* Refused, with @words in the error. */
static void expect_refused(int line, const char *words)
{
	struct mg_ruleset *out = NULL;
	int err = mg_ruleset_arrive(&forgery, &out, &tap_error);

	mg_crossing_clear(&forgery);
	if (!err)
		mg_ruleset_free(out);
	if (!err || tap_error.status != MG_INVALID || !strstr(tap_error.text, words) ||
	    !strstr(tap_error.text, "what no policy makes"))
		tap_fail(line, "not refused for [%s], but %d: %s", words, err, tap_error.text);
}

#define FORGE(what, words)                                                                         \
	do {                                                                                       \
		send(&forgery);                                                                    \
		what;                                                                              \
		expect_refused(__LINE__, words);                                                   \
	} while (0)

static char *word(const char *wanted)
{
	return memmem(strings(), strings_size(), wanted, strlen(wanted));
}

static void test_rules(void)
{
	FORGE(rule(1)->args = strings_size(), "rule 2 has words that are none");
	FORGE(rule(1)->args = UINT32_MAX, "rule 2 has words that are none");
	FORGE(rule(1)->args_size = UINT32_MAX, "rule 2 has words that are none");
	FORGE(rule(0)->args_size -= 1, "rule 1 has other words than it counts");
	FORGE(rule(0)->argc += 1, "rule 1 has other words than it counts");
	FORGE(rule(0)->argc = UINT32_MAX, "rule 1 has words that are none");
	FORGE(rule(0)->origin = strings_size(), "rule 1 has an origin that is none");
	FORGE(rule(0)->rank = MG_RANK_HIGHEST + 1, "rule 1 has a rank out of order");
	FORGE(rule(0)->rank = 41, "rule 2 has a rank out of order");
	FORGE(rule(0)->chain = 1, "rule 1 is of another chain");
	FORGE(rule(0)->chain = UINT32_MAX, "rule 1 is of another chain");
}

static void test_chains(void)
{
	FORGE(chain(0)->family = MG_FAMILIES, "chain 1 has no family");
	FORGE(chain(0)->name = strings_size(), "chain 1 has a string that is none");
	FORGE(chain(0)->table = UINT32_MAX, "chain 1 has a string that is none");
	FORGE(chain(0)->table = 0, "chain 1 is of no table");
	FORGE(chain(0)->name = 0, "chain 1 has a name that no chain has");
	FORGE(*word("INPUT") = '-', "chain 1 has a name that no chain has");
	FORGE(*word("INPUT") = ' ', "chain 1 has a name that no chain has");
	FORGE(chain(0)->policy = chain(0)->table, "chain 1 has a policy that is none");
	FORGE(chain(2)->policy = chain(0)->policy, "has a policy that is none");
	FORGE(chain(0)->first = 1, "chain 1 has rules that are not its own");
	FORGE(chain(0)->count = UINT32_MAX, "chain 1 has rules that are not its own");
	FORGE(chain(1)->first = 0, "chain 2 has rules that are not its own");
	FORGE(chain(0)->count -= 1, "chain 2 has rules that are not its own");
	FORGE(chain(1)->family = MG_IPV4, "chain 2 is there twice");
	FORGE(forgery.areas[MG_AREA_CHAINS].size -= sizeof(struct mg_chain_record) * 4,
	      "there are rules of no chain");
}

static void test_strings(void)
{
	FORGE(forgery.areas[MG_AREA_STRINGS].size = 0, "strings without an end");
	FORGE(forgery.areas[MG_AREA_STRINGS].size -= 1, "strings without an end");
	FORGE(strings()[0] = 'x', "strings without an end");
	FORGE(*word("--dport") = '\n', "a control character");
	FORGE(*word("allow") = '\033', "a control character");
	FORGE(*word("tcp") = '\x7f', "a control character");
	FORGE(memcpy(word("tcp"), "\xc2\x9b", 2), "a control character");
}

static void test_sizes(void)
{
	enum mg_area area;

	FORGE(forgery.areas[MG_AREA_RULES].size -= 1, "an area of an impossible size");
	FORGE(forgery.areas[MG_AREA_CHAINS].size -= 3, "an area of an impossible size");
	FORGE(forgery.areas[MG_AREA_MEMBERS].size -= 5, "an area of an impossible size");
	for (area = 0; area < MG_AREAS; area++)
		FORGE(forgery.areas[area].size = mg_crossing_most(area) + 1,
		      "an area of an impossible size");
}

/* The rest anew: a set and a keep, with what is wrong. */
static void rest(uint32_t family, const char *name, uint32_t members, uint32_t kind,
		 const char *pattern, uint32_t more)
{
	struct mg_parcel parcel = { .size = 0 };

	mg_parcel_number(&parcel, 1);
	mg_parcel_number(&parcel, family);
	mg_parcel_text(&parcel, name);
	mg_parcel_text(&parcel, "p.lua:3 set");
	mg_parcel_number(&parcel, members);
	mg_parcel_number(&parcel, 1);
	mg_parcel_number(&parcel, kind);
	mg_parcel_number(&parcel, 10);
	mg_parcel_text(&parcel, pattern);
	mg_parcel_text(&parcel, "");
	mg_parcel_text(&parcel, "p.lua:4 keep");
	for (; more; more--)
		mg_parcel_number(&parcel, 0);
	free(forgery.areas[MG_AREA_REST].bytes);
	forgery.areas[MG_AREA_REST].bytes = parcel.bytes;
	forgery.areas[MG_AREA_REST].size = parcel.size;
}

static void test_sets_and_keeps(void)
{
	static const struct mg_set_member crooked = { { 192, 0, 2, 1 }, 24 };

	FORGE(rest(7, "mg4-office", 2, 0, "f2b-*", 0), "set 1 is none");
	FORGE(rest(MG_IPV4, "mg6-office", 2, 0, "f2b-*", 0), "set 1 is none");
	FORGE(rest(MG_IPV4, "blocklist", 2, 0, "f2b-*", 0), "set 1 is none");
	FORGE(rest(MG_IPV4, "mg4-of\033fice", 2, 0, "f2b-*", 0), "set 1 is none");
	FORGE(rest(MG_IPV4, NULL, 2, 0, "f2b-*", 0), "set 1 is none");
	FORGE(rest(MG_IPV4, "mg4-a-name-that-is-longer-than-fits", 2, 0, "f2b-*", 0), "set 1");
	FORGE(rest(MG_IPV4, "mg4-office", 3, 0, "f2b-*", 0), "set 1 is none");
	FORGE(rest(MG_IPV4, "mg4-office", UINT32_MAX, 0, "f2b-*", 0), "set 1 is none");
	FORGE(rest(MG_IPV4, "mg4-office", 1, 0, "f2b-*", 0), "there are members of no set");
	FORGE(rest(MG_IPV4, "mg4-office", 2, MG_KEEP_KINDS, "f2b-*", 0), "what is kept (1)");
	FORGE(rest(MG_IPV4, "mg4-office", 2, 0, "", 0), "what is kept (1)");
	FORGE(rest(MG_IPV4, "mg4-office", 2, 0, "a\nb", 0), "what is kept (1)");
	FORGE(rest(MG_IPV4, "mg4-office", 2, 0, "f2b-*", 1), "more than a ruleset");
	FORGE(memcpy(forgery.areas[MG_AREA_MEMBERS].bytes, &crooked, sizeof(crooked)),
	      "set 1: set mg4-office: member 1 is no network");
	FORGE(forgery.areas[MG_AREA_REST].size -= 1, "what is kept (1)");
	FORGE(forgery.areas[MG_AREA_REST].size = 3, "what no policy makes");
	FORGE(forgery.areas[MG_AREA_REST].size = 0, "there are members of no set");
}

/* Every offset, count and size with every kind of wrong number: never harm, see ASan. */
static void test_every_number(void)
{
	static const uint32_t numbers[] = { 0, 1, 2, 255, 256, 1 << 20, INT32_MAX, UINT32_MAX };
	enum mg_area area;
	size_t i, k;

	for (area = MG_AREA_CHAINS; area <= MG_AREA_REST; area++)
		for (i = 0; i < 4096; i += 4)
			for (k = 0; k < sizeof(numbers) / sizeof(*numbers); k++) {
				struct mg_ruleset *out = NULL;

				send(&forgery);
				if (i + 4 > forgery.areas[area].size) {
					mg_crossing_clear(&forgery);
					break;
				}
				memcpy((char *)forgery.areas[area].bytes + i, &numbers[k], 4);
				if (!mg_ruleset_arrive(&forgery, &out, &tap_error))
					mg_ruleset_free(out);
				mg_crossing_clear(&forgery);
			}
}

static void test_random_bytes(void)
{
	uint32_t state = 20260101, i;

	for (i = 0; i < 20000; i++) {
		struct mg_ruleset *out = NULL;
		enum mg_area area;
		size_t at;

		send(&forgery);
		area = tap_random(&state) % MG_AREAS;
		at = tap_random(&state) % forgery.areas[area].size;
		((unsigned char *)forgery.areas[area].bytes)[at] =
			(unsigned char)tap_random(&state);
		if (!mg_ruleset_arrive(&forgery, &out, &tap_error))
			mg_ruleset_free(out);
		mg_crossing_clear(&forgery);
	}
}

static void test_control(void)
{
	char text[200];
	size_t i;

	memset(text, 'x', sizeof(text));
	EXPECT_IS(mg_find_control(text, sizeof(text)), sizeof(text));
	for (i = 0; i < sizeof(text); i++) {
		text[i] = '\033';
		EXPECT_IS(mg_find_control(text, sizeof(text)), i);
		text[i] = '\t';
		EXPECT_IS(mg_find_control(text, sizeof(text)), sizeof(text));
		text[i] = '\xc2'; /* alone it is no character at all */
		EXPECT_IS(mg_find_control(text, sizeof(text)), sizeof(text));
		if (i + 1 < sizeof(text)) {
			text[i + 1] = '\x85';
			EXPECT_IS(mg_find_control(text, sizeof(text)), i);
			text[i + 1] = '\xa7'; /* a paragraph's sign */
			EXPECT_IS(mg_find_control(text, sizeof(text)), sizeof(text));
			text[i + 1] = 'x';
		}
		text[i] = 'x';
	}
}

int main(void)
{
	make();
	tap_run("arrives as it left", test_arrives);
	tap_run("arrives if it is empty", test_arrives_empty);
	tap_run("is refused with forged rules", test_rules);
	tap_run("is refused with forged chains", test_chains);
	tap_run("is refused with strings that do not end, or would command a terminal",
		test_strings);
	tap_run("is refused with areas of impossible sizes", test_sizes);
	tap_run("is refused with forged sets, and forged records of what is kept",
		test_sets_and_keeps);
	tap_run("does no harm with any number forged", test_every_number);
	tap_run("does no harm with any byte forged", test_random_bytes);
	tap_run("has no control character overlooked", test_control);
	mg_ruleset_free(made);
	return tap_end();
}
