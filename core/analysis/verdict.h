/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What becomes of a packet: a walk through table filter of a ruleset, in
 * three values. Where a rule may match, both ways are followed; the answer
 * is a definite one only if all ways lead to it.
 *
 * Only filter is looked at: a drop in raw or mangle and a translated address
 * are not seen. A built-in chain for which no policy was asked has the
 * kernel's: ACCEPT.
 *
 * Owns its reading of the rules. Must not touch the kernel, libxtables or Lua.
 */
#ifndef MG_ANALYSIS_VERDICT_H
#define MG_ANALYSIS_VERDICT_H

#include "ruleset/ruleset.h"

#include "analysis/packet.h"

enum mg_fate {
	MG_FATE_ACCEPT,
	MG_FATE_DROP,
	MG_FATE_REJECT,
	MG_FATE_UNKNOWN,
};

struct mg_answer {
	enum mg_fate fate;
	/* The rule that decides; MG_NO_RULE: the chain's policy does. For
	 * MG_FATE_UNKNOWN: the first rule that cannot be judged. */
	uint32_t rule;
	uint32_t chain; /* the built-in chain; UINT32_MAX: the ruleset has none */
};

/** A ruleset's filter tables, read for asking. */
struct mg_judge;

/**
 * @ruleset: sealed; must outlive the judge
 * Errors: -ENOMEM.
 */
int mg_judge_new(const struct mg_ruleset *ruleset, struct mg_judge **out, struct mg_error *error);
void mg_judge_free(struct mg_judge *judge);

/** Ask. Writes to the judge's own memory, so one question at a time. */
struct mg_answer mg_judge_ask(struct mg_judge *judge, const struct mg_packet *packet);

/** Does a rule that sends REJECT stand where packets of this hook can come by? */
bool mg_judge_rejects(struct mg_judge *judge, enum mg_family family, enum mg_hook hook);

#endif
