/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules that differ from an earlier one in nothing but an address, a port or
 * a comment. Loops make them by the hundred thousand, and their entries differ
 * in a few bytes, so they need not go through the plugins again.
 *
 * A rule of which anything else is different, or whose value could be wrong,
 * fits no pattern and is compiled as ever.
 */
#ifndef MG_PATTERN_H
#define MG_PATTERN_H

#include "compile.h"

enum { MG_PATTERNS = 4 };

/** The newest patterns of one chain. Zero-initialise; end with mg_patterns_clear(). */
struct mg_patterns {
	struct mg_pattern *items[MG_PATTERNS];
	unsigned int next; /* the one to be replaced */
};

/**
 * Remember a rule that was compiled, if it is one that others may follow.
 * What cannot be remembered, for lack of memory too, is not.
 */
void mg_patterns_learn(struct mg_patterns *patterns, const struct mg_family_ops *ops,
		       const char *args, size_t size, const struct mg_compiled_rule *compiled);

/**
 * Compile by pattern.
 * @arena: where the entry goes
 * Returns the entry, with the target's name in @target and @standard as of
 * the rule that was learnt; NULL if no pattern fits.
 */
void *mg_patterns_apply(const struct mg_patterns *patterns, const struct mg_family_ops *ops,
			const char *args, uint32_t argc, size_t size, struct mg_arena *arena,
			const char **target, bool *standard);

void mg_patterns_clear(struct mg_patterns *patterns);

#endif
