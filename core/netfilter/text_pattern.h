/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The text of a rule that differs from the one printed before in nothing but
 * its addresses and a plain comment: no plugin need be asked for it again.
 *
 * As pattern.h does for compiling; there is one pattern, the newest.
 */
#ifndef MG_TEXT_PATTERN_H
#define MG_TEXT_PATTERN_H

#include "image.h"

/** Where in a printed text the values stand that may differ. */
struct mg_text_marks {
	size_t rest;			    /* behind the addresses */
	size_t comment_start, comment_end;  /* the comment's value; both 0: there is none */
	const struct xt_entry_match *match; /* the comment */
	bool several;			    /* more than one, or more to it: no pattern */
};

/**
 * Is this a comment that is written and read as it is, whatever it says:
 * printable ASCII, not empty, nothing that is quoted or quotes?
 */
bool mg_is_plain_comment(const struct xt_entry_match *match);

/** Remember a rule and its text. */
void mg_text_learn(const struct mg_family_ops *ops, const struct mg_entry *entry, const char *text,
		   const struct mg_text_marks *marks);

/** The text by the pattern, until the next call; NULL if it does not fit. */
const char *mg_text_apply(const struct mg_family_ops *ops, const struct mg_entry *entry);

#endif
