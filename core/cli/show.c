/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * moongate show: the live rules, each with its counters and its author.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "json_document.h"
#include "output.h"

enum { ORIGIN_COLUMN = 96 };

/* What the lines need to know of each other. */
struct listing {
	const struct options *options;
	bool begun;
};

/* Exactly with -v, for people without. */
static const char *bytes_text(const struct options *options, uint64_t bytes, char text[24])
{
	if (!options->verbose)
		return human_bytes(bytes, text);
	snprintf(text, 24, "%" PRIu64 " B", bytes);
	return text;
}

static void show_policy(const struct options *options, const struct mg_live_chain *chain)
{
	char bytes[24];

	printf("   policy %s", chain->policy);
	if (chain->exists)
		printf(", %" PRIu64 " %s, %s", chain->packets,
		       plural((size_t)chain->packets, "packet", "packets"),
		       bytes_text(options, chain->bytes, bytes));
	else
		printf("; the kernel does not have this table yet");
}

static int show_chain(void *context, const struct mg_live_chain *chain)
{
	struct listing *listing = context;
	const struct options *options = listing->options;

	if (!listing->begun)
		printf("  num       pkts %*s  rule\n", options->verbose ? 12 : 8, "bytes");
	listing->begun = true;
	style(options, STRONG);
	printf("\n%s  ", chain->table);
	print_plain(chain->name);
	printf("  (%s)", chain->family == MG_IPV4 ? "v4" : "v6");
	if (chain->policy)
		show_policy(options, chain);
	style(options, PLAIN);
	putchar('\n');
	if (chain->count == 0)
		printf("  (no rules)\n");
	return 0;
}

static int show_rule(void *context, uint32_t number, const struct mg_live_rule *rule)
{
	const struct options *options = ((struct listing *)context)->options;
	char bytes[24];
	int width = printf("%5u %10" PRIu64 " %*s  ", number, rule->packets,
			   options->verbose ? 12 : 8, bytes_text(options, rule->bytes, bytes));
	const char *text = *rule->text ? rule->text : "(every packet, no target)";

	print_plain(text);
	pad(width + text_width(text), ORIGIN_COLUMN);
	print_origin(options, rule->origin ? rule->origin : "(not put there by Moongate)");
	putchar('\n');
	return 0;
}

static int show(const struct options *options, struct mg_engine *engine, struct document *document,
		struct mg_error *error)
{
	struct listing listing = { .options = options };
	const struct mg_live_visitor visitor = {
		.chain = show_chain,
		.rule = show_rule,
		.context = &listing,
	};

	if (options->json)
		return json_show(options, engine, document, error);
	return mg_engine_visit(engine, options->table, options->chain, &visitor, error);
}

static int run(const struct options *options)
{
	struct mg_engine *engine = NULL;
	struct document document = { 0 };
	struct mg_error error = { 0 };
	int err = mg_engine_open(&options->request, &engine, &error);

	if (!err)
		err = show(options, engine, &document, &error);
	return end_run(options, "show", engine, &document, err ? &error : NULL, MG_DONE);
}

const struct command show_command = {
	.name = "show",
	.arguments = "[TABLE [CHAIN]]",
	.summary = "the live rules, with counters and the policy line behind each",
	.details = "Print the live rules of each table that exists, or of one TABLE, or of one "
		   "CHAIN of\n"
		   "it: number, packets and bytes of each rule, the rule as iptables would print "
		   "it, and\n"
		   "the helper and line of the policy that made it. No table is made by looking.",
	.options = "J",
	.of_tables = true,
	.run = run,
};
