/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Established flows that a plan would not admit; for preflight.c and applying.c.
 */
#ifndef MG_ENGINE_FLOWS_H
#define MG_ENGINE_FLOWS_H

#include "engine.h"
#include "probe/probe.h"

/**
 * If the request wants it: find the live flows, and give them to the probe. That
 * they cannot be found is a note. Errors: -ENOMEM.
 */
int mg_engine_flows_gather(struct mg_engine *engine, struct mg_probe_order *order,
			   struct mg_error *error);

/** After the probe has run: which of them it denied. Errors: -ENOMEM. */
int mg_engine_flows_learn(struct mg_engine *engine, const struct mg_probe *probe,
			  struct mg_error *error);

/** Note that nothing is known of them. */
int mg_engine_flows_unjudged(struct mg_engine *engine, const char *reason, struct mg_error *error);

/** Those that are to be ended when the plan counts; the engine's. */
void mg_engine_flows_to_end(const struct mg_engine *engine, const struct mg_flow **out,
			    size_t *count);

void mg_engine_flows_free(struct mg_engine_flows *flows);

#endif
