/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Putting an answer of the judge into words: which rule, or the policy of
 * which chain, stands in a packet's way, and where it was written.
 *
 * Owns nothing. Must not touch the kernel, libxtables or Lua.
 */
#ifndef MG_FINDING_H
#define MG_FINDING_H

#include "analysis/verdict.h"

/** A question that was put, and what to say if the packet does not get through. */
struct mg_finding {
	enum mg_severity severity;
	const struct mg_packet *packet;
	struct mg_answer answer;
	const char *remedy; /* or NULL */
};

/** Is it certain that the packet is dropped or rejected? */
bool mg_denies(struct mg_answer answer);

/** "file:line" of an origin; to be freed. NULL for "", and without memory. */
char *mg_finding_place(const char *origin);

/** A rule as iptables-save would write it, or its beginning; to be freed. NULL without memory. */
char *mg_finding_text(const struct mg_rule_view *rule);

/**
 * Append to @notes that the packet called @what does not get through, or may
 * not, which is never more than a warning. Returns 0 or -ENOMEM.
 */
int mg_finding_note(const struct mg_ruleset *ruleset, const struct mg_finding *finding,
		    const char *what, struct mg_notes *notes);

#endif
