/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the tables are wanted to be: the last word of a command line, which is
 * a policy or a saved plan, or --generation.
 */
#ifndef MG_CLI_WANTED_H
#define MG_CLI_WANTED_H

#include "options.h"

/** Evaluate and check the policy, or take up the saved plan or the generation. */
int read_wanted(const struct options *options, struct mg_engine *engine, struct mg_error *error);

/** With -v: how the policy was confined, if it was. */
void tell_confinement(const struct options *options, const struct mg_engine *engine);

#endif
