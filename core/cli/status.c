/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * moongate status: which generation is in force, and is it still so?
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "json_document.h"
#include "output.h"

static void show_generation(const struct mg_generation_info *generation)
{
	char when[64];
	time_t seconds = (time_t)generation->time;
	struct tm local;

	if (!generation->number) {
		printf("generation   none is confirmed\n");
		return;
	}
	localtime_r(&seconds, &local);
	strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S %z", &local);
	printf("generation   %u, applied %s by %s, confirmed by: %s\n", generation->number, when,
	       generation->user, generation->confirmed_by);
	printf("policy       %s\n", generation->policy);
}

static void print_pending(const struct mg_report *report)
{
	const unsigned int number = report->pending_number;

	switch (report->pending) {
	case MG_PENDING_NONE: break;
	case MG_PENDING_APPLYING: printf("generation %u is being applied", number); break;
	case MG_PENDING_WAITING:
		printf("generation %u is taken back in %lld s unless it is confirmed", number,
		       (long long)report->seconds_left);
		break;
	case MG_PENDING_ENDING: printf("generation %u is being taken back now", number); break;
	case MG_PENDING_LEFT:
		printf("generation %u was never confirmed, nobody guards it, and it could not be "
		       "taken back",
		       number);
		break;
	}
}

static void show_pending(const struct options *options, const struct mg_report *report)
{
	if (report->pending == MG_PENDING_NONE) {
		printf("pending      nothing waits for a confirmation\n");
		return;
	}
	printf("pending      ");
	style(options, MOVED);
	print_pending(report);
	style(options, PLAIN);
	putchar('\n');
}

static void show_drift(const struct options *options, const struct mg_report *report)
{
	if (!report->has_drift)
		return;
	printf("drift        ");
	if (!report->missing && !report->policies && !report->sets) {
		style(options, ADDED);
		printf("none: all rules of the generation are live");
	} else {
		style(options, REMOVED);
		printf("%zu %s of the generation missing or displaced, %zu chain %s changed",
		       report->missing, plural(report->missing, "rule", "rules"), report->policies,
		       plural(report->policies, "policy", "policies"));
		if (report->sets)
			printf(", %zu %s with other members", report->sets,
			       plural(report->sets, "set", "sets"));
	}
	style(options, PLAIN);
	putchar('\n');
}

/* "9 rules and 4 chains in filter" */
static void print_amount(const struct mg_owner *owner)
{
	if (owner->rules || !owner->chains)
		printf("%zu %s", owner->rules, plural(owner->rules, "rule", "rules"));
	if (owner->rules && owner->chains)
		printf(" and ");
	if (owner->chains)
		printf("%zu %s", owner->chains, plural(owner->chains, "chain", "chains"));
	printf(" in %s", owner->table);
}

static bool is_same_owner(const struct mg_owner *a, const struct mg_owner *b)
{
	return a->kept == b->kept &&
	       (a->name == b->name || (a->name && b->name && strcmp(a->name, b->name) == 0));
}

/* A line for each owner. */
static void show_others(const struct mg_report *report)
{
	const struct mg_owner *owner = report->owners;
	size_t i;

	if (!report->owner_count && report->owners_hidden)
		printf("others       not for this user to see\n");
	else if (!report->owner_count)
		printf("others       no rules of other software in the tables\n");
	for (i = 0; i < report->owner_count; i++, owner++) {
		const bool again = i && is_same_owner(owner, owner - 1);

		if (again)
			printf(", ");
		else
			printf("%s%-13s%s%s: ", i ? "\n" : "", i ? "" : "others",
			       owner->name ? owner->name : "of unknown owner",
			       owner->kept ? ", kept" : "");
		print_amount(owner);
	}
	if (report->owner_count)
		putchar('\n');
}

static void show_report(const struct options *options, const struct mg_engine *engine,
			const struct mg_report *report)
{
	const unsigned int families = mg_engine_families(engine);

	show_generation(&report->confirmed);
	show_pending(options, report);
	show_drift(options, report);
	show_others(report);
	printf("backend      legacy xtables, %s\n", families == 1U << MG_IPV4	? "IPv4"
						    : families == 1U << MG_IPV6 ? "IPv6"
										: "IPv4 and IPv6");
}

static int run(const struct options *options)
{
	struct mg_report report;
	struct mg_engine *engine = NULL;
	struct document document = { 0 };
	struct mg_error error = { 0 };
	int err = mg_engine_open(&options->request, &engine, &error);

	if (!err)
		err = mg_engine_report(engine, &report, &error);
	if (!err && options->json)
		json_status(engine, &report, &document);
	else if (!err)
		show_report(options, engine, &report);
	return end_run(options, "status", engine, &document, err ? &error : NULL, MG_DONE);
}

const struct command status_command = {
	.name = "status",
	.arguments = "",
	.summary = "generation, pending confirmation, drift, other owners of rules",
	.details =
		"Tell which generation is confirmed, whether an apply waits for its confirmation,\n"
		"whether the live tables are still what was applied, and who else filters here.",
	.options = "J",
	.run = run,
};
