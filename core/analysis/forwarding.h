/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Does a host forward what its ruleset lets through?
 *
 * Owns nothing. Must not touch the kernel, libxtables or Lua.
 */
#ifndef MG_FORWARDING_H
#define MG_FORWARDING_H

#include "analysis/diagnose.h"

/**
 * Append to @notes that rules for forwarded packets see none, because the
 * kernel was not told to forward. Returns 0 or -ENOMEM.
 */
int mg_diagnose_forwarding(const struct mg_ruleset *ruleset, const struct mg_diagnose_facts *facts,
			   struct mg_notes *notes);

#endif
