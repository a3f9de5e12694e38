/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Options, each described once: its name, what it means, which commands take it.
 */
#include "options.h"

#include <getopt.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DEFAULT_CONFIRM_SECONDS = 30, LONGEST_SECONDS = 24 * 3600 };

struct description {
	int key; /* its letter, also in struct command; upper-case letters have no short form */
	const char *name, *argument, *meaning;
};

static const struct description descriptions[] = {
	{ 'c', "confirm", "TIME",
	  "take it back unless it is confirmed within TIME (30s, 2m); 30s if not given" },
	{ 'N', "no-confirm", NULL, "do not wait for a confirmation, and take nothing back" },
	{ 'M', "confirm-command", "CMD",
	  "have CMD confirm: keep it if CMD succeeds in time, else take it back" },
	{ 'R', "remove-foreign", NULL, "let rules and chains of other software be removed" },
	{ 'B', "beside-nft", NULL, "go on although nf_tables filters beside" },
	{ 'F', "force", NULL, "go on where safety says no" },
	{ 'd', "drop-flows", NULL,
	  "once it is confirmed, end connections that would not be admitted now" },
	{ 'w', "wait", "SECONDS", "wait so long for a lock (0 if not given)" },
	{ 'K', "kernel", NULL, "have the kernel of a private network namespace judge too" },
	{ 'U', "out", "FILE", "save the plan, for `moongate apply FILE'" },
	{ 'J', "json", NULL, "print a JSON document, see moongate-json(5)" },
	{ 'D', "detailed-exitcode", NULL, "exit 2 if there is something to do" },
	{ 'O', "console", NULL, "say that you sit at the console: there is no new connection" },
	{ 'P', "counters", NULL, "with the counters of what is live" },
	{ 'L', "live", NULL, "take the live tables" },
	{ 'T', "lenient", NULL, "make comments of lines that cannot be imported, and go on" },
	{ 'k', "keep", NULL, "leave to Docker, fail2ban ... what is theirs, as --live does" },
	{ 'n', "no-keep", NULL, "import what is theirs, too" },
	{ 'E', "sets", NULL, "print the sets that the rules look into, for `ipset restore'" },
	{ 'H', "facts", "FILE", "take the facts about the host from FILE (`moongate facts')" },
	{ 'b', "boot", "FORMAT",
	  "write what is confirmed, now and each time, for iptables-persistent, sysconfig or "
	  "none" },
	{ 'G', "generation", "NUMBER", "take the rules of that generation instead of a policy" },
	{ 'a', "add", NULL,
	  "keep what the lock file has of modules that this policy does not use" },
	{ 'X', "unconfined", NULL,
	  "evaluate the policy with all rights, where it cannot be confined" },
	{ 'Y', "policy-seconds", "SECONDS", "let the policy take so much processor time (2)" },
	{ '4', "ipv4", NULL, "IPv4 only" },
	{ '6', "ipv6", NULL, "IPv6 only" },
	{ 'S', "state-dir", "DIR",
	  "keep the state in DIR, and what lives until the next boot in DIR/run" },
	{ 'C', "color", "WHEN", "auto, always or never" },
	{ 'q', "quiet", NULL, "say only what is wrong" },
	{ 'v', "verbose", NULL, "say more: unchanged rules, remarks" },
	{ 'h', "help", NULL, "show this help" },
};

static const char common[] = "46SCqvh";

enum { DESCRIPTIONS = sizeof(descriptions) / sizeof(*descriptions) };

/* The letter of an option on the command line, or 0. No command takes two with the same. */
static char short_form(int key)
{
	if (key == 'P')
		return 'c';
	return strchr("cw46qvh", key) ? (char)key : 0;
}

