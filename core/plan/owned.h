/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose rule is this, and which line of a policy made it? Answered by content
 * from a generation: nothing about it is in the kernel's rules.
 */
#ifndef MG_OWNED_H
#define MG_OWNED_H

#include "netfilter/image.h"
#include "state.h"

struct mg_owned;

/** Index the rules of @generation, which may be NULL: then nothing is owned. */
int mg_owned_new(const struct mg_generation *generation, struct mg_owned **out,
		 struct mg_error *error);
void mg_owned_free(struct mg_owned *owned);

/** Does the generation have this chain? */
bool mg_owned_has_chain(const struct mg_owned *owned, enum mg_family family, const char *table,
			const char *chain);

/**
 * Take one rule with this text (as mg_entry_text() gives it) out of the
 * chain's, so that a second equal one needs a second owned one.
 * Returns its origin ("" if unknown), or NULL if there is none (left).
 */
const char *mg_owned_take(struct mg_owned *owned, enum mg_family family, const char *table,
			  const char *chain, const char *text);

/** Give back all that was taken. */
void mg_owned_reset(struct mg_owned *owned);

/**
 * Which of a live chain's rules that go are the generation's? What stays is
 * counted first: of two equal rules, one of them the generation's, it is the
 * other's that goes. Takes what it finds.
 * @owned: may be NULL: then nothing is owned
 * @fates: by entry of @live, as in struct mg_diff
 * @ours:  by entry of @live; set for those of @chain that go and are owned
 */
int mg_owned_claim(struct mg_owned *owned, const struct mg_image *live,
		   const struct mg_image_chain *chain, const uint8_t *fates, bool *ours,
		   struct mg_error *error);

#endif
