/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an import has read: rules from dumps or from the kernel, as they were
 * written and as iptables-save would print them, and what was beside them.
 */
#ifndef MG_ENGINE_IMPORTING_H
#define MG_ENGINE_IMPORTING_H

#include "engine.h"
#include "policy/importing.h"
#include "ruleset/arena.h"
#include "ruleset/dump.h"

/** Zero-initialise; end with mg_rules_clear(). */
struct mg_rules_read {
	struct mg_ruleset *original; /* with the words of the dump */
	struct mg_ruleset *printed;  /* each rule as one word: what iptables-save prints */
	struct mg_arena arena;	     /* remarks and their names */
	struct mg_arena entries;     /* of one rule */
	uint32_t *counts;	     /* rules in each chain of printed */
	size_t count_capacity;
	struct mg_remark *remarks;
	size_t remark_count, remark_capacity;
	size_t pending;	       /* remarks whose rule has not come yet: the last ones */
	unsigned int families; /* that were read */
	char source[256];      /* where from, for people */
	const char *name;      /* of the text that is being read */
	enum mg_family family; /* the same */
	struct mg_notes wrong; /* lines that make no sense */
	bool lenient;	       /* they become remarks */
};

int mg_rules_read_texts(struct mg_rules_read *read, const struct mg_import *import,
			struct mg_error *error);
int mg_rules_read_live(struct mg_engine *engine, struct mg_rules_read *read,
		       struct mg_error *error);

/** What is wrong is an error, or where that is allowed a warning. Errors: MG_INVALID. */
int mg_rules_judge(struct mg_rules_read *read, struct mg_notes *notes, struct mg_error *error);

/**
 * One rule as iptables-save would print it.
 * @text: valid until the next call
 * Errors: MG_INVALID, also for one that lists several addresses.
 */
int mg_rules_print(struct mg_rules_read *read, enum mg_family family, const char *table,
		   const char *chain, uint32_t argc, const char *const *argv, const char **text,
		   struct mg_error *error);

void mg_rules_clear(struct mg_rules_read *read);

#endif