static void print_option(const struct description *option)
{
	char left[64];

	if (short_form(option->key))
		snprintf(left, sizeof(left), "-%c, --%s%s%s", short_form(option->key), option->name,
			 option->argument ? "=" : "", option->argument ? option->argument : "");
	else
		snprintf(left, sizeof(left), "    --%s%s%s", option->name,
			 option->argument ? "=" : "", option->argument ? option->argument : "");
	printf("  %-26s %s\n", left, option->meaning);
}

void print_common_options(void)
{
	int i;

	for (i = 0; i < DESCRIPTIONS; i++)
		if (strchr(common, descriptions[i].key))
			print_option(&descriptions[i]);
}

void print_command_help(const struct command *command)
{
	int i;

	printf("Usage: moongate %s [OPTION]...%s%s\n\n%s\n", command->name,
	       *command->arguments ? " " : "", command->arguments, command->details);
	printf("\nOptions:\n");
	for (i = 0; i < DESCRIPTIONS; i++)
		if (strchr(command->options, descriptions[i].key))
			print_option(&descriptions[i]);
	print_common_options();
}

static int __attribute__((format(printf, 2, 3)))
usage_error(const struct command *command, const char *format, ...)
{
	va_list list;

	fprintf(stderr, "moongate %s: ", command->name);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fprintf(stderr, "\nTry `moongate %s --help'.\n", command->name);
	return MG_USAGE;
}

/* "30", "30s", "2m", "1h": seconds, or -1. */
static double read_time(const char *text)
{
	char *end;
	double number = strtod(text, &end);

	if (end == text || !(number >= 0))
		return -1;
	if (strcmp(end, "m") == 0)
		number *= 60;
	else if (strcmp(end, "h") == 0)
		number *= 3600;
	else if (*end && strcmp(end, "s") != 0)
		return -1;
	return number <= LONGEST_SECONDS ? number : -1;
}

/* The number of a generation, or 0. */
static uint32_t read_number(const char *text)
{
	const size_t digits = strspn(text, "0123456789");
	unsigned long long number = strtoull(text, NULL, 10);

	return !digits || text[digits] || digits > 10 || number > UINT32_MAX ? 0 : (uint32_t)number;
}

/* no-color.org: NO_COLOR is a default, which --color overrides. */
static bool want_color(const char *when, bool *bad)
{
	const char *no_color = getenv("NO_COLOR"), *terminal = getenv("TERM");

	*bad = false;
	if (strcmp(when, "always") == 0)
		return true;
	if (strcmp(when, "never") == 0)
		return false;
	*bad = strcmp(when, "auto") != 0;
	return !(no_color && *no_color) && terminal && strcmp(terminal, "dumb") != 0 &&
	       isatty(STDOUT_FILENO);
}

/* The options that only switch something on. */
static const struct {
	int key;
	size_t at; /* a bool in struct options */
} switches[] = {
	{ 'X', offsetof(struct options, request.unconfined) },
	{ 'N', offsetof(struct options, no_confirm) },
	{ 'R', offsetof(struct options, request.remove_foreign) },
	{ 'B', offsetof(struct options, request.beside_nft) },
	{ 'F', offsetof(struct options, request.force) },
	{ 'd', offsetof(struct options, request.drop_flows) },
	{ 'K', offsetof(struct options, kernel) },
	{ 'D', offsetof(struct options, detailed_exit) },
	{ 'O', offsetof(struct options, console) },
	{ 'J', offsetof(struct options, json) },
	{ 'P', offsetof(struct options, counters) },
	{ 'E', offsetof(struct options, sets) },
	{ 'L', offsetof(struct options, live) },
	{ 'T', offsetof(struct options, lenient) },
	{ 'k', offsetof(struct options, keep) },
	{ 'n', offsetof(struct options, no_keep) },
	{ 'a', offsetof(struct options, add) },
	{ 'q', offsetof(struct options, quiet) },
	{ 'v', offsetof(struct options, verbose) },
	{ 'h', offsetof(struct options, help) },
};

