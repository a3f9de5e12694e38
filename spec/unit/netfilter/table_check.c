/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tables as the kernel gives and takes them, in a network namespace of this
 * program's own: what is read is what is there, and a copy that makes no sense
 * is refused, wherever it is wrong.
 */
#include <errno.h>
#include <sched.h>

#include "netfilter/equal.h"
#include "netfilter/print.h"
#include "netfilter/table.h"
#include "netfilter/xt_socket.h"
#include "spec/support/tap.h"

#include <linux/netfilter_ipv4/ip_tables.h>

static const char rules[] =
	"*filter\n:INPUT DROP [5:600]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [7:800]\n"
	":ALPHA - [0:0]\n:EMPTY - [0:0]\n:OMEGA - [0:0]\n"
	"[1:10] -A INPUT -i lo -j ACCEPT\n"
	"[2:20] -A INPUT -p tcp -m tcp --dport 22 -m comment --comment \"a b\" -j OMEGA\n"
	"[3:30] -A INPUT -s 10.0.0.0/8 -g ALPHA\n"
	"[4:40] -A INPUT\n"
	"[5:50] -A FORWARD -j EMPTY\n"
	"[6:60] -A ALPHA -j LOG --log-prefix \"x \"\n"
	"[7:70] -A ALPHA -j RETURN\n"
	"[8:80] -A OMEGA -m limit --limit 3/min -j ALPHA\n"
	"COMMIT\n";

static struct mg_image *image;
static struct ipt_getinfo info;
static unsigned char *copy; /* what the kernel gave; info.size bytes */

static const struct mg_family_ops *ops(void)
{
	return mg_family_ops(MG_IPV4);
}

static void load(void)
{
	FILE *pipe = popen("iptables-legacy-restore -c", "w");

	EXPECT(pipe);
	fputs(rules, pipe);
	EXPECT_IS(pclose(pipe), 0);
}

static void end(void)
{
	mg_image_free(image);
	image = NULL;
	free(copy);
	copy = NULL;
}

static void begin(void)
{
	const struct ipt_get_entries *entries;
	int fd;

	EXPECT_DONE(mg_table_read(MG_IPV4, "filter", &image, &tap_error));
	fd = mg_xt_open(ops());
	EXPECT(fd >= 0);
	EXPECT_DONE(mg_xt_info(fd, ops(), "filter", &info));
	close(fd);
	entries = image->copy;
	EXPECT_IS(entries->size, info.size);
	copy = malloc(info.size);
	EXPECT(copy);
	memcpy(copy, entries->entrytable, info.size);
}

/* Parse @size bytes that nothing lies behind: a tool for bad accesses sees their end. */
static int parse(const struct ipt_getinfo *about, const unsigned char *bytes, struct mg_image **out)
{
	unsigned char *exact = malloc(about->size ? about->size : 1);
	struct mg_image *parsed = NULL;
	int err;

	memcpy(exact, bytes, about->size);
	err = mg_image_new(MG_IPV4, "filter", &parsed, &tap_error);
	if (!err)
		err = mg_table_parse(parsed, about, exact, &tap_error);
	if (!err) { /* whoever believes it looks at all of it */
		for (size_t i = 0; i < parsed->entry_count; i++)
			mg_entry_hash(ops(), &parsed->entries[i]);
		if (out && mg_image_equal(parsed, image))
			*out = parsed;
	}
	mg_image_free(parsed);
	free(exact);
	return err;
}

