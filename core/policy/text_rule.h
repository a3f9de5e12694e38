/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules as text, `c:append "-s 10.0.0.1 -p tcp --dport 22 -j ACCEPT"`, by the
 * example of one before.
 *
 * What the language makes of a text depends on its words, but not on which
 * address stands behind -s, on the digits behind an option, or on what a
 * comment or a prefix says. So a rule that differs from one that the language
 * has read in nothing else is written in the same way. What the language did is
 * looked at, and not known here: where it left the words as they were, it is
 * an example, else it is not.
 */
#ifndef MG_TEXT_RULE_H
#define MG_TEXT_RULE_H

#include "rule_words.h"

/** A text, split. */
struct mg_text_rule {
	struct mg_words words; /* with addresses as the language writes them */
	struct mg_words key;   /* the same with marks where the values may be others */
};

/** What there was before the language read a text. */
struct mg_text_before {
	uint32_t rules;
	size_t notes;
};

/** Split the text at @index. Returns whether it may follow an example, or be one. */
bool mg_text_rule_read(lua_State *L, int index, struct mg_primitives *primitives,
		       struct mg_text_rule *out);

/** The families of the examples in the table at @index that the rule follows; 0: there is none. */
unsigned int mg_text_rule_families(lua_State *L, int index, const struct mg_text_rule *rule);

void mg_text_rule_begin(const struct mg_primitives *primitives, struct mg_text_before *before);

/** Keep what the language has made of the rule as an example, if it is one. */
void mg_text_rule_learn(lua_State *L, int index, const struct mg_primitives *primitives,
			const struct mg_text_before *before, const struct mg_text_rule *rule);

#endif
