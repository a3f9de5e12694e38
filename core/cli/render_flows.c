/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A sentence, and a line for each of the heaviest.
 */
#include "render_flows.h"

#include <stdio.h>
#include <string.h>

#include "output.h"

static void print_end(const char *address, unsigned int port)
{
	const bool v6 = strchr(address, ':');

	if (port)
		printf("%s%s%s:%u", v6 ? "[" : "", address, v6 ? "]" : "", port);
	else
		printf("%s", address);
}

static void print_flow(const struct mg_flow_line *line, bool counted)
{
	char bytes[16];

	printf("    %s ", line->protocol);
	print_end(line->source, line->source_port);
	printf(" -> ");
	print_end(line->destination, line->destination_port);
	if (counted)
		printf("  %llu %s, %s", (unsigned long long)line->packets,
		       plural(line->packets, "packet", "packets"), human_bytes(line->bytes, bytes));
	putchar('\n');
}

static const char *which(const struct mg_flow_report *report)
{
	if (report->listed == report->denied)
		return "";
	return report->counted ? "; the heaviest are"
			       : "; those used last are (nf_conntrack_acct is off, so nobody knows "
				 "the heaviest)";
}

void render_flows(const struct options *options, const struct mg_engine *engine)
{
	const struct mg_flow_report *report = mg_engine_flow_report(engine);
	const bool drops = options->request.drop_flows;
	size_t i;

	if (options->quiet || !report)
		return;
	if (report->judged < report->established && (report->denied || options->verbose))
		printf("Of %zu established flows %zu could be judged.\n", report->established,
		       report->judged);
	if (!report->denied)
		return;
	printf("%zu established %s would not be admitted if %s began now. %s%s:\n", report->denied,
	       plural(report->denied, "flow", "flows"), report->denied == 1 ? "it" : "they",
	       drops ? "As soon as the new rules are confirmed they are ended"
		     : "They go on until they end by themselves, or with --drop-flows",
	       which(report));
	for (i = 0; i < report->listed; i++)
		print_flow(&report->lines[i], report->counted);
}

void remark_ended_flows(const struct options *options, const struct mg_engine *engine)
{
	const struct mg_flow_report *report = mg_engine_flow_report(engine);

	if (options->request.drop_flows && report && report->denied)
		remark(options,
		       "%zu of %zu established flows that are not admitted any more are ended.",
		       mg_engine_flows_ended(engine), report->denied);
}
