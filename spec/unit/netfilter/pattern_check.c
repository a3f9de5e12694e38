/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules compiled and printed by pattern are, byte for byte, what they are when
 * each is compiled and printed by itself; what is wrong with one is found
 * among any number of likes, in the same words.
 */
#include <sched.h>

#include "netfilter/compile.h"
#include "netfilter/print.h"
#include "netfilter/session.h"
#include "ruleset/failure.h"
#include "spec/support/tap.h"
#include "spec/unit/netfilter/likes.h"

enum { ROUNDS = 400, MOST_RULES = 60 };

/* What a plugin keeps when an error leaves it is no leak of ours. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

static const char *const forms[] = {
	"-s @s -p tcp -m tcp --dport @p -m conntrack --ctstate NEW -m comment --comment @c -j "
	"ACCEPT",
	"-s @s -j DROP",
	"! -s @s -d @s -j ACCEPT",
	"-d @s -p udp -m udp --sport @p --dport @p -j USER",
	"-p tcp -m tcp ! --dport @p -m comment --comment @c -g USER",
	"-p tcp --dport @p",
	"-m comment --comment @c",
	"-m comment --comment @c -m comment --comment @c -j DROP",
	"--source=@s --jump ACCEPT",
	"-s@s -d @s -j RETURN",
	"-p tcp --dport=@p -m comment --comment=@c -j ACCEPT",
	"-m comment --comment @c -s @s -p udp --dport @p -j LOG --log-prefix @c",
	"-s @s -m limit --limit 5/min -m comment --comment @c -j REJECT",
	"-s @s -i eth0 -o @c -j ACCEPT",
	"-p tcp -m multiport --dports @p -m tcp --sport @p -j DROP",
	"-s @s -s @s -j DROP",
	"-p tcp -m tcp --dport @p --dport @p",
	"-p tcp -m tcp --dport @p -m tcp --dport @p -m tcp --sport @p -m comment --comment @c -s "
	"@s -d "
	"@s -m udp --dport @p",
	"-s @s -p sctp -m sctp --dport @p -j ACCEPT",
	"-s @s -p tcp -m tcp --dport @p --syn -m comment --comment @c -j ACCEPT",
};

static unsigned int seed;
static struct like likes[MOST_RULES];

static bool is_chain(const void *data, const char *name)
{
	return strcmp(name, data) == 0;
}

static const struct mg_compile_context context = {
	.table = "filter",
	.chain = "INPUT",
	.is_chain = is_chain,
	.data = "USER",
};

/* @count of the likes, as the rules of INPUT. NULL: tap_error says why. */
static struct mg_ruleset *ruleset_of(enum mg_family family, uint32_t count)
{
	struct mg_ruleset *ruleset;
	uint32_t input, user, i;
	char origin[32];

	if (mg_ruleset_new(&ruleset, &tap_error) ||
	    mg_ruleset_chain(ruleset, family, "filter", "INPUT", "", &input, &tap_error) ||
	    mg_ruleset_chain(ruleset, family, "filter", "USER", "", &user, &tap_error))
		return NULL;
	for (i = 0; i < count; i++) {
		snprintf(origin, sizeof(origin), "policy.lua:%u append", i + 1);
		if (mg_ruleset_append(ruleset, input, MG_RANK_ALLOW, likes[i].argc, likes[i].argv,
				      origin, &tap_error))
			return NULL;
	}
	return mg_ruleset_seal(ruleset, &tap_error) ? NULL : ruleset;
}

/* The text with no pattern to go by: what was printed last is of the other family. */
static const char *text_alone(enum mg_family family, const struct mg_entry *entry)
{
	static const char words[] = "-j\0ACCEPT";
	const enum mg_family other = family == MG_IPV4 ? MG_IPV6 : MG_IPV4;
	struct mg_arena arena = { 0 };
	struct mg_compiled_rule compiled;
	struct mg_entry breaker;
	const char *text = NULL;

	if (mg_compile_rule(other, &context, words, 2, sizeof(words), &arena, &compiled,
			    &tap_error) == 0) {
		breaker = (struct mg_entry){ .bytes = compiled.entries[0],
					     .target = compiled.target,
					     .standard = compiled.standard };
		if (mg_entry_text(mg_family_ops(other), &breaker, &text, &tap_error) ||
		    mg_entry_text(mg_family_ops(family), entry, &text, &tap_error))
			text = NULL;
	}
	mg_arena_clear(&arena);
	return text;
}

static size_t size_of(const struct mg_family_ops *ops, const void *bytes)
{
	struct mg_entry_view view;

	ops->view((void *)bytes, &view);
	return *view.next_offset;
}

