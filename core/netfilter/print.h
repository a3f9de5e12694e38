/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entries as text: what iptables-save would print behind "-A CHAIN".
 */
#ifndef MG_PRINT_H
#define MG_PRINT_H

#include "image.h"

/**
 * The text of one rule, without chain, counters and newline, beginning with
 * "-"; a rule without any condition and target is "".
 * @out: valid until the next call behind the fence
 * An extension that is not installed is shown as "[unknown match NAME]".
 */
int mg_entry_text(const struct mg_family_ops *ops, const struct mg_entry *entry, const char **out,
		  struct mg_error *error);

/**
 * The same, with the names of sets as the kernel has them, and not as policies do:
 * "mg4-office.7", which another program has to find.
 */
int mg_entry_live_text(const struct mg_family_ops *ops, const struct mg_entry *entry,
		       const char **out, struct mg_error *error);

#endif
