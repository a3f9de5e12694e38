/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A plan as lines for people: per chain, what happens to each rule, and the
 * two families told together where they agree.
 */
#ifndef MG_LINES_H
#define MG_LINES_H

#include "plan.h"

enum mg_line_kind { MG_LINE_ADD, MG_LINE_REMOVE, MG_LINE_MOVE, MG_LINE_KEEP };

struct mg_line {
	enum mg_line_kind kind;
	unsigned int families; /* bits 1 << MG_IPV4, 1 << MG_IPV6 */
	uint32_t
		number[MG_FAMILIES]; /* in the chain, from 1: as it will be; for REMOVE: as it is */
	uint32_t from[MG_FAMILIES];  /* MOVE: as it is */
	uint32_t count[MG_FAMILIES]; /* KEEP of many: so many in a row; they may differ */
	const char *text;	     /* as iptables would print it; NULL for a KEEP of many */
	const char *origin;	     /* "file:line helper", or "" */
	bool foreign;		     /* REMOVE: other software's */
	uint64_t packets, bytes;     /* REMOVE: counted so far, both families */
};

/** One chain of one or both families. */
struct mg_section {
	const char *table, *chain;
	unsigned int families;
	const char *policy_before, *policy_after; /* built-in chains; else NULL */
	bool created, removed;
	bool changed; /* something happens here */
	struct mg_line *lines;
	size_t line_count;
};

struct mg_sections {
	struct mg_section *items;
	size_t count, capacity;
	struct mg_arena arena;
};

/**
 * @plan: compared
 * @all: list every kept rule, and chains where nothing happens
 * @out: zero-initialised; end with mg_sections_clear(). Refers to @plan.
 */
int mg_sections_make(const struct mg_plan *plan, bool all, struct mg_sections *out,
		     struct mg_error *error);
void mg_sections_clear(struct mg_sections *sections);

#endif
