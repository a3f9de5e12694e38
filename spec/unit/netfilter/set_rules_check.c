/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules that name sets: compiled and printed without the kernel as the plugins
 * do with it, read from a table, and bound when it is written. In a network
 * namespace of this program's own.
 */
#include <errno.h>
#include <sched.h>

#include "netfilter/compile.h"
#include "netfilter/equal.h"
#include "netfilter/ipset.h"
#include "netfilter/print.h"
#include "netfilter/session.h"
#include "netfilter/set_rules.h"
#include "netfilter/table.h"
#include "netfilter/trial.h"
#include "ruleset/save_text.h"
#include "spec/support/tap.h"

static struct mg_image *live, *wanted;
static struct mg_ruleset *ruleset;
static struct mg_source sources[64];

static void end(void)
{
	mg_image_free(live);
	mg_image_free(wanted);
	mg_ruleset_free(ruleset);
	live = wanted = NULL;
	ruleset = NULL;
	if (system("iptables-legacy -F; ip6tables-legacy -F; ipset destroy"))
		tap_fail(__LINE__, "cannot clean up");
}

static const struct mg_family_ops *four(void)
{
	return mg_family_ops(MG_IPV4);
}

/* Compile rules of INPUT in the form of iptables-save, one a line. */
static int compile(enum mg_family family, const char *rules)
{
	char text[8192];
	int err;

	mg_image_free(wanted);
	mg_ruleset_free(ruleset);
	wanted = NULL;
	ruleset = NULL;
	snprintf(text, sizeof(text), "*filter\n:INPUT ACCEPT [0:0]\n%sCOMMIT\n", rules);
	err = mg_ruleset_new(&ruleset, &tap_error);
	if (!err)
		err = mg_save_read(ruleset, family, "rules", text, strlen(text), &tap_error);
	if (!err)
		err = mg_ruleset_seal(ruleset, &tap_error);
	if (!err)
		err = mg_compile_table(family, "filter", ruleset, &wanted, NULL, &tap_error);
	return err;
}

static const char *text_of(enum mg_family family, const struct mg_image *image, size_t index)
{
	const char *text = NULL;

	mg_entry_text(mg_family_ops(family), &image->entries[index], &text, &tap_error);
	return text;
}

static int read_live(enum mg_family family)
{
	mg_image_free(live);
	live = NULL;
	return mg_table_read(family, "filter", &live, &tap_error);
}

static int write_wanted(enum mg_family family)
{
	for (size_t i = 0; i < 64; i++)
		sources[i] = (struct mg_source){ MG_NO_RULE, false };
	return read_live(family) ? -EIO : mg_table_write(live, wanted, sources, NULL, &tap_error);
}

/* A plugin of any revision prints data that the kernel's index stands in; so do we. */

struct plain {
	const struct xtables_match *match;
	const struct xtables_target *target;
	const void *element;
	bool ours;
};

static int print_element(void *context)
{
	const struct plain *plain = context;

	if (plain->ours && plain->match)
		return mg_print_set_match(plain->element) ? 0 : -EINVAL;
	if (plain->ours)
		return mg_print_set_target(plain->element) ? 0 : -EINVAL;
	if (plain->match)
		plain->match->save(NULL, plain->element);
	else
		plain->target->save(NULL, plain->element);
	return 0;
}

static uint32_t state = 20260;

/* Flags that a plugin might have put there, and some that none does. */
static void randomise(unsigned char *data, size_t size, size_t infos, uint16_t index)
{
	size_t i;

	memset(data, 0, size);
	for (i = infos * sizeof(struct xt_set_info); i < size; i++)
		data[i] = tap_random(&state) % 3 ? 0 : (unsigned char)tap_random(&state);
	for (i = 0; i < infos; i++)
		((struct xt_set_info *)data)[i] = (struct xt_set_info){
			.index = tap_random(&state) % 4 || infos == 1 ? index : IPSET_INVALID_ID,
			.dim = (uint8_t)(tap_random(&state) % 4),
			.flags = (uint8_t)(tap_random(&state) & (infos == 1 ? 0xFF : 0xFE)),
		};
}

