/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * moongate status: which generation is in force, and is it still so?
 */
#include <stdio.h>
#include <time.h>

#include "output.h"

static void show_generation(const struct mg_generation_info *generation)
{
	char when[64];
	time_t seconds = (time_t)generation->time;
	struct tm local;

	if (!generation->number) {
		printf("generation   none was ever confirmed\n");
		return;
	}
	localtime_r(&seconds, &local);
	strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S %z", &local);
	printf("generation   %u, applied %s by %s, confirmed by: %s\n", generation->number, when,
	       generation->user, generation->confirmed_by);
	printf("policy       %s\n", generation->policy);
}

static void show_pending(const struct mg_report *report)
{
	const unsigned int number = report->pending_number;

	switch (report->pending) {
	case MG_PENDING_NONE: printf("pending      nothing waits for a confirmation\n"); break;
	case MG_PENDING_APPLYING:
		printf("pending      generation %u is being applied\n", number);
		break;
	case MG_PENDING_WAITING:
		printf("pending      generation %u is taken back in %lld s unless it is "
		       "confirmed\n",
		       number, (long long)report->seconds_left);
		break;
	case MG_PENDING_ENDING:
		printf("pending      generation %u is being taken back now\n", number);
		break;
	case MG_PENDING_LEFT:
		printf("pending      generation %u was never confirmed, and its guard is gone: "
		       "what is live stays until the next apply\n",
		       number);
		break;
	}
}

static void show_drift(const struct mg_report *report)
{
	if (!report->has_drift)
		return;
	if (!report->missing && !report->policies)
		printf("drift        none: all rules of the generation are live\n");
	else
		printf("drift        %zu %s of the generation missing or displaced, %zu chain %s "
		       "changed\n",
		       report->missing, plural(report->missing, "rule", "rules"), report->policies,
		       plural(report->policies, "policy", "policies"));
	if (report->foreign)
		printf("others       %zu %s not put there by Moongate\n", report->foreign,
		       plural(report->foreign, "rule", "rules"));
	else
		printf("others       no rules of other software in the tables of the policy\n");
}

static void show_report(const struct mg_engine *engine, const struct mg_report *report)
{
	const unsigned int families = mg_engine_families(engine);

	show_generation(&report->confirmed);
	show_pending(report);
	show_drift(report);
	printf("backend      legacy xtables, %s\n", families == 1U << MG_IPV4 ? "IPv4"
							      : families == 1U << MG_IPV6
								      ? "IPv6"
								      : "IPv4 and IPv6");
}

static int run(const struct options *options)
{
	struct mg_report report;
	struct mg_engine *engine;
	struct mg_error error = { 0 };
	int err = mg_engine_open(&options->request, &engine, &error);

	if (err)
		return print_error(&error);
	err = mg_engine_report(engine, &report, &error);
	if (!err)
		show_report(engine, &report);
	print_notes(options, mg_engine_notes(engine), 0);
	mg_engine_close(engine);
	return err ? print_error(&error) : MG_DONE;
}

const struct command status_command = {
	.name = "status",
	.arguments = "",
	.summary = "generation, pending confirmation, drift, other owners of rules",
	.details =
		"Tell which generation is confirmed, whether an apply waits for its confirmation,\n"
		"whether the live tables are still what was applied, and who else filters here.",
	.options = "",
	.run = run,
};