static void reads_all(void)
{
	static const struct {
		const char *name, *policy;
		uint32_t count;
	} wanted[] = {
		{ "INPUT", "DROP", 4 }, { "FORWARD", "ACCEPT", 1 }, { "OUTPUT", "ACCEPT", 0 },
		{ "ALPHA", NULL, 2 },	{ "EMPTY", NULL, 0 },	    { "OMEGA", NULL, 1 },
	};
	static const char *const targets[] = { "ACCEPT", "OMEGA", "ALPHA",  "",
					       "EMPTY",	 "LOG",	  "RETURN", "ALPHA" };
	struct mg_image *same = NULL;
	struct mg_entry_view view;

	begin();
	EXPECT_IS(image->chain_count, 6);
	for (size_t i = 0; i < 6; i++) {
		EXPECT_TEXT(image->chains[i].name, wanted[i].name);
		EXPECT_IS(image->chains[i].count, wanted[i].count);
		EXPECT_IS(image->chains[i].built_in, wanted[i].policy != NULL);
		if (wanted[i].policy)
			EXPECT_TEXT(image->chains[i].policy, wanted[i].policy);
	}
	EXPECT_IS(image->chains[0].counters.pcnt, 5);
	EXPECT_IS(image->chains[2].counters.bcnt, 800);
	EXPECT_IS(image->entry_count, 8);
	for (size_t i = 0; i < 8; i++) {
		EXPECT_TEXT(image->entries[i].target, targets[i]);
		EXPECT_IS(image->entries[i].standard, i != 5);
		ops()->view((void *)image->entries[i].bytes, &view);
		EXPECT_IS(view.counters->pcnt, i + 1);
	}
	EXPECT_DONE(parse(&info, copy, &same));
	EXPECT(same);
	end();
}

static void short_copies(void)
{
	struct ipt_getinfo about;

	begin();
	about = info;
	for (about.size = 0; about.size < info.size; about.size++) {
		EXPECT_IS(parse(&about, copy, NULL), -EBADMSG);
		EXPECT_IS(tap_error.status, MG_KERNEL);
		EXPECT(strstr(tap_error.text, " at byte "));
	}
	end();
}

static void wrong_facts(void)
{
	struct ipt_getinfo about;

	begin();
	for (int i = 0; i < 5; i++) {
		about = info;
		switch (i) {
		case 0: about.num_entries++; break;
		case 1: about.num_entries = UINT32_MAX; break;
		case 2: about.num_entries = 0; break;
		case 3: about.hook_entry[NF_INET_LOCAL_IN] += 8; break;
		case 4: about.underflow[NF_INET_LOCAL_IN] = about.size; break;
		}
		EXPECT_IS(parse(&about, copy, NULL), -EBADMSG);
	}
	end();
}

/* Some changes are none of the reader's business (an address): those it takes. */
static void random_damage(void)
{
	unsigned char *damaged;
	uint32_t seed = 20251121, refused = 0, taken = 0;

	begin();
	damaged = malloc(info.size);
	for (int i = 0; i < 40000; i++) {
		int err, changes = 1 + (int)(tap_random(&seed) % 4);

		memcpy(damaged, copy, info.size);
		while (changes--) {
			uint32_t at = tap_random(&seed) % info.size;

			damaged[at] = tap_random(&seed) % 3 ? (unsigned char)tap_random(&seed)
							    : damaged[at] ^ 0x80;
		}
		err = parse(&info, damaged, NULL);
		if (err && err != -EBADMSG)
			tap_fail(__LINE__, "%d: %s", err, tap_error.text);
		refused += err != 0;
		taken += err == 0;
	}
	free(damaged);
	EXPECT(refused > 5000 && taken > 5000);
	end();
}

/* The match or target called @name in the copy of entry @index, which may be written to. */
static unsigned char *part_of(size_t index, const char *name)
{
	unsigned char *at = (unsigned char *)(uintptr_t)image->entries[index].bytes;
	struct mg_entry_view view;

	ops()->view(at, &view);
	for (; at < (unsigned char *)view.elements + *view.next_offset - ops()->entry_size; at++)
		if (memcmp(at, name, strlen(name) + 1) == 0)
			return at - offsetof(struct xt_entry_match, u.user.name);
	return NULL;
}

