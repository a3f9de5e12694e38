/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Before anything is touched: what the kernel itself says to the tables, and to
 * the operator's way in.
 */
#ifndef MG_PREFLIGHT_H
#define MG_PREFLIGHT_H

#include "engine.h"
#include "probe/probe.h"

/** Diagnose the engine's ruleset, and keep in mind which notes are about the operator. */
int mg_engine_diagnose_own(struct mg_engine *engine, struct mg_error *error);

/**
 * Have the kernel of a private namespace take the tables, and let the operator's
 * packets through them. What it says of his way in takes the place of what
 * analysis thought of it. After a plan was compared the tables are those that
 * will be live; before, those of the policy alone.
 * @rules: the tables are to be tried, too: they change
 * Errors: MG_KERNEL, naming the rule; MG_ENVIRONMENT where @rules cannot be tried
 * and no plan was compared: else that is a warning.
 */
int mg_engine_preflight(struct mg_engine *engine, bool rules, struct mg_error *error);

/** A part of that: put what came of the ways into notes. */
int mg_preflight_notes(struct mg_engine *engine, const struct mg_probe *probe,
		       const struct mg_probe_order *order, struct mg_error *error);

/** And that nothing came of them: @reason. */
int mg_preflight_note_unjudged(struct mg_engine *engine, const char *reason, const char *remedy,
			       struct mg_error *error);

#endif
