/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules that look up a set of somebody else's which is not there yet, as at a
 * boot before the software that makes it. Such a look-up cannot be written; in
 * an empty set it would find nothing, and neither does a rule that is left out.
 * With a negated look-up it is the other way round: that rule stays, and with it
 * the failure.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "netfilter/set_names.h"
#include "restoring.h"
#include "ruleset/failure.h"
#include "ruleset/rule_names.h"

struct leaving {
	int kernel;		     /* to ask for sets */
	char last[MG_SET_NAME_SIZE]; /* the set that was asked for last: rules come in rows */
	bool last_absent;
	char absent[MG_SET_NAME_SIZE]; /* the first that is not there */
	size_t rules;
};

static bool is_absent(struct leaving *leaving, const char *name)
{
	uint16_t index;

	/* sets of ours are in the generation, and made */
	if (strlen(name) >= sizeof(leaving->last) || mg_set_is_ours(name))
		return false;
	if (strcmp(leaving->last, name) != 0) {
		strcpy(leaving->last, name);
		leaving->last_absent = mg_set_kernel_find(leaving->kernel, name, &index, NULL) ==
				       -ENOENT;
	}
	return leaving->last_absent;
}

/* @option_end: behind an option's word */
static bool is_negated(const char *rule, const char *option_end)
{
	static const char negated[] = "! --match-set";
	const size_t length = strlen(negated);

	return (size_t)(option_end - rule) >= length &&
	       strncmp(option_end - length, negated, length) == 0;
}

/* Can this rule, as a text of its own, only not match? */
static bool finds_nothing(struct leaving *leaving, const char *rule)
{
	struct mg_rule_name name;
	const char *at = rule;

	while ((at = mg_rule_next_name(at, &name))) {
		if (!name.is_set || !is_absent(leaving, name.text) || is_negated(rule, at))
			continue;
		if (!*leaving->absent)
			strcpy(leaving->absent, name.text);
		return true;
	}
	return false;
}

/* A rule, and what is said about it in the lines before, become remarks. */
static void leave_out(char *text, char *line)
{
	line[0] = '#';
	while (line > text + 1) {
		do
			line--;
		while (line > text && line[-1] != '\n');
		if (strncmp(line, "#@", 2) != 0 || strncmp(line, "#@keep ", 7) == 0)
			return;
		line[1] = '#';
	}
}

static void look_through(struct leaving *leaving, char *text)
{
	char *line, *end;

	for (line = text; *line; line = end + 1) {
		end = line + strcspn(line, "\n");
		if (strncmp(line, "-A ", 3) == 0) {
			const char saved = *end;
			bool out;

			*end = '\0';
			out = strstr(line, "-set ") && finds_nothing(leaving, line);
			*end = saved;
			if (out) {
				leave_out(text, line);
				leaving->rules++;
			}
		}
		if (!*end)
			return;
	}
}

int mg_engine_leave_out_absent(struct mg_engine *engine, struct mg_generation *generation,
			       struct mg_error *error)
{
	struct leaving leaving = { .kernel = -1 };
	int family;

	for (family = 0; family < MG_FAMILIES; family++) {
		char *text = generation->rules[family];

		if (!text || !(engine->families & 1U << family) || !strstr(text, "-set "))
			continue;
		if (leaving.kernel < 0)
			leaving.kernel = mg_set_kernel_open();
		if (leaving.kernel < 0) /* the kernel's own words come when they are loaded */
			return 0;
		look_through(&leaving, text);
	}
	if (leaving.kernel >= 0)
		close(leaving.kernel);
	if (!leaving.rules)
		return 0;
	return mg_note(&engine->notes, MG_WARNING, NULL, "moongate restore, once it is there",
		       "the set %s is not there yet: left out, as if it were empty, %zu rule%s "
		       "that would look into it%s",
		       leaving.absent, leaving.rules, leaving.rules == 1 ? "" : "s",
		       leaving.rules == 1 ? "" : ", or into others like it")
		       ? mg_engine_no_memory(error)
		       : 0;
}
