/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * moongate export: a policy, or what is live, as text for iptables-restore(8).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"
#include "wanted.h"

static int check_wanted(const struct options *options, struct mg_engine *engine,
			struct mg_error *error)
{
	return options->generation ? mg_engine_load_generation(engine, options->generation, error)
				   : mg_engine_check(engine, error);
}

static int make_text(const struct options *options, struct mg_engine *engine, enum mg_family family,
		     char **out, struct mg_error *error)
{
	int err;

	if (options->live)
		return mg_engine_export_live(engine, family, options->table, options->counters, out,
					     error);
	err = check_wanted(options, engine, error);
	if (err)
		return err;
	tell_confinement(options, engine);
	return options->counters ? mg_engine_export_counted(engine, family, out, error)
				 : mg_engine_export(engine, family, out, error);
}

/* The sets of all families that are asked for, IPv4's first. */
static int print_sets(struct mg_engine *engine, struct mg_error *error)
{
	int family, err = 0;

	for (family = 0; family < MG_FAMILIES && !err; family++) {
		char *text = NULL;

		err = mg_engine_export_sets(engine, (enum mg_family)family, &text, error);
		if (!err && text)
			fputs(text, stdout);
		free(text);
	}
	return err;
}

static int export_sets(const struct options *options, struct mg_engine *engine)
{
	struct mg_error error = { 0 };
	int err = check_wanted(options, engine, &error);

	tell_confinement(options, engine);
	print_notes(options, mg_engine_notes(engine), 0);
	if (!err && mg_engine_refusals(engine)) {
		fprintf(stderr, "moongate: refused for safety; nothing was written\n");
		return MG_UNSAFE;
	}
	if (!err)
		err = print_sets(engine, &error);
	return err ? print_error(&error) : MG_DONE;
}

static int export(const struct options *options, struct mg_engine *engine)
{
	const unsigned int families = mg_engine_families(engine);
	struct mg_error error = { 0 };
	char *text = NULL;
	int err;

	if (families == (1U << MG_IPV4 | 1U << MG_IPV6)) {
		fprintf(stderr, "moongate export: which family? Say -4 for iptables-restore or -6 "
				"for ip6tables-restore: neither reads both.\n");
		return MG_USAGE;
	}
	err = make_text(options, engine, families == 1U << MG_IPV4 ? MG_IPV4 : MG_IPV6, &text,
			&error);
	print_notes(options, mg_engine_notes(engine), 0);
	if (err)
		return print_error(&error);
	if (mg_engine_refusals(engine)) {
		free(text);
		fprintf(stderr, "moongate: refused for safety; nothing was written\n");
		return MG_UNSAFE;
	}
	fputs(text, stdout);
	free(text);
	return MG_DONE;
}

/* Does the command line make sense? Returns 0, or MG_USAGE after having said what is wrong. */
static int check(const struct options *options)
{
	if (options->sets && (options->live || options->counters)) {
		fprintf(stderr,
			"moongate export: --sets is what the policy wants, and has nothing to do "
			"with %s\nTry `moongate export --help'.\n",
			options->live ? "--live" : "--counters");
		return MG_USAGE;
	}
	if (options->boot &&
	    (options->live || options->sets || options->counters || options->generation ||
	     options->policy_given || options->request.facts || options->request.families)) {
		fprintf(stderr,
			"moongate export: --boot is what was confirmed, all of it, and goes "
			"with nothing else\nTry `moongate export --help'.\n");
		return MG_USAGE;
	}
	if (options->generation && options->live) {
		fprintf(stderr, "moongate export: either --generation or --live\n"
				"Try `moongate export --help'.\n");
		return MG_USAGE;
	}
	if (!options->request.facts || !(options->live || options->counters))
		return 0;
	fprintf(stderr,
		"moongate export: --facts is about another host, and %s is about this one's "
		"tables\nTry `moongate export --help'.\n",
		options->live ? "--live" : "--counters");
	return MG_USAGE;
}

static int export_boot(const struct options *options, struct mg_engine *engine)
{
	struct mg_boot_export files;
	struct mg_error error = { 0 };
	const bool none = strcmp(options->boot, "none") == 0;
	int err = mg_engine_export_boot(engine, none ? NULL : options->boot, &files, &error);

	print_notes(options, mg_engine_notes(engine), 0);
	if (err)
		return print_error(&error);
	if (none)
		remark(options, "No boot files are written any more; those that are there stay.");
	else if (files.number)
		remark(options,
		       "Generation %u is in %s, and so will be each one that is confirmed from now "
		       "on.",
		       files.number, files.folder);
	else
		remark(options, "Nothing is confirmed yet; each one that is will be written to %s.",
		       files.folder);
	return MG_DONE;
}

static int run(const struct options *options)
{
	struct options own = *options;
	struct mg_engine *engine;
	struct mg_error error = { 0 };
	int code = check(options);

	if (code)
		return code;
	if (options->live || options->boot)
		own.request.elsewhere = false;
	if (mg_engine_open(&own.request, &engine, &error))
		return print_error(&error);
	if (options->live && mg_engine_look_after(engine, &error))
		code = print_error(&error);
	else if (options->boot)
		code = export_boot(options, engine);
	else
		code = options->sets ? export_sets(options, engine) : export(options, engine);
	mg_engine_close(engine);
	return code;
}

const struct command export_command = {
	.name = "export",
	.arguments = "[POLICY | --live [TABLE]]",
	.summary = "a policy, or what is live, as text for iptables-restore",
	.details =
		"Print what POLICY wants of one family, -4 or -6, as iptables-restore and\n"
		"iptables-nft-restore (ip6tables-...) load it: whole tables, for a host without\n"
		"Moongate. Needs no root and touches nothing. With --facts, for another host.\n"
		"With --counters, for iptables-restore -c: each rule has what it has counted here\n"
		"where it is live, and 0 elsewhere. With --live, print what is live instead, all\n"
		"tables or TABLE, as iptables-save does; that, and --counters, need root.\n"
		"With --generation, what was applied then, as `moongate history' numbers it.\n"
		"With --boot, write what is confirmed to the files that iptables-persistent or\n"
		"the iptables service load at boot, and do so at each confirmation from then on.\n"
		"With --sets, print instead the sets that the rules look into, of both families\n"
		"or one, as ipset restore loads them: that has to be done first.",
	.options = "EGHLPbwXY",
	.elsewhere = true,
	.run = run,
};
