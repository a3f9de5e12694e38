/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dumps of rules as people have them: what iptables-save of any age printed,
 * what `iptables -S` prints, with counters or without, with remarks, with the
 * line ends of another system. Where save_text.h takes what Moongate wrote, or
 * nothing, this goes on after a line that makes no sense, and says so.
 *
 * Must not touch the kernel, libxtables or Lua.
 */
#ifndef MG_DUMP_LINES_H
#define MG_DUMP_LINES_H

#include "save_text.h"

enum mg_dump_kind {
	MG_DUMP_REMARK, /* a comment of a person's; the programs' own are passed over */
	MG_DUMP_CHAIN,	/* a chain, with its policy if it has one */
	MG_DUMP_RULE,
	MG_DUMP_WRONG, /* a line that is none of these */
};

/** One line; all pointers are valid until the visitor returns. */
struct mg_dump_line {
	enum mg_dump_kind kind;
	unsigned int number;	 /* in the text, from 1 */
	const char *text;	 /* the line, blanks around it removed */
	const char *table;	 /* "filter" where none was named yet; NULL for a REMARK */
	const char *chain;	 /* of a CHAIN or RULE; NULL elsewhere */
	const char *policy;	 /* of a CHAIN: "ACCEPT", "DROP", or NULL */
	const char *const *argv; /* of a RULE: what follows the chain, less counters */
	uint32_t argc;
	const char *why; /* of a WRONG line */
};

/**
 * Go down the lines of a dump. Understands "*table", ":CHAIN POLICY [p:b]",
 * "-P CHAIN POLICY", "-N CHAIN", "-A CHAIN ...", each with "[p:b]" or "-t table"
 * in front, "-c p b" and "-t table" in a rule, "-s ! ADDRESS" of old, "COMMIT"
 * and comments. A "*table" without its COMMIT is WRONG where the next one begins,
 * or at the last line: a dump that was cut off is not taken for a whole one.
 * @visit: other than 0 ends it, and is returned
 * Errors: MG_ENVIRONMENT without memory; what @visit filled in.
 */
int mg_dump_read(const char *text, size_t length,
		 int (*visit)(void *context, const struct mg_dump_line *line,
			      struct mg_error *error),
		 void *context, struct mg_error *error);

/** The same, but lines that begin with "-A " are passed over, which is quick. */
int mg_dump_read_chains(const char *text, size_t length,
			int (*visit)(void *context, const struct mg_dump_line *line,
				     struct mg_error *error),
			void *context, struct mg_error *error);

/**
 * The family that a dump is of, by the program that it says wrote it, else by
 * what only one family has; MG_FAMILIES where nothing tells.
 */
enum mg_family mg_dump_family(const char *text, size_t length);

#endif
