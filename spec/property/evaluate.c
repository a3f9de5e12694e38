/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Evaluate policies and print all that came of each: notes, chains, rules with
 * their ranks and origins, or the error. Two runs that print the same have the
 * same rulesets, byte for byte.
 *
 * Arguments: the language's folder, then policy files.
 */
#include <stdio.h>

#include "policy/evaluate.h"

/* Words may hold anything but NUL; a line of output is a line. */
static void print_text(const char *text)
{
	putchar('[');
	for (; text && *text; text++)
		if ((unsigned char)*text < ' ' || *text == '\\')
			printf("\\%02x", (unsigned char)*text);
		else
			putchar(*text);
	putchar(']');
}

static void print_rule(const struct mg_ruleset *ruleset, uint32_t index)
{
	struct mg_rule_view rule;
	const char *arg;
	uint32_t i;

	mg_ruleset_rule_at(ruleset, index, &rule);
	printf("  %u %u ", rule.rank, rule.args_size);
	for (i = 0, arg = rule.args; i < rule.argc; i++, arg = mg_arg_next(arg))
		print_text(arg);
	printf(" by ");
	print_text(rule.origin);
	putchar('\n');
}

static void print_ruleset(const struct mg_ruleset *ruleset)
{
	struct mg_chain_view chain;
	uint32_t i, j;

	for (i = 0; i < mg_ruleset_chain_count(ruleset); i++) {
		mg_ruleset_chain_at(ruleset, i, &chain);
		printf("v%d %s %s %s by ", chain.family == MG_IPV4 ? 4 : 6, chain.table, chain.name,
		       chain.policy ? chain.policy : "-");
		print_text(chain.origin);
		putchar('\n');
		for (j = 0; j < chain.count; j++)
			print_rule(ruleset, chain.first + j);
	}
}

int main(int argc, char **argv)
{
	int i;

	for (i = 2; i < argc; i++) {
		const struct mg_evaluation evaluation = { .path = argv[i], .language = argv[1] };
		struct mg_ruleset *ruleset = NULL;
		struct mg_notes notes = { .count = 0 };
		struct mg_error error = { .status = MG_DONE };
		size_t n;

		if (mg_policy_evaluate(&evaluation, &ruleset, &notes, &error)) {
			printf("error %d ", (int)error.status);
			print_text(error.text);
			putchar('\n');
		} else {
			print_ruleset(ruleset);
		}
		for (n = 0; n < notes.count; n++) {
			printf("note %d ", (int)notes.items[n].severity);
			print_text(notes.items[n].place);
			print_text(notes.items[n].text);
			print_text(notes.items[n].remedy);
			putchar('\n');
		}
		printf("== %s\n", argv[i]);
		mg_notes_clear(&notes);
		mg_ruleset_free(ruleset);
	}
	return 0;
}
