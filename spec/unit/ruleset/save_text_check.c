/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * iptables-save text: one line to arguments and back, and whole files with
 * counters, origins and mistakes.
 */
#include "ruleset/save_text.h"

#include <errno.h>

#include "spec/support/tap.h"

/* The arguments, each between < and >. */
static const char *in_brackets(const struct mg_args *args)
{
	static char text[1024];
	size_t used = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < args->argc && used < sizeof(text); i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "<%s>", args->argv[i]);
	return text;
}

static void split_is(struct mg_args *args, const char *line, const char *wanted)
{
	EXPECT_DONE(mg_args_split(args, line, strlen(line), &tap_error));
	EXPECT_TEXT(in_brackets(args), wanted);
	EXPECT(args->argv[args->argc] == NULL);
}

static void split(void)
{
	static const char *const cases[][2] = {
		{ "", "" },
		{ " \t\r ", "" },
		{ "-A INPUT -j ACCEPT", "<-A><INPUT><-j><ACCEPT>" },
		{ "  -A\tINPUT \t -j  ACCEPT ", "<-A><INPUT><-j><ACCEPT>" },
		{ "-j ACCEPT\r", "<-j><ACCEPT>" },
		{ "--comment \"two words\"", "<--comment><two words>" },
		{ "--comment \"a \\\"b\\\" \\\\ c\"", "<--comment><a \"b\" \\ c>" },
		{ "--comment \"\" -j X", "<--comment><><-j><X>" },
		{ "\"\"", "<>" },
		{ "\"\" \"\"", "<><>" },
		{ "a\"b c\"d", "<ab cd>" },
		{ "\"a\"\"b\"", "<ab>" },
		{ "\"tab\there\"", "<tab\there>" },
		{ "\"\\n\"", "<n>" },
		{ "back\\slash", "<back\\slash>" },
		{ "back\\", "<back\\>" },
		{ "it's 'not special'", "<it's><'not><special'>" },
		{ "gr\303\274n \"bl\303\266d e\"", "<gr\303\274n><bl\303\266d e>" },
	};
	struct mg_args args = { 0 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		split_is(&args, cases[i][0], cases[i][1]);
	mg_args_clear(&args);
	mg_args_clear(&args);
}

static void refused(const char *line, size_t length, const char *words)
{
	struct mg_args args = { 0 };

	tap_error.text[0] = '\0';
	EXPECT_IS(mg_args_split(&args, line, length, &tap_error), -EINVAL);
	EXPECT_IS(tap_error.status, MG_INVALID);
	EXPECT_TEXT(tap_error.text, words);
	EXPECT_IS(mg_args_split(&args, line, length, NULL), -EINVAL);
	mg_args_clear(&args);
}

static void split_errors(void)
{
	refused("\"", 1, "column 1: this quote is never closed");
	refused("-A \"x", 5, "column 4: this quote is never closed");
	refused("-A \"x\" \"y", 9, "column 8: this quote is never closed");
	refused("-A \"x\\\"", 7, "column 4: this quote is never closed");
	refused("-A \"x\\", 6, "column 6: nothing follows the backslash");
	refused("-A\0B", 4, "column 3: a NUL byte");
	refused("\0", 1, "column 1: a NUL byte");
	refused("-A \"a\0b\"", 8, "column 6: a NUL byte");
}

/* What is printed is read back as the same. */
static void goes_round(struct mg_args *args, const char *list, size_t size, uint32_t argc)
{
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);
	const char *arg = list;
	int err;

	mg_args_print(out, list, argc);
	fclose(out);
	err = mg_args_split(args, text, length, &tap_error);
	if (err || args->argc != argc)
		tap_fail(__LINE__, "[%s]: %d, %u arguments, not %u", text, err, args->argc, argc);
	for (uint32_t i = 0; i < argc && !tap_reason[0]; i++, arg = mg_arg_next(arg))
		if (strcmp(args->argv[i], arg) != 0)
			tap_fail(__LINE__, "[%s]: [%s], not [%s]", text, args->argv[i], arg);
	free(text);
	if (!tap_reason[0])
		EXPECT_IS(arg - list, size);
}

