/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules for packets that the kernel does not forward. See forwarding.h.
 *
 * What is looked for are the accepts of FORWARD that admit something new, not
 * the answers to it: those stand in every policy that denies by default.
 * Must not touch the kernel, libxtables or Lua.
 */
#include "analysis/forwarding.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/finding.h"
#include "ruleset/failure.h"

static bool is_states(const char *option)
{
	return strcmp(option, "--ctstate") == 0 || strcmp(option, "--state") == 0;
}

/* Does a rule accept, and not only what has a connection already? */
static bool admits(const struct mg_rule_view *rule)
{
	const char *before = "", *last = "", *arg = rule->args;
	bool has_states = false, has_new = false;

	for (uint32_t i = 0; i < rule->argc; i++, arg = mg_arg_next(arg)) {
		before = last;
		last = arg;
		if (is_states(before)) {
			has_states = true;
			has_new |= strstr(last, "NEW") != NULL;
		}
	}
	return (has_new || !has_states) && strcmp(last, "ACCEPT") == 0 &&
	       (strcmp(before, "-j") == 0 || strcmp(before, "--jump") == 0);
}

/* The first rule of FORWARD that lets new packets through, or MG_NO_RULE. */
static uint32_t first_forward(const struct mg_ruleset *ruleset, enum mg_family family,
			      struct mg_rule_view *rule)
{
	const uint32_t index = mg_ruleset_find_chain(ruleset, family, "filter", "FORWARD");
	struct mg_chain_view chain;

	if (index == UINT32_MAX)
		return MG_NO_RULE;
	mg_ruleset_chain_at(ruleset, index, &chain);
	for (uint32_t i = 0; i < chain.count; i++) {
		mg_ruleset_rule_at(ruleset, chain.first + i, rule);
		if (admits(rule))
			return chain.first + i;
	}
	return MG_NO_RULE;
}

/* The words for IPv4, IPv6 and both. */
static const char *const who[] = { "IPv4", "IPv6", "IPv4 and IPv6" };
static const char *const remedies[] = {
	"sysctl -w net.ipv4.ip_forward=1, and the same in /etc/sysctl.d for the next boot",
	"sysctl -w net.ipv6.conf.all.forwarding=1, and the same in /etc/sysctl.d for the next boot",
	"sysctl -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1, and the same in "
	"/etc/sysctl.d for the next boot",
};

int mg_diagnose_forwarding(const struct mg_ruleset *ruleset, const struct mg_diagnose_facts *facts,
			   struct mg_notes *notes)
{
	struct mg_rule_view rule, first = { 0 };
	unsigned int wanted = 0, missing = 0;
	char *place;
	int err;

	for (int family = 0; family < MG_FAMILIES; family++) {
		if ((family == MG_IPV6 && !facts->have_ipv6) ||
		    first_forward(ruleset, (enum mg_family)family, &rule) == MG_NO_RULE)
			continue;
		wanted |= 1U << family;
		if (facts->forwarding[family] != MG_FORWARDING_OFF)
			continue;
		if (!missing)
			first = rule;
		missing |= 1U << family;
	}
	if (!missing)
		return 0;
	place = mg_finding_place(first.origin);
	/* one family that is forwarded may be all that is meant */
	err = mg_note(notes, missing == wanted ? MG_WARNING : MG_INFO, place, remedies[missing - 1],
		      "FORWARD lets %s packets through, but this host does not forward any",
		      who[missing - 1]);
	free(place);
	return err;
}