/* Entries @at and on are those of a rule alone; returns how many, or 0 with the case failed. */
static uint32_t same_as_alone(enum mg_family family, const struct mg_image *image, size_t at,
			      const struct like *like)
{
	const struct mg_family_ops *ops = mg_family_ops(family);
	struct mg_arena arena = { 0 };
	struct mg_compiled_rule alone;
	uint32_t i, count = 0;

	if (mg_compile_rule(family, &context, like->bytes, like->argc, like->size, &arena, &alone,
			    &tap_error)) {
		tap_fail(__LINE__, "seed %u: alone it is refused: %s: %s", seed, like->text,
			 tap_error.text);
		return 0;
	}
	for (i = 0; i < alone.count; i++) {
		const struct mg_entry *entry = &image->entries[at + i];
		const size_t size = size_of(ops, alone.entries[i]);

		if (at + i >= image->entry_count || size != size_of(ops, entry->bytes) ||
		    memcmp(entry->bytes, alone.entries[i], size) != 0 ||
		    entry->standard != alone.standard || strcmp(entry->target, alone.target) != 0) {
			tap_fail(__LINE__, "seed %u: not as alone: %s", seed, like->text);
			break;
		}
		count++;
	}
	if (count != alone.count)
		count = 0;
	mg_arena_clear(&arena);
	return count;
}

/* All texts in a row, as a plan prints them, and each by itself. */
static void expect_texts(enum mg_family family, const struct mg_image *image)
{
	const struct mg_family_ops *ops = mg_family_ops(family);
	char **texts = calloc(image->entry_count + 1, sizeof(*texts));
	const char *text;
	size_t i;

	for (i = 0; i < image->entry_count; i++)
		texts[i] = mg_entry_text(ops, &image->entries[i], &text, &tap_error) ? NULL
										     : strdup(text);
	for (i = 0; i < image->entry_count; i++) {
		text = text_alone(family, &image->entries[i]);
		if (!text || !texts[i] || strcmp(text, texts[i]) != 0)
			tap_fail(__LINE__, "seed %u: printed as [%s], alone as [%s]", seed,
				 texts[i] ? texts[i] : "(none)", text ? text : "(none)");
		free(texts[i]);
	}
	free(texts);
}

static void expect_good(enum mg_family family, uint32_t count)
{
	struct mg_ruleset *ruleset = ruleset_of(family, count);
	struct mg_image *image = NULL;
	struct mg_notes notes = { 0 };
	uint32_t i, entries;
	size_t at = 0;

	EXPECT(ruleset);
	if (mg_compile_table(family, "filter", ruleset, &image, &notes, &tap_error)) {
		tap_fail(__LINE__, "seed %u: refused: %s", seed, tap_error.text);
	} else {
		for (i = 0; i < count; i++, at += entries) {
			entries = same_as_alone(family, image, at, &likes[i]);
			if (!entries)
				break;
		}
		if (i == count && at != image->entry_count)
			tap_fail(__LINE__, "seed %u: %zu entries, not %zu", seed,
				 image->entry_count, at);
		expect_texts(family, image);
	}
	mg_notes_clear(&notes);
	mg_image_free(image);
	mg_ruleset_free(ruleset);
}

/* The last of @count likes is wrong, and @why. */
static void expect_bad(enum mg_family family, uint32_t count, const char *why)
{
	struct mg_ruleset *ruleset = ruleset_of(family, count);
	struct mg_image *image = NULL;
	struct mg_error error = { 0 };
	struct mg_notes notes = { 0 };
	char wanted[sizeof(error.text) + 64];

	EXPECT(ruleset);
	snprintf(wanted, sizeof(wanted), "policy.lua:%u: append: %s", count, why);
	if (!mg_compile_table(family, "filter", ruleset, &image, &notes, &error))
		tap_fail(__LINE__, "seed %u: taken, though %s: %s", seed, why,
			 likes[count - 1].text);
	else if (strcmp(error.text, wanted) != 0)
		tap_fail(__LINE__, "seed %u: [%s], not [%s]", seed, error.text, wanted);
	mg_notes_clear(&notes);
	mg_image_free(image);
	mg_ruleset_free(ruleset);
}

/* Likes of a few forms: those that are good alone are kept, each bad one is tried behind them. */
static void try_likes(enum mg_family family)
{
	const char *const chosen[] = { LIKES_PICK(forms), LIKES_PICK(forms), LIKES_PICK(forms) };
	const unsigned int kinds = 1 + likes_below(3);
	struct mg_arena arena = { 0 };
	struct mg_compiled_rule compiled;
	struct mg_error error;
	unsigned int i, bad = 0;
	uint32_t count = 0;

	for (i = 0; i < MOST_RULES && !tap_reason[0]; i++) {
		struct like *like = &likes[count];

		like_fill(like, chosen[likes_below(kinds)], family == MG_IPV6);
		if (mg_compile_rule(family, &context, like->bytes, like->argc, like->size, &arena,
				    &compiled, &error) == 0)
			count++;
		else if (bad++ < 5)
			expect_bad(family, count + 1, error.text);
	}
	mg_arena_clear(&arena);
	if (!tap_reason[0])
		expect_good(family, count);
}

