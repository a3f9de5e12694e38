/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Does a ruleset send a new connection elsewhere, before filter sees it?
 *
 * Owns nothing. Must not touch the kernel, libxtables or Lua.
 */
#ifndef MG_TRANSLATION_H
#define MG_TRANSLATION_H

#include "analysis/packet.h"
#include "ruleset/ruleset.h"

/** What is asked about a packet, in words. */
struct mg_translation_words {
	const char *what;   /* "a new ssh connection from ..." */
	const char *remedy; /* or NULL */
};

/**
 * Append to @notes that PREROUTING of nat gives @packet (new, for this host)
 * another destination: a refusal if that is certain, a warning if it may be.
 * Only its own rules are looked at, not chains that it jumps to.
 * Returns 0 or -ENOMEM.
 */
int mg_diagnose_translation(const struct mg_ruleset *ruleset, const struct mg_packet *packet,
			    const struct mg_translation_words *words, struct mg_notes *notes);

#endif
