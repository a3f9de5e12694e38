/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reader of dumps for an import, with the plugins that read their options.
 * What makes no sense is named with its line; what is taken means itself.
 */
#include <string.h>

#include "engine/importing.h"
#include "input.h"
#include "netfilter/session.h"

enum { MOST_WORDS = 64 };

/* A rule is kept as a text and its words, which mean a rule; rateest prints some that do not. */
static void print_again(struct mg_rules_read *read, const struct mg_rule_view *rule)
{
	const char *argv[MOST_WORDS], *text, *word = rule->args;
	struct mg_chain_view chain;
	struct mg_error error;
	uint32_t i;

	mg_ruleset_chain_at(read->rules, rule->chain, &chain);
	if (rule->argc > MOST_WORDS)
		return;
	for (i = 0; i < rule->argc; i++, word = mg_arg_next(word))
		argv[i] = word;
	if (mg_rules_print(read, chain.family, chain.table, chain.name, rule->argc - 1, argv + 1,
			   &text, &error))
		PROMISE(strstr(argv[0], "rateest"));
}

static void look_at(struct mg_rules_read *read)
{
	struct mg_notes notes = { 0 };
	struct mg_rule_view rule;
	struct mg_error error;
	uint32_t i;
	size_t n;

	for (n = 0; n < read->wrong.count; n++)
		PROMISE(strncmp(read->wrong.items[n].place, "rules:", 6) == 0);
	for (i = 0; i < mg_ruleset_rule_count(read->rules); i++) {
		mg_ruleset_rule_at(read->rules, i, &rule);
		print_again(read, &rule);
	}
	(void)mg_rules_judge(read, &notes, &error);
	mg_notes_clear(&notes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mg_rules_read read = { .lenient = size % 4 / 2 };
	struct mg_error error = { 0 };
	char *exact = malloc(size ? size : 1); /* nothing lies behind it */
	int err;

	PROMISE(exact && mg_session_open(&error) == 0);
	memcpy(exact, data, size);
	PROMISE(mg_rules_begin(&read, &error) == 0);
	err = mg_rules_read_text(&read, "rules", size % 2 ? MG_IPV4 : MG_IPV6, exact, size, &error);
	if (!err)
		err = mg_rules_end(&read, &error);
	if (!err)
		look_at(&read);
	else
		PROMISE(error.text[0]);
	mg_rules_clear(&read);
	free(exact);
	return 0;
}