static void round_trip(void)
{
	static const char some[] = " \t\r\"\\'aZ09-_.,:/!+=@%*[]#$(){};&|<>?~^`\303\266\001\177\n";
	struct mg_args args = { 0 };
	char list[512];

	srand(7);
	for (int round = 0; round < 20000 && !tap_reason[0]; round++) {
		uint32_t argc = (uint32_t)rand() % 8;
		size_t used = 0;

		for (uint32_t i = 0; i < argc; i++) {
			for (int length = rand() % 12; length; length--)
				list[used++] = some[(size_t)rand() % (sizeof(some) - 1)];
			list[used++] = '\0';
		}
		goes_round(&args, list, used, argc);
	}
	mg_args_clear(&args);
}

static void printed_is(const char *arg, const char *wanted)
{
	char text[128] = "";
	FILE *out = fmemopen(text, sizeof(text), "w");

	mg_arg_print(out, arg);
	fclose(out);
	EXPECT_TEXT(text, wanted);
}

static void print(void)
{
	printed_is("--dport", "--dport");
	printed_is("10.0.0.0/8", "10.0.0.0/8");
	printed_is("", "\"\"");
	printed_is("two words", "\"two words\"");
	printed_is("a\"b\\c", "\"a\\\"b\\\\c\"");
	printed_is("tab\t", "\"tab\t\"");
	printed_is("#", "\"#\"");
}

static struct mg_ruleset *ruleset;

static int read_text(enum mg_family family, const char *text, size_t length)
{
	if (!ruleset && mg_ruleset_new(&ruleset, &tap_error))
		return -ENOMEM;
	return mg_save_read(ruleset, family, "rules.v4", text, length, &tap_error);
}

static void forget(void)
{
	mg_ruleset_free(ruleset);
	ruleset = NULL;
}

static void chain_is(const char *table, const char *name, const char *policy, const char *origin,
		     uint32_t count)
{
	uint32_t index = mg_ruleset_find_chain(ruleset, MG_IPV4, table, name);
	struct mg_chain_view view;

	EXPECT(index != UINT32_MAX);
	mg_ruleset_chain_at(ruleset, index, &view);
	EXPECT_TEXT(view.policy ? view.policy : "-", policy);
	EXPECT_TEXT(view.origin, origin);
	EXPECT_IS(view.count, count);
}

static void rule_is(uint32_t index, const char *words, const char *origin)
{
	struct mg_rule_view rule;
	char text[256] = "";
	FILE *out = fmemopen(text, sizeof(text), "w");

	EXPECT(index < mg_ruleset_rule_count(ruleset));
	mg_ruleset_rule_at(ruleset, index, &rule);
	mg_args_print(out, rule.args, rule.argc);
	fclose(out);
	EXPECT_TEXT(text, words);
	EXPECT_TEXT(rule.origin, origin);
}

static void whole_file(void)
{
	static const char text[] = "# Generated by iptables-save\n"
				   "*filter\n"
				   "#@ p.lua:2 deny\n"
				   ":INPUT DROP [12:3456]\n"
				   ":FORWARD ACCEPT [0:0]\n"
				   ":USER - [0:0]\n"
				   "#@ p.lua:5 allow inbound\n"
				   "-A INPUT -p tcp --dport 22 -j ACCEPT\n"
				   "[7:420] -A INPUT -m comment --comment \"a b\" -j USER\n"
				   "\n"
				   "# a comment\n"
				   "--append USER -j RETURN\n"
				   "-A USER\n"
				   "COMMIT\n"
				   "*mangle\n"
				   ":INPUT ACCEPT\n"
				   "COMMIT\n"
				   "# Completed\n";

	EXPECT_DONE(read_text(MG_IPV4, text, sizeof(text) - 1));
	EXPECT_DONE(mg_ruleset_seal(ruleset, &tap_error));
	EXPECT_IS(mg_ruleset_chain_count(ruleset), 4);
	EXPECT_IS(mg_ruleset_rule_count(ruleset), 4);
	chain_is("filter", "INPUT", "DROP", "p.lua:2 deny", 2);
	chain_is("filter", "FORWARD", "ACCEPT", "", 0);
	chain_is("filter", "USER", "-", "", 2);
	chain_is("mangle", "INPUT", "ACCEPT", "", 0);
	rule_is(0, "-p tcp --dport 22 -j ACCEPT", "p.lua:5 allow inbound");
	rule_is(1, "-m comment --comment \"a b\" -j USER", "");
	rule_is(2, "-j RETURN", "");
	rule_is(3, "", "");
	forget();
}

