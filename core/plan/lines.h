/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A plan as lines for people: per chain, what happens to each rule, and the
 * two families told together where they agree.
 */
#ifndef MG_LINES_H
#define MG_LINES_H

#include "plan.h"

struct mg_sections {
	struct mg_section *items;
	size_t count, capacity;
	struct mg_arena arena;
};

/**
 * @plan: compared
 * @all: list every kept rule, and chains where nothing happens
 * @out: to be freed with mg_sections_free(). Refers to @plan.
 */
int mg_sections_make(const struct mg_plan *plan, bool all, struct mg_sections **out,
		     struct mg_error *error);

#endif
