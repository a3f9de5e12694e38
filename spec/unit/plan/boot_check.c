/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which generation a boot loads, what it knows of its operators, and the rules
 * that stand in for one. The state is the first argument's folder.
 */
#include <errno.h>

#include "netfilter/beside.h"
#include "plan/minimal.h"
#include "plan/state.h"
#include "spec/support/tap.h"

static const char *top;
static char state_dir[256], run_dir[256];
static struct mg_state *state;
static struct mg_generation *generation;
static struct mg_notes notes;

__attribute__((format(printf, 1, 2))) static void shell(const char *format, ...)
{
	char line[2048];
	int length = snprintf(line, sizeof(line), "cd '%s' && ", top);
	va_list args;

	va_start(args, format);
	vsnprintf(line + length, sizeof(line) - (size_t)length, format, args);
	va_end(args);
	if (system(line) != 0)
		tap_fail(__LINE__, "%s", line);
}

static void begin(void)
{
	shell("rm -rf state run root");
	EXPECT_DONE(mg_state_open(state_dir, run_dir, true, &state, &tap_error));
	EXPECT_DONE(mg_state_lock(state, 0, &tap_error));
}

static void end(void)
{
	mg_generation_free(generation);
	generation = NULL;
	mg_notes_clear(&notes);
	mg_state_close(state);
	state = NULL;
}

/* Write one, and confirm it if @by says how. */
static void add(const char *rules, const char *operators, const char *by)
{
	struct mg_generation written = { .rules = { (char *)rules, NULL },
					 .operators = (char *)operators };

	EXPECT_DONE(mg_state_write_generation(state, &written, &tap_error));
	if (by)
		EXPECT_DONE(mg_state_confirm_generation(state, written.number, by, &tap_error));
}

static int choose(void)
{
	mg_generation_free(generation);
	generation = NULL;
	mg_notes_clear(&notes);
	tap_error.text[0] = '\0';
	return mg_state_read_bootable(state, &generation, &notes, &tap_error);
}

static void nothing(void)
{
	EXPECT_DONE(mg_state_open("/nowhere/at/all", "/nowhere/run", false, &state, &tap_error));
	EXPECT(!mg_state_exists(state));
	EXPECT_IS(choose(), -ENOENT);
	end();
	begin();
	EXPECT(mg_state_exists(state));
	EXPECT_IS(choose(), -ENOENT);
	add("one", NULL, NULL);
	EXPECT_IS(choose(), -ENOENT); /* nobody has confirmed it */
	EXPECT_TEXT(tap_error.text, "");
	EXPECT_IS(notes.count, 0);
	end();
}

static void older_one(void)
{
	begin();
	add("one", NULL, "console");
	add("two", NULL, "console");
	add("three", NULL, NULL);
	add("four", NULL, "console");
	EXPECT_DONE(choose());
	EXPECT_IS(generation->number, 4);
	EXPECT_IS(notes.count, 0);
	shell("echo x >state/generations/4/rules.v4");
	EXPECT_DONE(choose());
	EXPECT_IS(generation->number, 2);
	EXPECT_TEXT(generation->rules[MG_IPV4], "two");
	EXPECT(notes.count == 1 && notes.items[0].severity == MG_WARNING);
	EXPECT(strstr(notes.items[0].text, "generations/4/rules.v4 is damaged"));
	shell("rm -r state/generations/2/rules.v4");
	EXPECT_DONE(choose());
	EXPECT_IS(generation->number, 1);
	EXPECT_IS(notes.count, 2);
	shell("truncate -s 3 state/generations/1/meta.json");
	EXPECT_IS(choose(), -EBADMSG);
	EXPECT_IS(tap_error.status, MG_ENVIRONMENT);
	EXPECT(strstr(tap_error.text, "generations/4/rules.v4 is damaged"));
	EXPECT(!generation);
	end();
}

/* A confirmation that failed half-way has left its word, and not its link. */
static void never_a_newer_one(void)
{
	begin();
	add("one", NULL, "console");
	add("two", NULL, "console");
	add("three", NULL, "console");
	shell("ln -sfn generations/2 state/confirmed");
	EXPECT_DONE(choose());
	EXPECT_IS(generation->number, 2);
	shell("echo x >state/generations/2/rules.v4");
	EXPECT_DONE(choose());
	EXPECT_IS(generation->number, 1);
	shell("rm state/confirmed");
	EXPECT_DONE(choose()); /* it is not known which it was */
	EXPECT_IS(generation->number, 3);
	EXPECT(strstr(notes.items[0].text, "confirmed is damaged: it is missing"));
	end();
}