/* Lines as of a file that came by way of another system. */
static void carriage_returns(void)
{
	static const char text[] = "*filter\r\n#@ p.lua:2 deny\r\n:INPUT DROP [0:0]\r\n\r\n"
				   "# x\r\n#@ p.lua:3 allow\r\n-A INPUT -j ACCEPT\r\nCOMMIT\r\n";

	EXPECT_DONE(read_text(MG_IPV4, text, sizeof(text) - 1));
	EXPECT_DONE(mg_ruleset_seal(ruleset, &tap_error));
	rule_is(0, "-j ACCEPT", "p.lua:3 allow");
	chain_is("filter", "INPUT", "DROP", "p.lua:2 deny", 1);
	forget();
}

static void last_line_open(void)
{
	static const char text[] = "*filter\n-A INPUT -j ACCEPT";

	EXPECT_DONE(read_text(MG_IPV4, text, sizeof(text) - 1));
	EXPECT_DONE(read_text(MG_IPV6, "", 0));
	EXPECT_DONE(mg_ruleset_seal(ruleset, &tap_error));
	rule_is(0, "-j ACCEPT", "");
	forget();
}

static void file_refused(const char *text, const char *words)
{
	EXPECT_IS(read_text(MG_IPV4, text, strlen(text)), -EINVAL);
	EXPECT_IS(tap_error.status, MG_INVALID);
	EXPECT(strncmp(tap_error.text, words, strlen(words)) == 0);
	forget();
}

static void file_errors(void)
{
	file_refused("-A INPUT -j ACCEPT\n", "rules.v4:1: no table");
	file_refused("\n*filter\nCOMMIT\n:INPUT DROP [0:0]\n", "rules.v4:4: no table");
	file_refused("*filter\n:INPUT\n", "rules.v4:2: a chain line needs");
	file_refused("*filter\n: DROP [0:0]\n", "rules.v4:2: a chain line needs");
	file_refused("*filter\n:INPUT QUEUE [0:0]\n", "rules.v4:2: QUEUE is not a chain policy");
	file_refused("*filter\n\n#\n-I INPUT -j ACCEPT\n", "rules.v4:4: this is neither");
	file_refused("*filter\n-A\n", "rules.v4:2: this is neither");
	file_refused("*filter\n[1:2]\n", "rules.v4:2: this is neither");
	file_refused("*filter\n-A INPUT --comment \"x\n-j\"\n",
		     "rules.v4:2: column 20: this quote is never closed");
	file_refused("*filter\n-A INPUT --comment \"x\\", "rules.v4:2: column 22: nothing follows");
}

int main(void)
{
	tap_run("splits a line as iptables-restore does", split);
	tap_run("says in which column a line is wrong", split_errors);
	tap_run("quotes only what needs it", print);
	tap_run("reads back what it has printed", round_trip);
	tap_run("reads a whole file with counters, origins and comments", whole_file);
	tap_run("reads a file with carriage returns", carriage_returns);
	tap_run("reads a file whose last line is not ended", last_line_open);
	tap_run("says in which line a file is wrong", file_errors);
	return tap_end();
}
