/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A generation as text that iptables-restore(8) and `ipset restore` load without
 * Moongate, at a boot: whole tables, and the chains of other software that its
 * rules go to, which are not there yet.
 *
 * Must not touch files or the kernel, print or exit.
 */
#ifndef MG_BOOT_TEXT_H
#define MG_BOOT_TEXT_H

#include "state.h"

/** What each such text begins with. */
#define MG_BOOT_TEXT_MARK "# Moongate's: "

/** @out: to be freed. Errors: MG_INVALID for a rule that is too long; MG_ENVIRONMENT. */
int mg_boot_text_rules(const struct mg_generation *generation, enum mg_family family, char **out,
		       struct mg_error *error);
int mg_boot_text_sets(const struct mg_generation *generation, char **out, struct mg_error *error);

#endif
