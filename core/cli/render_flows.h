/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Flows that go on though they would not be admitted, for people.
 */
#ifndef MG_CLI_RENDER_FLOWS_H
#define MG_CLI_RENDER_FLOWS_H

#include "options.h"

/** Print them to stdout, if there are some; nothing with -q. */
void render_flows(const struct options *options, const struct mg_engine *engine);

/** After a confirmation with --drop-flows: say to stderr how many are gone. */
void remark_ended_flows(const struct options *options, const struct mg_engine *engine);

#endif
