/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * moongate export: a policy as text for iptables-restore(8), on a host that
 * has no Moongate.
 */
#include <stdio.h>
#include <stdlib.h>

#include "output.h"

static int make_text(struct mg_engine *engine, enum mg_family family, char **out,
		     struct mg_error *error)
{
	int err = mg_engine_check(engine, error);

	return err ? err : mg_engine_export(engine, family, out, error);
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
	err = make_text(engine, families == 1U << MG_IPV4 ? MG_IPV4 : MG_IPV6, &text, &error);
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

static int run(const struct options *options)
{
	struct mg_engine *engine;
	struct mg_error error = { 0 };
	int code;

	if (mg_engine_open(&options->request, &engine, &error))
		return print_error(&error);
	code = export(options, engine);
	mg_engine_close(engine);
	return code;
}

const struct command export_command = {
	.name = "export",
	.arguments = "[POLICY]",
	.summary = "a policy as text for iptables-restore",
	.details =
		"Print what POLICY wants of one family, -4 or -6, as iptables-restore and\n"
		"iptables-nft-restore (ip6tables-...) load it: whole tables, for a host without\n"
		"Moongate. Needs no root and touches nothing. With --facts, for another host.",
	.options = "H",
	.elsewhere = true,
	.run = run,
};