static bool switch_on(int key, struct options *options)
{
	size_t i;

	for (i = 0; i < sizeof(switches) / sizeof(*switches); i++)
		if (switches[i].key == key) {
			*(bool *)((char *)options + switches[i].at) = true;
			return true;
		}
	return false;
}

static int take_option(const struct command *command, int key, const char *value,
		       struct options *options)
{
	bool bad;

	if (switch_on(key, options))
		return 0;
	switch (key) {
	case 'c':
		options->confirm_given = true;
		options->confirm = read_time(value);
		if (options->confirm < 1)
			return usage_error(command, "--confirm takes a time of 1s to 24h, not `%s'",
					   value);
		break;
	case 'w':
		options->request.wait = read_time(value);
		if (options->request.wait < 0)
			return usage_error(command, "--wait takes seconds, not `%s'", value);
		break;
	case 'C':
		options->color = want_color(value, &bad);
		if (bad)
			return usage_error(command, "--color takes auto, always or never, not `%s'",
					   value);
		break;
	case 'S':
		if (!*value)
			return usage_error(command, "--state-dir takes a folder");
		options->request.state_dir = value;
		snprintf(options->run_dir, sizeof(options->run_dir), "%s/run", value);
		options->request.run_dir = options->run_dir;
		break;
	case 'U':
		if (!*value || strcmp(value, "-") == 0)
			return usage_error(command, "--out takes the name of a file");
		options->out = value;
		break;
	case 'H': options->request.facts = strcmp(value, "-") ? value : "/dev/stdin"; break;
	case 'Y':
		options->request.policy_seconds = read_time(value);
		if (options->request.policy_seconds < 0.1)
			return usage_error(command,
					   "--policy-seconds takes a time of 0.1s to 24h, not `%s'",
					   value);
		break;
	case 'M':
		if (!*value)
			return usage_error(command, "--confirm-command takes a command");
		options->confirm_command = value;
		break;
	case 'b': options->boot = value; break;
	case 'G':
		options->generation = read_number(value);
		if (!options->generation)
			return usage_error(command, "--generation takes a number, not `%s'", value);
		break;
	case '4': options->request.families |= 1U << MG_IPV4; break;
	case '6': options->request.families |= 1U << MG_IPV6; break;
	}
	return 0;
}

/* getopt's tables, made from the descriptions that the command takes. */
static void make_tables(const struct command *command, struct option *table, char *letters)
{
	int i;

	*letters++ = ':';
	for (i = 0; i < DESCRIPTIONS; i++) {
		const struct description *option = &descriptions[i];

		if (!strchr(command->options, option->key) && !strchr(common, option->key))
			continue;
		*table++ = (struct option){
			.name = option->name,
			.has_arg = option->argument ? required_argument : no_argument,
			.val = option->key,
		};
		if (short_form(option->key)) {
			*letters++ = short_form(option->key);
			if (option->argument)
				*letters++ = ':';
		}
	}
	*letters = '\0';
	*table = (struct option){ 0 };
}

/* The key of what getopt has found: a key, or the letter of an option of this command. */
static int key_of(const struct command *command, int found)
{
	int i;

	for (i = 0; i < DESCRIPTIONS; i++)
		if (strchr(command->options, descriptions[i].key) &&
		    short_form(descriptions[i].key) == found)
			return descriptions[i].key;
	return found;
}

/* The option of this name, whether or not a command takes it; or NULL. */
static const struct description *find_option(const char *name)
{
	int i;

	for (i = 0; i < DESCRIPTIONS; i++)
		if (strcmp(descriptions[i].name, name) == 0)
			return &descriptions[i];
	return NULL;
}

