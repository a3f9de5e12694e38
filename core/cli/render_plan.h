/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A plan for a tired person at 3 a.m.
 */
#ifndef MG_CLI_RENDER_PLAN_H
#define MG_CLI_RENDER_PLAN_H

#include "options.h"

/**
 * Print the plan to stdout, with its summary line.
 * @closing: what to say behind the summary, or NULL
 */
int render_plan(const struct options *options, const struct mg_engine *engine, const char *closing,
		struct mg_error *error);

#endif
