/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sources of a policy: each file that was read, once, with the checksum of
 * the bytes that were handed out.
 */
#include "policy/sources.h"

#include <errno.h>
#include <sys/stat.h>

#include "policy/evaluate.h"
#include "spec/support/tap.h"

static const char *root; /* an empty folder */
static struct mg_sources sources;

static const char *in_root(const char *name)
{
	static char paths[4][512];
	static int next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(*paths), "%s/%s", root, name);
	return path;
}

static void write_file(const char *name, const char *text)
{
	FILE *file = fopen(in_root(name), "w");

	if (!file || fputs(text, file) < 0 || fclose(file))
		exit(2);
}

/* What sha256sum(1) says of a file, which is another implementation. */
static const char *sum_of(const char *name)
{
	static char line[MG_SHA256_SIZE];
	char command[600];
	FILE *out;

	snprintf(command, sizeof(command), "sha256sum '%s'", in_root(name));
	out = popen(command, "r");
	if (!out || !fgets(line, sizeof(line), out) || pclose(out))
		return "sha256sum failed";
	return line;
}

static void begin(void)
{
	static const char *folders[2];

	folders[0] = root;
	mg_sources_clear(&sources);
	sources.folders = folders;
}

static void test_policy(void)
{
	char *text;
	size_t length;

	begin();
	write_file("p.lua", "\xEF\xBB\xBF#!/usr/bin/env moongate\ndefault_deny()\n");
	EXPECT_DONE(mg_sources_policy(&sources, in_root("p.lua"), &text, &length, &tap_error));
	EXPECT_IS(length, 42);
	EXPECT(text[0] == ' ' && text[3] == ' ' && strstr(text, "\ndefault_deny()\n"));
	free(text);
	EXPECT_IS(sources.count, 1);
	EXPECT_IS(sources.items[0].kind, MG_SOURCE_POLICY);
	EXPECT_TEXT(sources.items[0].name, "p.lua");
	EXPECT_TEXT(sources.items[0].path, in_root("p.lua"));
	EXPECT_TEXT(sources.items[0].sha256, sum_of("p.lua"));
	EXPECT_IS(mg_sources_policy(&sources, in_root("none"), &text, &length, &tap_error),
		  -ENOENT);
	EXPECT(strstr(tap_error.text, "cannot read the policy ") &&
	       strstr(tap_error.text, "/none"));
	EXPECT_IS(sources.count, 1);
}

static void test_module(void)
{
	char *text;
	size_t length;

	begin();
	mkdir(in_root("roles"), 0755);
	write_file("roles/web.lua", "return 1\n");
	EXPECT_DONE(mg_sources_module(&sources, "roles/web.lua", &text, &length, &tap_error));
	free(text);
	EXPECT_DONE(mg_sources_module(&sources, "roles/web.lua", &text, &length, &tap_error));
	free(text);
	EXPECT_IS(sources.count, 1);
	EXPECT_IS(sources.items[0].kind, MG_SOURCE_MODULE);
	EXPECT_TEXT(sources.items[0].name, "roles.web");
	EXPECT_TEXT(sources.items[0].sha256, sum_of("roles/web.lua"));
	EXPECT_IS(mg_sources_module(&sources, "roles/x.lua", &text, &length, &tap_error), -ENOENT);

	write_file("roles/web.lua", "return 2\n");
	EXPECT_IS(mg_sources_module(&sources, "roles/web.lua", &text, &length, &tap_error),
		  -EAGAIN);
	EXPECT(strstr(tap_error.text, "/roles/web.lua was changed while the policy was read"));
	EXPECT_IS(sources.count, 1);
}

/* A link is noted as where it leads to; an empty file has a checksum, too. */
static void test_link(void)
{
	char *text;
	size_t length;

	begin();
	write_file("empty", "");
	if (symlink("empty", in_root("link")))
		exit(2);
	EXPECT_DONE(mg_sources_policy(&sources, in_root("link"), &text, &length, &tap_error));
	free(text);
	EXPECT_IS(length, 0);
	EXPECT_TEXT(sources.items[0].name, "link");
	EXPECT_TEXT(sources.items[0].path, in_root("empty"));
	EXPECT_TEXT(sources.items[0].sha256,
		    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");

	/* two names of one module, which is pinned by its name */
	begin();
	write_file("one.lua", "return 1\n");
	if (symlink("one.lua", in_root("two.lua")))
		exit(2);
	EXPECT_DONE(mg_sources_module(&sources, "one.lua", &text, &length, &tap_error));
	free(text);
	EXPECT_DONE(mg_sources_module(&sources, "two.lua", &text, &length, &tap_error));
	free(text);
	EXPECT_IS(sources.count, 2);
	EXPECT_TEXT(sources.items[1].name, "two");
	EXPECT_TEXT(sources.items[1].path, in_root("one.lua"));
	write_file("one.lua", "return 2\n");
	EXPECT_IS(mg_sources_module(&sources, "two.lua", &text, &length, &tap_error), -EAGAIN);
}

/* All that one evaluation reads, in the order in which it does. */
static void test_evaluation(void)
{
	struct mg_evaluation evaluation = { .language = "lua", .sources = &sources };
	struct mg_notes notes = { .count = 0 };
	struct mg_ruleset *ruleset;
	char all[512] = "";
	size_t i;

	begin();
	mkdir(in_root("roles"), 0755);
	mkdir(in_root("lists"), 0755);
	write_file("main.lua",
		   "use \"roles.a\"\nuse \"roles.a\"\n"
		   "allow_inbound { tcp = 1, from = addresses_from_file \"lists/x\" }\n");
	write_file("roles/a.lua", "return function() use \"roles.b\" end\n");
	write_file("roles/b.lua", "return function() default_deny() end\n");
	write_file("lists/x", "192.0.2.1\ninclude y\ninclude ./y\n");
	write_file("lists/y", "192.0.2.2\n");
	evaluation.path = in_root("main.lua");
	EXPECT_DONE(mg_policy_evaluate(&evaluation, &ruleset, &notes, &tap_error));
	mg_ruleset_free(ruleset);
	mg_notes_clear(&notes);
	for (i = 0; i < sources.count; i++)
		snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s %s\n",
			 mg_source_kind_name(sources.items[i].kind), sources.items[i].name);
	EXPECT_TEXT(all, "policy main.lua\nmodule roles.a\nmodule roles.b\naddresses lists/x\n"
			 "addresses y\n");
	EXPECT_TEXT(sources.items[4].path, in_root("lists/y"));
	EXPECT_TEXT(sources.items[4].sha256, sum_of("lists/y"));
}

int main(int argc, char **argv)
{
	root = argc > 1 ? argv[1] : ".";
	tap_run("has the policy, whose checksum is the file's", test_policy);
	tap_run("has a module once, and refuses one that changes meanwhile", test_module);
	tap_run("follows a link", test_link);
	tap_run("has all that was read, transitively", test_evaluation);
	mg_sources_clear(&sources);
	return tap_end();
}
