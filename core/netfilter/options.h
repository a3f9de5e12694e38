/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which option does a word of a rule mean? The base options of iptables, and
 * those of the plugins that the rule has named so far, looked up as
 * getopt_long(3) would: an exact name first, then a unique abbreviation.
 */
#ifndef MG_OPTIONS_H
#define MG_OPTIONS_H

#include <stdbool.h>
#include <xtables.h>

enum { MG_OPTION_BASE = -1 };

/** One plugin's options. */
struct mg_option_source {
	const struct xt_option_entry *entries; /* newer plugins, or NULL */
	const struct option *options;	       /* older ones, or NULL */
};

/** What was found. */
struct mg_option {
	int source;			     /* index of the source, or MG_OPTION_BASE */
	int value;			     /* base: its letter; else the plugin's own number */
	int has_arg;			     /* no_argument, required_argument, optional_argument */
	const struct xt_option_entry *entry; /* newer plugins */
	const char *name;
};

enum mg_option_result { MG_OPTION_FOUND, MG_OPTION_UNKNOWN, MG_OPTION_AMBIGUOUS };

/**
 * Look up a long option.
 * @name, @length: without "--" and without "=value"
 * @sources: in the order in which the rule named them; the newest wins
 * @fragments: the family has -f; where it has none "--fragm" is an extension's
 */
enum mg_option_result mg_option_find(const char *name, size_t length,
				     const struct mg_option_source *sources, int count,
				     bool fragments, struct mg_option *out);

/**
 * The long names that mg_option_find() would take in a rule, for a suggestion.
 * @names: room for @room of them
 * Returns how many there are, of which no more than @room were written.
 */
size_t mg_option_names(const struct mg_option_source *sources, int count, const char **names,
		       size_t room);

/** The letter of a base option that may stand in a rule: one of "sdpiojgmfc". */
bool mg_option_in_rule(int letter);

#endif
