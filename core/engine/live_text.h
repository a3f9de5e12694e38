/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A live table as iptables-save prints it.
 */
#ifndef MG_ENGINE_LIVE_TEXT_H
#define MG_ENGINE_LIVE_TEXT_H

#include <stdio.h>

#include "netfilter/image.h"

/**
 * Write a table that was read.
 * @counters: of rules, too, and not only of policies
 * @lenient:  a line that no reader takes for a rule where an extension that is
 *            not installed keeps a part of it to itself; else that is an error
 * Errors: MG_ENVIRONMENT, naming the rule.
 */
int mg_live_text(FILE *out, const struct mg_image *image, bool counters, bool lenient,
		 struct mg_error *error);

#endif
