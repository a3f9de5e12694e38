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

static bool leads_away(const char *target)
{
	return strcmp(target, "DNAT") == 0 || strcmp(target, "REDIRECT") == 0;
}

static bool ends_the_chain(const char *target)
{
	return strcmp(target, "ACCEPT") == 0 || strcmp(target, "RETURN") == 0;
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
	struct mg_clauses clauses = { 0 };
	struct mg_chain_view chain;
	int err = 0;

	if (index == UINT32_MAX)
		return 0;
	mg_ruleset_chain_at(ruleset, index, &chain);
	for (uint32_t i = 0; i < chain.count && !err; i++) {
		struct mg_meaning meaning;
		struct mg_rule_view rule;
		enum mg_match match;

		err = mg_meaning_read(ruleset, chain.first + i, &clauses, &meaning);
		if (err || (!leads_away(meaning.jump) && !ends_the_chain(meaning.jump)))
			continue;
		match = mg_meaning_match(&clauses, &meaning, packet);
		if (match != MG_MATCH_NO && leads_away(meaning.jump)) {
			mg_ruleset_rule_at(ruleset, chain.first + i, &rule);
			err = note(&rule, match, words, notes);
			break;
		}
		if (match == MG_MATCH_YES)
			break;
	}
	mg_clauses_clear(&clauses);
	return err;
}