static void renumber(unsigned char *data, size_t infos, uint16_t number)
{
	size_t i;

	for (i = 0; i < infos; i++)
		if (((struct xt_set_info *)data)[i].index != IPSET_INVALID_ID)
			((struct xt_set_info *)data)[i].index = number;
}

/* libxtables keeps the newest only; the plugin has them all in a row. */
static int find_plugins(void *context)
{
	struct plain *newest = context;

	newest->match = mg_find_match("set");
	newest->target = mg_find_target("SET");
	return 0;
}

static void compare_prints(struct plain *plain, unsigned char *data, size_t size, size_t infos,
			   uint16_t index, uint16_t number)
{
	char theirs[512];

	for (int i = 0; i < 300; i++) {
		randomise(data, size, infos, index);
		plain->ours = false;
		EXPECT_DONE(mg_fence_run(print_element, plain, &tap_error));
		snprintf(theirs, sizeof(theirs), "%s", mg_fence_output());
		renumber(data, infos, number);
		plain->ours = true;
		EXPECT_DONE(mg_fence_run(print_element, plain, &tap_error));
		EXPECT_TEXT(mg_fence_output(), theirs);
	}
}

static void prints_like_plugins(void)
{
	static _Alignas(16) unsigned char bytes[512];
	struct xt_entry_match *match = (void *)bytes;
	struct xt_entry_target *target = (void *)bytes;
	struct plain newest = { .ours = false };
	uint16_t index, number;
	int fd, compared = 0;

	EXPECT_IS(system("ipset create first hash:ip && ipset create somebody hash:ip"), 0);
	EXPECT_DONE(mg_session_open(&tap_error));
	mg_session_family(MG_IPV4);
	fd = mg_set_kernel_open();
	EXPECT(fd >= 0);
	EXPECT_DONE(mg_set_kernel_find(fd, "somebody", &index, NULL));
	close(fd);
	EXPECT_DONE(mg_set_number("somebody", &number));
	EXPECT_DONE(mg_fence_run(find_plugins, &newest, &tap_error));
	EXPECT(newest.match && newest.target);
	for (uint8_t revision = 1; revision <= newest.match->revision; revision++) {
		struct plain plain = { .match = newest.match - (newest.match->revision - revision),
				       .element = match };

		EXPECT_IS(plain.match->revision, revision);
		match->u.user.revision = revision;
		compare_prints(&plain, match->data, plain.match->size, 1, index, number);
		compared++;
	}
	for (uint8_t revision = 1; revision <= newest.target->revision; revision++) {
		struct plain plain = { .target = newest.target -
						 (newest.target->revision - revision),
				       .element = target };

		EXPECT_IS(plain.target->revision, revision);
		target->u.user.revision = revision;
		compare_prints(&plain, target->data, plain.target->size, revision == 3 ? 3 : 2,
			       index, number);
		compared++;
	}
	EXPECT_IS(compared, 7);
	end();
}

static void compiles_without_sets(void)
{
	EXPECT_DONE(compile(MG_IPV4,
			    "-A INPUT -m set --match-set nowhere src,dst ! --update-counters "
			    "--packets-gt 3 -j DROP\n"
			    "-A INPUT -m set ! --match-set nowhere dst --return-nomatch\n"
			    "-A INPUT -j SET --add-set elsewhere src --exist --timeout 5\n"));
	EXPECT_TEXT(
		text_of(MG_IPV4, wanted, 0),
		"-m set --match-set nowhere src,dst ! --update-counters --packets-gt 3 -j DROP");
	EXPECT_TEXT(text_of(MG_IPV4, wanted, 1),
		    "-m set ! --match-set nowhere dst --return-nomatch");
	EXPECT_TEXT(text_of(MG_IPV4, wanted, 2),
		    "-j SET --add-set elsewhere src --exist --timeout 5");
	end();
}

