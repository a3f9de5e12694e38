/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A sample has one rule of each kind that the kernel could judge otherwise, and
 * the first one of it.
 */
#include <sched.h>

#include "netfilter/compile.h"
#include "netfilter/sample.h"
#include "netfilter/session.h"
#include "ruleset/save_text.h"
#include "spec/support/tap.h"

static struct mg_ruleset *ruleset;
static struct mg_image *image, *sample;

/* What a plugin keeps when an error leaves it is no leak of ours. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

static void put_away(void)
{
	mg_image_free(sample);
	mg_image_free(image);
	mg_ruleset_free(ruleset);
	sample = image = NULL;
	ruleset = NULL;
}

/* iptables-save text to an image and its sample. */
static int take(enum mg_family family, const char *table, const char *text)
{
	struct mg_notes notes = { 0 };
	int err;

	put_away();
	err = mg_ruleset_new(&ruleset, &tap_error);
	if (!err)
		err = mg_save_read(ruleset, family, "rules", text, strlen(text), &tap_error);
	if (!err)
		err = mg_ruleset_seal(ruleset, &tap_error);
	if (!err)
		err = mg_compile_table(family, table, ruleset, &image, &notes, &tap_error);
	mg_notes_clear(&notes);
	return err ? err : mg_sample(image, &sample, &tap_error);
}

/* Two rules of one chain of filter: how many are sampled? -1: an error. */
static int sampled(enum mg_family family, const char *table, const char *chain, const char *first,
		   const char *second)
{
	char text[2048];

	snprintf(text, sizeof(text),
		 "*%s\n:USER - [0:0]\n:OTHER - [0:0]\n-A %s %s\n-A %s %s\nCOMMIT\n", table, chain,
		 first, chain, second);
	return take(family, table, text) ? -1 : (int)sample->entry_count;
}

static void likes_are_one(void)
{
	static const char *const pairs[][2] = {
		{ "-s 10.0.0.1 -j DROP", "-s 10.0.0.2 -j DROP" },
		{ "-s 10.0.0.0/8 -j DROP", "-s 10.0.0.2/255.0.255.0 -j DROP" },
		{ "! -s 10.0.0.1 -j DROP", "! -s 10.0.0.2 -j DROP" },
		{ "-s 10.0.0.1 -d 10.0.0.2 -j DROP", "-s 10.0.0.3 -d 10.0.0.4 -j DROP" },
		{ "-p tcp --dport 22 -j DROP", "-p tcp --dport 80 -j DROP" },
		{ "-p tcp --dport 1:2 -j DROP", "-p tcp --dport 3:65535 -j DROP" },
		{ "-p udp --sport 22 -j DROP", "-p udp --sport 80 -j DROP" },
		{ "-m comment --comment a -j DROP", "-m comment --comment \"b c\" -j DROP" },
		{ "-s 0.0.0.0/0 -j DROP", "-j DROP" },
		{ "-j USER", "-j USER" },
		{ "", "" },
	};
	size_t i;

	for (i = 0; i < sizeof(pairs) / sizeof(*pairs); i++)
		if (sampled(MG_IPV4, "filter", "INPUT", pairs[i][0], pairs[i][1]) != 1)
			tap_fail(__LINE__, "[%s] and [%s] are two: %s", pairs[i][0], pairs[i][1],
				 tap_error.text);
	put_away();
}

static void others_are_two(void)
{
	static const char *const pairs[][2] = {
		{ "-s 10.0.0.1 -j DROP", "-d 10.0.0.1 -j DROP" },
		{ "-s 10.0.0.1 -j DROP", "! -s 10.0.0.1 -j DROP" },
		{ "-s 10.0.0.1 -j DROP", "-j DROP" }, /* what follows is never reached */
		{ "-s 10.0.0.1 -j DROP", "-s 10.0.0.1 -j ACCEPT" },
		{ "-s 10.0.0.1 -j DROP", "-s 10.0.0.1" },
		{ "-j USER", "-j OTHER" },
		{ "-j USER", "-g USER" },
		{ "-p tcp -j DROP", "-p udp -j DROP" },
		{ "-p tcp -j DROP", "-p tcp -m tcp -j DROP" },
		{ "-p tcp --dport 22 -j DROP", "-p tcp --sport 22 -j DROP" },
		{ "-p tcp --dport 22 -j DROP", "-p tcp --dport 22:23 -j DROP" },
		{ "-p tcp --dport 22 -j DROP", "-p tcp ! --dport 22 -j DROP" },
		{ "-p tcp --dport 22 -j DROP", "-p tcp --dport 22 --syn -j DROP" },
		{ "-p tcp --dport 22 -j DROP", "-p tcp --dport 22 --tcp-option 3 -j DROP" },
		{ "-i eth0 -j DROP", "-i eth1 -j DROP" },
		{ "-i eth0 -j DROP", "-i eth+ -j DROP" },
		{ "-f -j DROP", "-j DROP" },
		{ "-m comment --comment a -j DROP", "-j DROP" },
		{ "-m comment --comment a -j DROP", "-m comment --comment \"\" -j DROP" },
		{ "-m comment --comment a -m mark --mark 1",
		  "-m mark --mark 1 -m comment --comment a" },
		{ "-m mark --mark 1", "-m mark --mark 2" },
		{ "-m limit --limit 5/min", "-m limit --limit 6/min" },
		{ "-m recent --set --name a", "-m recent --set --name b" },
		{ "-j LOG --log-prefix a", "-j LOG --log-prefix b" },
		{ "-j LOG", "-j NFLOG" },
		{ "-j REJECT --reject-with icmp-net-unreachable",
		  "-j REJECT --reject-with icmp-host-unreachable" },
		{ "-d 10.0.0.1 -j CLUSTERIP", "-d 10.0.0.2 -j CLUSTERIP" },
		{ "-d 10.0.0.1 -j CLUSTERIP", "-d 10.0.0.1/24 -j CLUSTERIP" },
	};
	size_t i;

	for (i = 0; i < sizeof(pairs) / sizeof(*pairs); i++)
		if (sampled(MG_IPV4, "filter", "INPUT", pairs[i][0], pairs[i][1]) != 2)
			tap_fail(__LINE__, "[%s] and [%s] are not two: %s", pairs[i][0],
				 pairs[i][1], tap_error.text);
	put_away();
}

