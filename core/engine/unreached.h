/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules that no packet can reach, because nothing leads to their chain.
 */
#ifndef MG_UNREACHED_H
#define MG_UNREACHED_H

#include "ruleset/ruleset.h"

/**
 * Append to @notes a warning for each user chain that has rules and to which no
 * rule of @ruleset (sealed) leads; once for both families. Errors: -ENOMEM.
 */
int mg_note_unreached(const struct mg_ruleset *ruleset, struct mg_notes *notes,
		      struct mg_error *error);

#endif
