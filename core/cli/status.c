/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * moongate status: which generation is in force, and is it still so?
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "engine/live.h"
#include "netfilter/beside.h"
#include "output.h"

static void show_generation(const struct mg_generation *generation)
{
	char when[64];
	time_t seconds;
	struct tm local;

	if (!generation) {
		printf("generation   none was ever confirmed\n");
		return;
	}
	seconds = (time_t)generation->time;
	localtime_r(&seconds, &local);
	strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S %z", &local);
	printf("generation   %u, applied %s by %s, confirmed by: %s\n", generation->number, when,
	       generation->user, generation->confirmed_by);
	printf("policy       %s\n", generation->policy);
}

static int show_pending(struct mg_engine *engine, struct mg_error *error)
{
	struct mg_pending pending;
	struct timespec now;
	long long left;
	int err = mg_state_read_pending(engine->state, &pending, error);

	if (err == -ENOENT) {
		printf("pending      nothing waits for a confirmation\n");
		return 0;
	}
	if (err)
		return err;
	clock_gettime(CLOCK_BOOTTIME, &now);
	left = (long long)pending.deadline - now.tv_sec;
	if (kill(pending.guard, 0) && errno == ESRCH)
		printf("pending      generation %u was never confirmed, and its guard is gone: "
		       "what is "
		       "live stays until the next apply\n",
		       pending.number);
	else if (!pending.committed)
		printf("pending      generation %u is being applied\n", pending.number);
	else if (left >= 0)
		printf("pending      generation %u is taken back in %lld s unless it is "
		       "confirmed\n",
		       pending.number, left);
	else
		printf("pending      generation %u is being taken back now\n", pending.number);
	return 0;
}

static void show_drift(const struct mg_drift *drift)
{
	if (!drift->missing && !drift->policies)
		printf("drift        none: all rules of the generation are live\n");
	else
		printf("drift        %zu %s of the generation missing or displaced, %zu chain %s "
		       "changed\n",
		       drift->missing, plural(drift->missing, "rule", "rules"), drift->policies,
		       plural(drift->policies, "policy", "policies"));
	if (drift->foreign)
		printf("others       %zu %s not put there by Moongate\n", drift->foreign,
		       plural(drift->foreign, "rule", "rules"));
	else
		printf("others       no rules of other software in the tables of the policy\n");
}

static int show(struct mg_engine *engine, struct mg_error *error)
{
	struct mg_generation *live = NULL;
	struct mg_drift drift;
	int err = mg_engine_open_state(engine, error);

	if (err)
		return err;
	show_generation(engine->confirmed);
	err = show_pending(engine, error);
	if (!err)
		err = mg_engine_pending(engine, &live, error);
	if (!err && (live || engine->confirmed)) {
		err = mg_live_drift(engine, live ? live : engine->confirmed, &drift, error);
		if (!err)
			show_drift(&drift);
	}
	mg_generation_free(live);
	printf("backend      legacy xtables (libiptc), %s\n",
	       engine->families == 1U << MG_IPV4   ? "IPv4"
	       : engine->families == 1U << MG_IPV6 ? "IPv6"
						   : "IPv4 and IPv6");
	if (!err)
		err = mg_beside_read(&engine->notes, error);
	if (!err)
		err = mg_beside_loaders("/", &engine->notes, error);
	return err;
}

static int run(const struct options *options)
{
	struct mg_engine engine;
	struct mg_error error = { 0 };
	int err = mg_engine_open(&engine, &options->request, &error);

	if (!err)
		err = show(&engine, &error);
	print_notes(options, &engine.notes, 0);
	if (err)
		print_error(&error);
	mg_engine_close(&engine);
	return err ? (int)error.status : MG_DONE;
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
