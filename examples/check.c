/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Check a Moongate policy from C, and print what iptables-restore(8) would
 * load. Needs no privilege and touches nothing.
 *
 *   cc -o check check.c $(pkg-config --cflags --libs moongate)
 *   ./check policy.lua
 *
 * The exit codes are those of moongate(8).
 */
#include <moongate.h>
#include <stdio.h>
#include <stdlib.h>

/* What the engine wants to be known: one line each, and the remedy below it. */
static void print_notes(const struct mg_notes *notes)
{
	static const char *const severities[] = {
		[MG_INFO] = "info",
		[MG_WARNING] = "warning",
		[MG_REFUSAL] = "refusal",
	};
	size_t i;

	for (i = 0; i < notes->count; i++) {
		const struct mg_note *note = &notes->items[i];

		fprintf(stderr, "%s%s%s: %s\n", note->place ? note->place : "",
			note->place ? ": " : "", severities[note->severity], note->text);
		if (note->remedy)
			fprintf(stderr, "    %s\n", note->remedy);
	}
}

/* The text of each family that is managed; it belongs to the caller. */
static int print_text(struct mg_engine *engine, struct mg_error *error)
{
	static const char *const names[MG_FAMILIES] = { "IPv4", "IPv6" };
	int family;

	for (family = 0; family < MG_FAMILIES; family++) {
		char *text;
		int err = mg_engine_export(engine, (enum mg_family)family, &text, error);

		if (err)
			return err;
		if (text)
			printf("# %s\n%s", names[family], text);
		free(text);
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct mg_request request = { .policy = argv[1] }; /* all else: the usual */
	struct mg_engine *engine = NULL;
	struct mg_error error;
	int err;

	if (argc != 2) {
		fprintf(stderr, "Usage: check POLICY\n");
		return MG_USAGE;
	}
	err = mg_engine_open(&request, &engine, &error);
	if (!err)
		err = mg_engine_check(engine, &error);
	if (engine)
		print_notes(mg_engine_notes(engine)); /* also where the check failed */
	if (!err) {
		printf("# %s: %u rules in %u chains\n", request.policy,
		       mg_engine_rule_count(engine), mg_engine_chain_count(engine));
		err = print_text(engine, &error);
	}
	if (err)
		fprintf(stderr, "%s\n", error.text);
	mg_engine_close(engine);
	return err ? (int)error.status : MG_DONE;
}