static void prints_anything(void)
{
	unsigned char *part;
	const char *text;

	begin();
	/* flags that have no name: the plugin looks for them beyond the end of its list */
	part = part_of(1, "tcp");
	EXPECT(part);
	memset(part + sizeof(struct xt_entry_match) + 9, 0xC0, 2);
	EXPECT_IS(mg_entry_text(ops(), &image->entries[1], &text, &tap_error), -EBADMSG);
	EXPECT_IS(tap_error.status, MG_KERNEL);
	EXPECT_TEXT(tap_error.text,
		    "the plugin of `tcp' breaks over the data that a rule has for it");
	/* and nothing is left behind: the next rule prints */
	EXPECT_DONE(mg_entry_text(ops(), &image->entries[2], &text, &tap_error));
	EXPECT_TEXT(text, "-s 10.0.0.0/8 -g ALPHA");
	/* a text without an end has the one of its data */
	part = part_of(5, "LOG");
	EXPECT(part);
	memset(part + sizeof(struct xt_entry_target) + 2, 'x', 30);
	EXPECT_DONE(mg_entry_text(ops(), &image->entries[5], &text, &tap_error));
	EXPECT_TEXT(text, "-j LOG --log-prefix xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
	end();
}

/* Written back as it was, with every counter; then with the rules the other way round. */
static void writes_back(void)
{
	struct mg_source sources[8];
	struct mg_image *again = NULL;
	struct mg_entry_view view;
	struct mg_entry other;

	begin();
	for (uint32_t i = 0; i < 8; i++)
		sources[i] = (struct mg_source){ i, true };
	EXPECT_DONE(mg_table_write(image, image, sources, NULL, &tap_error));
	EXPECT_DONE(mg_table_read(MG_IPV4, "filter", &again, &tap_error));
	EXPECT(mg_image_equal(image, again));
	EXPECT_IS(again->chains[0].counters.pcnt, 5);
	mg_image_free(image);
	image = again;

	EXPECT_DONE(mg_table_read(MG_IPV4, "filter", &again, &tap_error));
	for (uint32_t i = 0; i < 2; i++) {
		other = again->entries[i];
		again->entries[i] = again->entries[3 - i];
		again->entries[3 - i] = other;
	}
	for (uint32_t i = 0; i < 4; i++)
		sources[i].live = 3 - i;
	EXPECT_DONE(mg_table_write(image, again, sources, NULL, &tap_error));
	mg_image_free(again);
	EXPECT_DONE(mg_table_read(MG_IPV4, "filter", &again, &tap_error));
	for (uint32_t i = 0; i < 8; i++) {
		ops()->view((void *)again->entries[i].bytes, &view);
		EXPECT_IS(view.counters->pcnt, i < 4 ? 4 - i : i + 1);
	}
	EXPECT_TEXT(again->entries[3].target, "ACCEPT");
	mg_image_free(again);
	end();
}

static void notices_others(void)
{
	struct mg_source sources[8];
	bool touched = false;

	begin();
	for (uint32_t i = 0; i < 8; i++)
		sources[i] = (struct mg_source){ i, true };
	EXPECT_IS(system("iptables-legacy -A OUTPUT -j ACCEPT"), 0);
	EXPECT_IS(mg_table_write(image, image, sources, &touched, &tap_error), -EAGAIN);
	EXPECT_IS(tap_error.status, MG_BUSY);
	EXPECT(!touched);
	end();
}

int main(void)
{
	tap_clean_up = end;
	if (unshare(CLONE_NEWNET)) {
		snprintf(tap_skipped, sizeof(tap_skipped), "no network namespace of its own");
		tap_report("tables as the kernel has them");
		return tap_end();
	}
	tap_run("loads rules to be read", load);
	tap_run("reads every chain, rule, jump and counter", reads_all);
	tap_run("refuses a copy that ends too early", short_copies);
	tap_run("refuses a copy that is not as it was said", wrong_facts);
	tap_run("survives any damage", random_damage);
	tap_run("prints data that make no sense, or says whose they are", prints_anything);
	tap_run("writes a table back, and keeps all counters of rules that move", writes_back);
	tap_run("notices that somebody else wrote", notices_others);
	return tap_end();
}
