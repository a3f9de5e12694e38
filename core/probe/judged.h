/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What of a rule a fresh namespace can judge. Some matches ask for what only the
 * live one has: how much has passed so far, who is at the other end of a socket,
 * what a client's packets look like.
 *
 * Owns nothing. Must not touch the kernel.
 */
#ifndef MG_PROBE_JUDGED_H
#define MG_PROBE_JUDGED_H

#include "netfilter/image.h"

enum mg_judged {
	MG_JUDGED_BY_KERNEL, /* as it stands */
	MG_JUDGED_TRUE,	     /* of one who has been quiet: a limit that is not reached */
	MG_JUDGED_FALSE,     /* of the same: a limit that is exceeded */
	MG_JUDGED_NOT,
};

/** Where the live namespace keeps what such a match remembers. */
struct mg_memory {
	const char *folder; /* below /proc/net; NULL: nowhere to be read */
	char name[256];
};

/** @memory: may be NULL */
enum mg_judged mg_judge_match(const struct xt_entry_match *match, enum mg_family family,
			      struct mg_memory *memory);

/** What may become of a packet by a rule's target. */
enum mg_effect {
	MG_EFFECT_NONE, /* it goes on, changed at most */
	MG_EFFECT_ACCEPT,
	MG_EFFECT_DENY,
	MG_EFFECT_ELSEWHERE, /* it gets another destination */
	MG_EFFECT_UNKNOWN,   /* a jump, or the business of a program */
};

enum mg_effect mg_effect_of(const struct mg_entry *entry);

/** Is the target to be left out, because it acts beyond the namespace, or only tells? */
bool mg_is_only_telling(const struct mg_entry *entry);

/** Does the target give a packet another source? Only where others see it later that matters. */
bool mg_changes_source(const struct mg_entry *entry);

/** Does the target have conntrack overlook a packet? */
bool mg_hides_from_conntrack(const struct mg_entry *entry);

/** Does the rule ask conntrack what it knows? */
bool mg_asks_conntrack(const struct mg_family_ops *ops, const struct mg_entry *entry);

#endif