static void ipv6_too(void)
{
	EXPECT_IS(sampled(MG_IPV6, "filter", "INPUT", "-s ::1 -j DROP", "-s ::2 -j DROP"), 1);
	EXPECT_IS(sampled(MG_IPV6, "filter", "INPUT", "-s ::1 -j DROP", "-d ::1 -j DROP"), 2);
	EXPECT_IS(sampled(MG_IPV6, "nat", "POSTROUTING", "-j SNAT --to-source ::1",
			  "-j SNAT --to-source ::2"),
		  2);
	put_away();
}

static void chains_apart(void)
{
	EXPECT_DONE(take(MG_IPV4, "filter",
			 "*filter\n:INPUT DROP [0:0]\n:USER - [0:0]\n-A INPUT -s 10.0.0.1 -j DROP\n"
			 "-A INPUT -s 10.0.0.2 -j DROP\n-A USER -s 10.0.0.1 -j DROP\n"
			 "-A OUTPUT -s 10.0.0.1 -j DROP\nCOMMIT\n"));
	EXPECT_IS(image->entry_count, 4);
	EXPECT_IS(sample->entry_count, 3);
	EXPECT_IS(sample->chain_count, image->chain_count);
	EXPECT_TEXT(mg_image_find(sample, "INPUT")->policy, "DROP");
	EXPECT_IS(mg_image_find(sample, "USER")->count, 1);
	EXPECT(!mg_image_find(sample, "USER")->built_in);
	put_away();
}

/* The first of each kind, in order, itself. */
static void first_of_each(void)
{
	EXPECT_DONE(take(MG_IPV4, "filter",
			 "*filter\n-A INPUT -s 10.0.0.1 -j DROP\n-A INPUT -s 10.0.0.2 -j DROP\n"
			 "-A INPUT -s 10.0.0.3 -j ACCEPT\n-A INPUT -s 10.0.0.4 -j DROP\n"
			 "-A INPUT -p tcp -j DROP\n-A INPUT -s 10.0.0.5 -j ACCEPT\nCOMMIT\n"));
	EXPECT_IS(sample->entry_count, 3);
	EXPECT_IS(sample->entries[0].rule, 0);
	EXPECT_IS(sample->entries[1].rule, 2);
	EXPECT_IS(sample->entries[2].rule, 4);
	EXPECT(sample->entries[1].bytes == image->entries[2].bytes);
	put_away();
}

/* More kinds than the table of those that were seen begins with. */
static void many_kinds(void)
{
	enum { KINDS = 1000 };
	char *text = malloc(KINDS * 128), *at = text;
	int i, result;

	at += sprintf(at, "*filter\n");
	for (i = 0; i < 2 * KINDS; i++)
		at += sprintf(at, "-A INPUT -m mark --mark %d -j DROP\n", i % KINDS);
	sprintf(at, "COMMIT\n");
	result = take(MG_IPV4, "filter", text);
	free(text);
	EXPECT_DONE(result);
	EXPECT_IS(sample->entry_count, KINDS);
	EXPECT_IS(sample->entries[KINDS - 1].rule, KINDS - 1);
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
	tap_run("rules that differ in a value only are one", likes_are_one);
	tap_run("rules that differ in more are two", others_are_two);
	tap_run("so they are in IPv6", ipv6_too);
	tap_run("chains are sampled apart", chains_apart);
	tap_run("the first of each kind is taken, in order", first_of_each);
	tap_run("there may be many kinds", many_kinds);
	return tap_end();
}
