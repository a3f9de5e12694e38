/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * moongate show: the live rules, each with its counters and its author.
 */
#include <stdio.h>
#include <string.h>

#include "output.h"

enum { ORIGIN_COLUMN = 96, HELPER_WIDTH = 18 };

static int show_chain(void *context, const struct mg_live_chain *chain)
{
	const struct options *options = context;
	char bytes[16];

	style(options, STRONG);
	printf("\n%s  %s  (%s)", chain->table, chain->name, chain->family == MG_IPV4 ? "v4" : "v6");
	if (chain->policy)
		printf("   policy %s, %llu %s, %s", chain->policy,
		       (unsigned long long)chain->packets,
		       plural((size_t)chain->packets, "packet", "packets"),
		       human_bytes(chain->bytes, bytes));
	style(options, PLAIN);
	putchar('\n');
	if (chain->count == 0)
		printf("  (no rules)\n");
	return 0;
}

static void show_origin(const struct options *options, const char *origin)
{
	const char *space = origin ? strchr(origin, ' ') : NULL;

	style(options, FAINT);
	if (!origin)
		printf("(not put there by Moongate)");
	else if (space)
		printf("%-*s  %.*s", HELPER_WIDTH, space + 1, (int)(space - origin), origin);
	else
		fputs(origin, stdout);
	style(options, PLAIN);
}

static int show_rule(void *context, uint32_t number, const struct mg_live_rule *rule)
{
	const struct options *options = context;
	char bytes[16];
	int width = printf("%5u %10llu %8s  ", number, (unsigned long long)rule->packets,
			   human_bytes(rule->bytes, bytes));

	fputs(rule->text, stdout);
	pad(width + text_width(rule->text), ORIGIN_COLUMN);
	show_origin(options, rule->origin);
	putchar('\n');
	return 0;
}

static int run(const struct options *options)
{
	const struct mg_live_visitor visitor = {
		.chain = show_chain,
		.rule = show_rule,
		.context = (void *)options,
	};
	struct mg_engine *engine;
	struct mg_error error = { 0 };
	int err = mg_engine_open(&options->request, &engine, &error);

	if (err)
		return print_error(&error);
	printf("  num       pkts    bytes  rule\n");
	err = mg_engine_visit(engine, NULL, NULL, &visitor, &error);
	print_notes(options, mg_engine_notes(engine), 0);
	mg_engine_close(engine);
	return err ? print_error(&error) : MG_DONE;
}

const struct command show_command = {
	.name = "show",
	.arguments = "",
	.summary = "the live rules, with counters and the policy line behind each",
	.details =
		"Print table filter as it is now: number, packets and bytes of each rule, the "
		"rule\n"
		"as iptables would print it, and the helper and line of the policy that made it.",
	.options = "",
	.run = run,
};