/* @word: "--naem" or "--naem=value"; getopt knows no such option of the command's */
static int unknown_long_option(const struct command *command, const struct option *table,
			       const char *word)
{
	const size_t length = strcspn(word + 2, "=");
	const char *names[DESCRIPTIONS + 1], *nearest;
	char name[64];
	size_t count = 0;

	snprintf(name, sizeof(name), "%.*s", (int)length, word + 2);
	if (find_option(name))
		return usage_error(command, "this command does not take `--%s'", name);
	for (; table->name; table++)
		names[count++] = table->name;
	names[count] = NULL;
	nearest = mg_nearest(name, names);
	return usage_error(command, "unknown option `--%s'%s%s%s", name,
			   nearest ? ": did you mean `--" : "", nearest ? nearest : "",
			   nearest ? "'?" : "");
}

/* What getopt_long() has answered with '?'. */
static int bad_option(const struct command *command, const struct option *table, const char *word)
{
	/* the one that it stumbled over may stand amid others: -qxv */
	if (strncmp(word, "--", 2) != 0 || !word[2])
		return usage_error(command, "unknown option `-%c'", optopt);
	if (optopt)
		return usage_error(command, "option `%.*s' takes no value", (int)strcspn(word, "="),
				   word);
	return unknown_long_option(command, table, word);
}

/* "show 7", or nothing. */
static int take_generation(const struct command *command, int argc, char **argv, int *at,
			   struct options *options)
{
	if (*at >= argc)
		return 0;
	if (strcmp(argv[*at], "show") != 0)
		return usage_error(command, "unexpected argument `%s': is `show %s' meant?",
				   argv[*at], argv[*at]);
	if (*at + 1 >= argc)
		return usage_error(command, "show which generation? `show 7'");
	options->generation = read_number(argv[*at + 1]);
	if (!options->generation)
		return usage_error(command, "show takes the number of a generation, not `%s'",
				   argv[*at + 1]);
	*at += 2;
	return 0;
}

/* What stands behind the options. Returns the index of the first word that is too many. */
static int take_arguments(const struct command *command, int argc, char **argv, int at,
			  struct options *options)
{
	if (command->of_tables) {
		if (at < argc)
			options->table = argv[at++];
		if (at < argc)
			options->chain = argv[at++];
	} else if (command->of_files) {
		if (at < argc)
			options->files[0] = argv[at++];
		if (at < argc)
			options->files[1] = argv[at++];
	} else if (command->of_token) {
		if (at < argc)
			options->token = argv[at++];
	} else if (options->live) {
		if (at < argc)
			options->table = argv[at++];
	} else if (*command->arguments && at < argc) {
		options->request.policy = argv[at++];
		options->policy_given = true;
	}
	return at;
}

int read_options(const struct command *command, int argc, char **argv, struct options *options)
{
	struct option table[DESCRIPTIONS + 1];
	char letters[2 * DESCRIPTIONS + 2];
	bool ignored;
	int key, err = 0;

	make_tables(command, table, letters);
	options->color = want_color("auto", &ignored);
	options->confirm = DEFAULT_CONFIRM_SECONDS;
	options->request.policy = "/etc/moongate/policy.lua";
	options->request.elsewhere = command->elsewhere;
	opterr = 0;
	while ((key = getopt_long(argc, argv, letters, table, NULL)) != -1) {
		if (key == '?')
			return bad_option(command, table, argv[optind - 1]);
		if (key == ':')
			return usage_error(command, "option `%s' needs a value", argv[optind - 1]);
		err = take_option(command, key_of(command, key), optarg, options);
		if (err)
			return err;
	}
	if (options->no_confirm && options->confirm_given)
		return usage_error(command, "either --confirm or --no-confirm");
	if (options->no_confirm && options->confirm_command)
		return usage_error(command, "either --confirm-command or --no-confirm");
	if (options->no_confirm)
		options->confirm = 0;
	if (command->of_history)
		err = take_generation(command, argc, argv, &optind, options);
	else
		optind = take_arguments(command, argc, argv, optind, options);
	if (err)
		return err;
	if (options->generation && options->policy_given)
		return usage_error(command, "either a policy or --generation");
	if (optind < argc)
		return usage_error(command, "unexpected argument `%s'", argv[optind]);
	return 0;
}