static void unconfirmed(void)
{
	begin();
	add("one", NULL, NULL);
	add("two", NULL, "console");
	add("three", NULL, NULL);
	add("four", NULL, NULL);
	shell("echo >state/generations/4/meta.json"); /* who knows? */
	EXPECT_DONE(mg_state_drop_unconfirmed(state, &notes, &tap_error));
	EXPECT_IS(notes.count, 2);
	shell("test \"$(echo $(ls state/generations))\" = '2 4'");
	end();
}

static void operators(void)
{
	char *text = NULL;

	begin();
	EXPECT_DONE(mg_state_operators(state, &text, &tap_error));
	EXPECT(!text);
	add("one", "192.0.2.7 22\n2001:db8::7 2222\n", "console");
	add("two", NULL, "console");
	add("three", "203.0.113.66 22\n", NULL); /* perhaps the reason that nobody could */
	add("four", "192.0.2.8 22\n192.0.2.7 22\n", "console");
	EXPECT_DONE(mg_state_operators(state, &text, &tap_error));
	EXPECT_TEXT(text, "192.0.2.8 22\n192.0.2.7 22\n2001:db8::7 2222\n");
	free(text);
	text = NULL;
	/* also where the rules are damaged, and not where its own words are */
	shell("rm state/generations/*/rules.v4 && sed -i s/192.0.2.8/203.0.113.66/ "
	      "state/generations/4/meta.json");
	EXPECT_DONE(mg_state_operators(state, &text, &tap_error));
	EXPECT_TEXT(text, "192.0.2.7 22\n2001:db8::7 2222\n");
	free(text);
	end();
}

/* How often is @part in the text of one family's minimal rules? */
static int count(enum mg_family family, const char *who, bool stateless, const char *part)
{
	char *text = NULL;
	int found = 0;

	if (mg_minimal_text(family, who, stateless, &text, &tap_error))
		return -1;
	for (const char *at = text; (at = strstr(at, part)); at += strlen(part))
		found++;
	free(text);
	return found;
}

static void minimal(void)
{
	static const char who[] = "192.0.2.7 22\n2001:db8::7 2222\n192.0.2.8 0\n192.0.2.9 70000\n"
				  "192.0.2.0/24 22\n-j 22\n192.0.2.10 22 -j\nexample.org 22\n"
				  "::ffff:192.0.2.11x 22\n 0.0.0.0";

	for (int family = 0; family < MG_FAMILIES; family++) {
		const enum mg_family of = (enum mg_family)family;

		EXPECT_IS(count(of, "", false, " DROP [0:0]\n"), 3);
		EXPECT_IS(count(of, "", false, "-p tcp"), 0);
		EXPECT_IS(count(of, "", false, "-i lo -j ACCEPT"), 1);
		EXPECT_IS(count(of, "", true, "conntrack"), 0);
		EXPECT_IS(count(of, who, false, "-p tcp"), 1);
		EXPECT_IS(count(of, who, true, "-p tcp"), 2);
		EXPECT_IS(count(of, NULL, false, "-A INPUT -p tcp -m tcp --dport 22 "), 1);
	}
	EXPECT_IS(count(MG_IPV4, who, false, "-s 192.0.2.7 -p tcp -m tcp --dport 22 -m conntrack"),
		  1);
	EXPECT_IS(count(MG_IPV6, who, false, "-s 2001:db8::7 -p tcp -m tcp --dport 2222 "), 1);
	EXPECT_IS(count(MG_IPV6, who, false, "--icmpv6-type 135 -j ACCEPT"), 2);
}

static void enabled(void)
{
	char root[300];

	begin();
	snprintf(root, sizeof(root), "%s/root", top);
	EXPECT(!mg_boot_is_enabled(root, "moongate.service"));
	shell("mkdir -p root/etc/systemd/system/sysinit.target.wants && "
	      "ln -s /nowhere root/etc/systemd/system/sysinit.target.wants/moongate.service");
	EXPECT(mg_boot_is_enabled(root, "moongate.service"));
	EXPECT(!mg_boot_is_enabled(root, "other.service"));
	shell("ln -s /dev/null root/etc/systemd/system/moongate.service");
	EXPECT(!mg_boot_is_enabled(root, "moongate.service"));
	end();
}

int main(int argc, char **argv)
{
	top = argc > 1 ? argv[1] : "/nowhere";
	snprintf(state_dir, sizeof(state_dir), "%s/state", top);
	snprintf(run_dir, sizeof(run_dir), "%s/run", top);
	tap_clean_up = end;
	tap_run("finds nothing where nothing was ever confirmed", nothing);
	tap_run("takes the newest whole one that was confirmed before", older_one);
	tap_run("takes none that is newer than the link", never_a_newer_one);
	tap_run("drops what was never confirmed, and leaves what cannot be read", unconfirmed);
	tap_run("knows from where operators came", operators);
	tap_run("has rules for a host of which nothing else is known", minimal);
	tap_run("knows whether systemd starts it", enabled);
	return tap_end();
}
