/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A connection that nat leads away. See translation.h.
 *
 * Filter's judge sees a packet as it reaches filter, so a port that is
 * forwarded to another host looks open to it, while its own service is gone.
 * Must not touch the kernel, libxtables or Lua.
 */
#include "analysis/translation.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/finding.h"
#include "analysis/meaning.h"
#include "ruleset/failure.h"

/* Where a rule jumps to; "" if nowhere. */
static const char *jump_of(const struct mg_rule_view *rule)
{
	const char *arg = rule->args;

	for (uint32_t i = 0; i + 1 < rule->argc; i++) {
		const char *next = mg_arg_next(arg);

		if (strcmp(arg, "-j") == 0 || strcmp(arg, "--jump") == 0)
			return next;
		arg = next;
	}
	return "";
}

static bool leads_away(const char *target)
{
	return strcmp(target, "DNAT") == 0 || strcmp(target, "REDIRECT") == 0;
}

static bool ends_the_chain(const char *target)
{
	return strcmp(target, "ACCEPT") == 0 || strcmp(target, "RETURN") == 0;
}

static int match_rule(const struct mg_ruleset *ruleset, uint32_t index,
		      const struct mg_packet *packet, enum mg_match *out)
{
	struct mg_clauses clauses = { 0 };
	struct mg_meaning meaning;
	int err = mg_meaning_read(ruleset, index, &clauses, &meaning);

	if (!err)
		*out = mg_meaning_match(&clauses, &meaning, packet);
	mg_clauses_clear(&clauses);
	return err;
}

static int note(const struct mg_rule_view *rule, enum mg_match match,
		const struct mg_translation_words *words, struct mg_notes *notes)
{
	const bool certain = match == MG_MATCH_YES;
	char *place = mg_finding_place(rule->origin);
	char *text = mg_finding_text(rule);
	int err = -ENOMEM;

	if (text && (place || *rule->origin == '\0'))
		err = mg_note(notes, certain ? MG_REFUSAL : MG_WARNING, place, words->remedy,
			      "PREROUTING %s %s elsewhere: by the rule \"%s\"",
			      certain ? "would send" : "may send", words->what, text);
	free(place);
	free(text);
	return err;
}

int mg_diagnose_translation(const struct mg_ruleset *ruleset, const struct mg_packet *packet,
			    const struct mg_translation_words *words, struct mg_notes *notes)
{
	const uint32_t index = mg_ruleset_find_chain(ruleset, packet->family, "nat", "PREROUTING");
	struct mg_chain_view chain;

	if (index == UINT32_MAX)
		return 0;
	mg_ruleset_chain_at(ruleset, index, &chain);
	for (uint32_t i = 0; i < chain.count; i++) {
		enum mg_match match = MG_MATCH_NO;
		struct mg_rule_view rule;
		const char *target;
		int err;

		mg_ruleset_rule_at(ruleset, chain.first + i, &rule);
		target = jump_of(&rule);
		if (!leads_away(target) && !ends_the_chain(target))
			continue;
		err = match_rule(ruleset, chain.first + i, packet, &match);
		if (err)
			return err;
		if (match != MG_MATCH_NO && leads_away(target))
			return note(&rule, match, words, notes);
		if (match == MG_MATCH_YES)
			return 0;
	}
	return 0;
}
