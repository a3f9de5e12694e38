/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reader of iptables-save text. What it takes it must write so that the
 * same words come back; what it refuses it must say with the line.
 */
#include <string.h>

#include "input.h"
#include "ruleset/save_text.h"

static void write_and_split(const struct mg_rule_view *rule)
{
	struct mg_args args = { 0 };
	struct mg_error error;
	const char *word = rule->args;
	char *text = NULL;
	size_t length = 0;
	uint32_t i;
	FILE *file = open_memstream(&text, &length);

	PROMISE(file);
	mg_args_print(file, rule->args, rule->argc);
	PROMISE(fclose(file) == 0);
	PROMISE(mg_args_split(&args, text, length, &error) == 0);
	PROMISE(args.argc == rule->argc);
	for (i = 0; i < rule->argc; i++, word = mg_arg_next(word))
		PROMISE(strcmp(args.argv[i], word) == 0);
	mg_args_clear(&args);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mg_ruleset *ruleset;
	struct mg_rule_view rule;
	struct mg_error error = { 0 };
	char *exact = malloc(size ? size : 1); /* nothing lies behind it */
	uint32_t i;
	int err;

	PROMISE(exact && mg_ruleset_new(&ruleset, &error) == 0);
	memcpy(exact, data, size);
	err = mg_save_read(ruleset, size % 2 ? MG_IPV4 : MG_IPV6, "rules", exact, size, &error);
	if (err)
		PROMISE(strstr(error.text, "rules:"));
	else if (mg_ruleset_seal(ruleset, &error) == 0)
		for (i = 0; i < mg_ruleset_rule_count(ruleset); i++) {
			mg_ruleset_rule_at(ruleset, i, &rule);
			write_and_split(&rule);
		}
	mg_ruleset_free(ruleset);
	free(exact);
	return 0;
}