static void random_likes(void)
{
	int i;

	for (i = 0; i < ROUNDS && !tap_reason[0]; i++)
		try_likes(i % 2 ? MG_IPV6 : MG_IPV4);
}

/* @count likes; "@" is a number of three digits, another one in each. */
static void fill_all(uint32_t count, const char *form)
{
	const char *place = strchr(form, '@');
	char text[256];
	uint32_t i;

	for (i = 0; i < count; i++) {
		snprintf(text, sizeof(text), "%.*s%u%s", (int)(place - form), form, 100 + i,
			 place + 1);
		like_begin(&likes[i]);
		like_add_all(&likes[i], text);
	}
}

/* A wrong rule behind their likes. */
static void wrong_among_likes(void)
{
	static const struct {
		const char *form, *wrong, *why;
	} cases[] = {
		{ "-s 10.0.0.0/8 -p tcp --dport 5@ -j DROP",
		  "-s 10.0.0.0/8 -p tcp --dport 70000 -j DROP",
		  "invalid port/service `70000' specified" },
		{ "-s 10.0.0.@/8 -j DROP", "-s 10.0.0.0/33 -j DROP",
		  "invalid mask in `10.0.0.0/33'" },
		{ "-s 10.0.0.@/8 -j DROP", "-s example.org -j DROP",
		  "`example.org' is not a numeric IPv4 address or network, and names are not "
		  "resolved" },
		{ "-p tcp --dport 5@ -j DROP", "-p tcp --dport 22 -j DORP",
		  "no chain and no target extension is called `DORP': did you mean `DROP'?" },
		{ "-p tcp --dport 5@ -j DROP", "-p tcp --dports 22 -j DROP",
		  "unknown option \"--dports\": it belongs to \"-m multiport\", and stands behind "
		  "it" },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases) && !tap_reason[0]; i++) {
		fill_all(40, cases[i].form);
		like_begin(&likes[39]);
		like_add_all(&likes[39], cases[i].wrong);
		expect_bad(MG_IPV4, 40, cases[i].why);
	}
}

/* A value that means something else than the likes' do. */
static void special_among_likes(void)
{
	static const char *const pairs[][2] = {
		{ "-s 10.0.0.@/32 -j DROP", "-s 0.0.0.0/0 -j DROP" },
		{ "! -s 10.0.0.@/32 -j DROP", "! -s 0.0.0.0/0 -j DROP" },
		{ "-s 10.0.0.@ -j DROP", "-s 10.0.0.1,10.0.0.2 -j DROP" },
		{ "-s 10.0.0.@ -j DROP", "-s 10.0.0.1/255.0.255.0 -j DROP" },
		{ "-p tcp --dport 5@ -j DROP", "-p tcp --dport 0:65535 -j DROP" },
		{ "-p tcp --dport 5@ -j DROP", "-p tcp --dport 0 -j DROP" },
		{ "-p tcp --dport 5@ -j DROP", "-p tcp --dport ssh -j DROP" },
		{ "-m comment --comment x@ -j DROP", "-m comment --comment ! -j DROP" },
		{ "-m comment --comment x@ -j DROP", "-m comment --comment -j -j DROP" },
		{ "-m comment --comment x@ -j DROP", "-m comment --comment a\"b -j DROP" },
	};
	size_t i;

	for (i = 0; i < sizeof(pairs) / sizeof(*pairs) && !tap_reason[0]; i++) {
		fill_all(40, pairs[i][0]);
		like_begin(&likes[20]);
		like_add_all(&likes[20], pairs[i][1]);
		expect_good(MG_IPV4, 40);
	}
}

int main(void)
{
	char name[128];

	/* the kernel is asked for its revisions: not that of the host's own tables */
	if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET))
		fprintf(stderr, "no namespace: the host's kernel is asked\n");
	if (mg_session_open(&tap_error)) {
		fprintf(stderr, "%s\n", tap_error.text);
		return 7;
	}
	seed = likes_seed();
	snprintf(name, sizeof(name), "random likes are what they are alone, MOONGATE_SEED=%u",
		 seed);
	tap_run(name, random_likes);
	tap_run("a wrong rule is found among its likes", wrong_among_likes);
	tap_run("a special value is itself among its likes", special_among_likes);
	return tap_end();
}