static void refuses(const char *rule, const char *words)
{
	EXPECT_IS(compile(MG_IPV4, rule), -EINVAL);
	EXPECT_TEXT(tap_error.text, words);
}

static void refuses_like_plugins(void)
{
	refuses("-A INPUT -m set --match-set a src --match-set b src\n",
		"--match-set can be specified only once");
	refuses("-A INPUT -m set --match-set a\n", "--match-set requires two args.");
	refuses("-A INPUT -m set --match-set a ! -p tcp\n", "--match-set requires two args.");
	refuses("-A INPUT -m set --match-set a -j DROP\n", "--match-set requires two args.");
	refuses("-A INPUT -m set --match-set a sideways\n",
		"You must spefify (the comma separated list of) 'src' or 'dst'.");
	refuses("-A INPUT -m set --match-set a src,src,src,src,src,src,src\n",
		"Can't be more src/dst options than 6.");
	refuses("-A INPUT -m set --match-set a2345678901234567890123456789012 src\n",
		"setname `a2345678901234567890123456789012' too long, max 31 characters.");
	refuses("-A INPUT -m set --match-set \"\" src\n", "Set  doesn't exist.");
	refuses("-A INPUT -m set -j DROP\n",
		"You must specify `--match-set' with proper arguments");
	refuses("-A INPUT -j SET --exist --del-set a src\n",
		"Flag `--exist' can be used with `--add-set' only");
	refuses("-A INPUT -j SET --add-set a src --add-set b src\n",
		"--add-set can be specified only once");
	refuses("-A INPUT -j SET --map-set a src\n",
		"You must specify flags `--map-mark' or '--map-prio` or `--map-queue'");
	end();
}

static void reads_names(void)
{
	EXPECT_IS(system("ipset create mg4-office.7 hash:ip && ipset create other hash:net && "
			 "iptables-legacy -A INPUT -m set --match-set mg4-office.7 src -j DROP && "
			 "iptables-legacy -A INPUT -m set --match-set other src -j SET --del-set "
			 "other src"),
		  0);
	EXPECT_DONE(read_live(MG_IPV4));
	/* which generation of a set of ours it is, no text tells */
	EXPECT_TEXT(text_of(MG_IPV4, live, 0), "-m set --match-set mg4-office src -j DROP");
	EXPECT_TEXT(text_of(MG_IPV4, live, 1),
		    "-m set --match-set other src -j SET --del-set other src");
	EXPECT_DONE(compile(MG_IPV4, "-A INPUT -m set --match-set mg4-office src -j DROP\n"
				     "-A INPUT -m set --match-set other src -j SET --del-set other "
				     "src\n"));
	EXPECT(mg_image_equal(live, wanted));
	EXPECT(mg_entry_same(four(), &live->entries[1], &wanted->entries[1]));
	EXPECT_DONE(compile(MG_IPV4, "-A INPUT -m set --match-set mg4-home src -j DROP\n"
				     "-A INPUT -m set --match-set mg4-office src -j SET --del-set "
				     "other src\n"));
	EXPECT(!mg_entry_equal(four(), &live->entries[0], &wanted->entries[0]));
	EXPECT(!mg_entry_equal(four(), &live->entries[1], &wanted->entries[1]));
	end();
}

/* The sets take other indices than before: a rule follows its name. */
static void binds_by_name(void)
{
	EXPECT_IS(system("ipset create a hash:ip && ipset create b hash:ip && "
			 "iptables-legacy -A INPUT -m set --match-set b src -j DROP"),
		  0);
	EXPECT_DONE(read_live(MG_IPV4));
	wanted = live;
	live = NULL;
	EXPECT_IS(system("iptables-legacy -F && ipset destroy && ipset create b hash:ip && ipset "
			 "create a hash:ip"),
		  0);
	EXPECT_DONE(write_wanted(MG_IPV4));
	EXPECT_IS(system("iptables-legacy -S INPUT | grep -q -- '--match-set b src'"), 0);
	end();
}

