/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is wrong with a ruleset for the host that it is meant for: found
 * before it is applied, each with the line that puts it right.
 *
 * Owns nothing that outlives the call. Must not touch the kernel, libxtables
 * or Lua: what it knows of the host stands in struct mg_diagnose_facts.
 */
#ifndef MG_DIAGNOSE_H
#define MG_DIAGNOSE_H

#include "ruleset/connection.h"
#include "ruleset/host.h"
#include "ruleset/ruleset.h"

/** What is known of the host and of who is at the keyboard. All borrowed. */
struct mg_diagnose_facts {
	/* The ssh connections by which the operator comes; every one must
	 * get through. */
	const struct mg_connection *connections;
	size_t connection_count;
	/* Written: how many notes there are behind what was found about each of them. NULL: not
	 * asked for. */
	size_t *note_ends;
	/* They were looked for, so that none means "at the console". False, and
	 * the connections are not looked at, where nobody asked: a policy
	 * compiled for another host. */
	bool is_operator_known;
	/* Interfaces with an IPv4 address leased by DHCP. */
	const char *const *leased;
	size_t leased_count;
	enum mg_forwarding forwarding[MG_FAMILIES];
	bool have_ipv6; /* false: the ruleset's IPv6 half is not looked at */
};

/**
 * Append what is wrong with @ruleset (sealed) to @notes; nothing if all is
 * well. A refusal is where the operator would be cut off, and only where
 * that is certain; where a rule cannot be judged it is a warning.
 * Errors: -ENOMEM.
 */
int mg_diagnose(const struct mg_ruleset *ruleset, const struct mg_diagnose_facts *facts,
		struct mg_notes *notes, struct mg_error *error);

#endif
