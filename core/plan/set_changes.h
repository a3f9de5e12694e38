/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sets of a plan for people: which there are, and which members come and go.
 */
#ifndef MG_SET_CHANGES_H
#define MG_SET_CHANGES_H

#include "plan.h"

/**
 * @plan: compared
 * @all: see mg_engine_set_changes()
 * @out: to be freed with mg_set_changes_free(). Refers to @plan.
 */
int mg_set_changes_make(const struct mg_plan *plan, bool all, struct mg_set_changes **out,
			struct mg_error *error);

#endif
