/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What was meant by a name in a rule that nobody knows: the end of an error.
 *
 * All of it is for behind the fence, and for a rule that is refused anyway: it
 * may take its time. What is returned lasts until the next rule; it is "" where
 * nothing is near enough to be meant.
 */
#ifndef MG_MEANT_H
#define MG_MEANT_H

#include "making.h"

/** "-m NAME", "-j NAME", "-g NAME". */
const char *mg_meant_match(struct mg_making *making, const char *name);
const char *mg_meant_target(struct mg_making *making, const char *name);
const char *mg_meant_chain(struct mg_making *making, const char *name);

/** "--NAME", of which the first @length bytes count: what is near, or whose option it is. */
const char *mg_meant_option(struct mg_making *making, const char *name, size_t length);

/** "--NAME" that is an abbreviation of several: all of them. */
const char *mg_meant_options(struct mg_making *making, const char *name, size_t length);

#endif
