/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Answers in words. See finding.h.
 *
 * Must not touch the kernel, libxtables or Lua.
 */
#include "analysis/finding.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ruleset/failure.h"
#include "ruleset/save_text.h"

static const char *const hook_names[] = {
	[MG_HOOK_INPUT] = "INPUT",
	[MG_HOOK_FORWARD] = "FORWARD",
	[MG_HOOK_OUTPUT] = "OUTPUT",
};

bool mg_denies(struct mg_answer answer)
{
	return answer.fate == MG_FATE_DROP || answer.fate == MG_FATE_REJECT;
}

/* An origin is "file:line helper". A path can hold spaces, a helper's name cannot. */
char *mg_finding_place(const char *origin)
{
	const char *space = strrchr(origin, ' ');

	if (*origin == '\0')
		return NULL;
	if (space && space > origin && space[-1] >= '0' && space[-1] <= '9')
		return strndup(origin, (size_t)(space - origin));
	return strdup(origin);
}

/* The rule as iptables-save would write it, in at most so many bytes. */
char *mg_finding_text(const struct mg_rule_view *rule)
{
	const size_t limit = 160;
	char *text = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&text, &size);

	if (!stream)
		return NULL;
	mg_args_print(stream, rule->args, rule->argc);
	if (fclose(stream) != 0) {
		free(text);
		return NULL;
	}
	if (size > limit)
		strcpy(text + limit - 3, "...");
	return text;
}

static int note_policy(const struct mg_ruleset *ruleset, const struct mg_finding *finding,
		       const char *what, struct mg_notes *notes)
{
	struct mg_chain_view chain;
	char *place;
	int err;

	mg_ruleset_chain_at(ruleset, finding->answer.chain, &chain);
	place = chain.origin ? mg_finding_place(chain.origin) : NULL;
	err = mg_note(notes, finding->severity, place, finding->remedy,
		      "%s would drop %s: no rule accepts it and the chain's policy is DROP",
		      chain.name, what);
	free(place);
	return err;
}

int mg_finding_note(const struct mg_ruleset *ruleset, const struct mg_finding *finding,
		    const char *what, struct mg_notes *notes)
{
	const char *hook = hook_names[finding->packet->hook];
	enum mg_severity severity = finding->severity;
	struct mg_rule_view rule;
	char *place, *text;
	int err;

	if (finding->answer.rule == MG_NO_RULE)
		return note_policy(ruleset, finding, what, notes);
	mg_ruleset_rule_at(ruleset, finding->answer.rule, &rule);
	place = mg_finding_place(rule.origin);
	text = mg_finding_text(&rule);
	if (!text || (!place && *rule.origin != '\0')) {
		err = -ENOMEM;
	} else if (finding->answer.fate == MG_FATE_UNKNOWN) {
		if (severity > MG_WARNING)
			severity = MG_WARNING;
		err = mg_note(notes, severity, place, finding->remedy,
			      "%s may not let %s through: it depends on the rule \"%s\", which "
			      "cannot be judged beforehand",
			      hook, what, text);
	} else {
		err = mg_note(notes, severity, place, finding->remedy,
			      "%s would %s %s: by the rule \"%s\"", hook,
			      finding->answer.fate == MG_FATE_DROP ? "drop" : "reject", what, text);
	}
	free(place);
	free(text);
	return err;
}
