/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The way back: a ruleset as the text of a policy. What recognises a helper in
 * rules is written in Lua, beside the helpers (lua/moongate/import*.lua), and
 * tries them in the language itself.
 */
#ifndef MG_IMPORTING_H
#define MG_IMPORTING_H

#include "ruleset/host.h"
#include "ruleset/ruleset.h"

/** What somebody wrote beside a rule. */
struct mg_remark {
	enum mg_family family;
	const char *table, *chain; /* NULL: beside the whole */
	uint32_t index;		   /* of the rule in its chain, from 0; it may be behind the last */
	const char *text;	   /* without "#" */
};

struct mg_importing {
	/*
	 * sealed; the first word of a rule is what iptables-save prints, the others are its
	 * words. Chains that it keeps, and that have no rules, are not the policy's.
	 */
	const struct mg_ruleset *rules;
	const struct mg_remark *remarks;
	size_t remark_count;
	unsigned int families; /* the policy is for these; the others get no rules */
	unsigned int empty;    /* of the others those that were imported, too: they have none */
	const char *source;    /* where they come from, for people */
	const char *keep;      /* calls that leave to others what is theirs, as lines; or NULL */
	const char *language;  /* folder in which moongate/import.lua lies */
	const struct mg_host *host;
	bool plain;   /* primitives only */
	bool careful; /* try each of these */
	bool apart;   /* no helpers that write into several chains */
	/*
	 * The rule as iptables-save would print it; -EINVAL if there is no such
	 * rule. @text: valid until the next call
	 */
	int (*print)(void *context, enum mg_family family, const char *table, const char *chain,
		     uint32_t argc, const char *const *argv, const char **text);
	void *context;
};

/**
 * Write the policy.
 * @out: to be freed
 * Errors: MG_INVALID for a rule that the language cannot say; MG_ENVIRONMENT.
 */
int mg_policy_write(const struct mg_importing *importing, char **out, struct mg_error *error);

#endif