static void binds_to_what_stands_for_it(void)
{
	const struct mg_set_alias alias = { "mg4-office", "mg4-office.12" };
	const struct mg_set_aliases aliases = { &alias, 1 };

	EXPECT_IS(system("ipset create mg4-office hash:ip && ipset create mg4-office.12 hash:net"),
		  0);
	EXPECT_DONE(compile(MG_IPV4, "-A INPUT -m set --match-set mg4-office src -j DROP\n"));
	wanted->sets = &aliases;
	EXPECT_DONE(write_wanted(MG_IPV4));
	EXPECT_IS(system("iptables-legacy -S INPUT | grep -q -- '--match-set mg4-office.12 src'"),
		  0);
	EXPECT_DONE(read_live(MG_IPV4));
	EXPECT(mg_image_equal(live, wanted));
	end();
}

static void misses_sets(void)
{
	EXPECT_DONE(
		compile(MG_IPV4, "-A INPUT -j ACCEPT\n-A INPUT -m set --match-set nosuch src\n"));
	EXPECT_IS(write_wanted(MG_IPV4), -ENOENT);
	EXPECT_TEXT(tap_error.text, "Set nosuch doesn't exist.");
	EXPECT_IS(system("ipset create six hash:ip family inet6"), 0);
	EXPECT_DONE(compile(MG_IPV4, "-A INPUT -m set --match-set six src\n"));
	EXPECT_IS(write_wanted(MG_IPV4), -ENOENT);
	EXPECT_TEXT(tap_error.text,
		    "The protocol family of set six is IPv6, which is not applicable.");
	EXPECT_DONE(compile(MG_IPV6, "-A INPUT -m set --match-set six src\n"));
	EXPECT_DONE(write_wanted(MG_IPV6));
	EXPECT_IS(system("iptables-legacy-save -t filter | grep -q set"), 256);
	end();
}

static void is_tried_without_them(void)
{
	size_t culprit, entry;

	EXPECT_DONE(compile(MG_IPV6, "-A INPUT -m set --match-set mg6-x src -j DROP\n"
				     "-A INPUT -m set ! --match-set thing src,dst,dst -j SET "
				     "--map-set y dst --map-mark\n"));
	/* the kernel maps in mangle only, and says so of this very rule */
	EXPECT_IS(mg_trial((const struct mg_image *const *)&wanted, 1, &culprit, &entry,
			   &tap_error),
		  -EINVAL);
	EXPECT_IS(entry, 1);
	EXPECT_DONE(compile(MG_IPV6, "-A INPUT -m set --match-set mg6-x src -j DROP\n"
				     "-A INPUT -m set ! --match-set thing src,dst,dst -j SET "
				     "--add-set y dst\n"));
	EXPECT_DONE(
		mg_trial((const struct mg_image *const *)&wanted, 1, &culprit, &entry, &tap_error));
	EXPECT_IS(system("[ -z \"$(ipset list -n)\" ]"), 0);
	end();
}

int main(void)
{
	tap_clean_up = end;
	if (unshare(CLONE_NEWNET)) {
		snprintf(tap_skipped, sizeof(tap_skipped), "no network namespace of its own");
		tap_report("rules that name sets");
		return tap_end();
	}
	tap_run("are printed as the plugins print them, in each revision", prints_like_plugins);
	tap_run("compile where there is no set", compiles_without_sets);
	tap_run("are refused in the plugins' words", refuses_like_plugins);
	tap_run("are read with their names", reads_names);
	tap_run("are bound by name when they are written", binds_by_name);
	tap_run("are bound to the set that stands for theirs", binds_to_what_stands_for_it);
	tap_run("are refused where their set is missing", misses_sets);
	tap_run("are tried where there are no sets", is_tried_without_them);
	return tap_end();
}
