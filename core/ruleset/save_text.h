/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * iptables-save text, both ways: arguments to a line and back, and a whole
 * file to a ruleset. The quoting is that of iptables-restore(8): double
 * quotes, inside which a backslash takes the next character as it is.
 *
 * Must not touch the kernel, libxtables or Lua.
 */
#ifndef MG_SAVE_TEXT_H
#define MG_SAVE_TEXT_H

#include <stdio.h>

#include "keep.h"
#include "ruleset.h"

/** The arguments of one line, split. Zero-initialise; end with mg_args_clear(). */
struct mg_args {
	char *bytes;	   /* the strings, one after the other */
	const char **argv; /* argc pointers into bytes, then NULL */
	uint32_t argc;
	uint32_t capacity;
	size_t bytes_capacity;
};

void mg_args_clear(struct mg_args *args);

/**
 * Split @text (up to @length bytes, no newline) into arguments, replacing
 * what @args held. An open quote, a NUL byte or a trailing backslash in
 * quotes is an error that names the column (counted from 1).
 */
int mg_args_split(struct mg_args *args, const char *text, size_t length, struct mg_error *error);

/** Write one argument as it must be written to be read back as one. */
void mg_arg_print(FILE *out, const char *arg);

/** Write the line that says what is kept, without its newline. */
void mg_save_print_keep(FILE *out, const struct mg_keep *keep);

/** Write argc arguments (laid out as in struct mg_rule_view), a space between two. */
void mg_args_print(FILE *out, const char *args, uint32_t argc);

/**
 * Read iptables-save text into @ruleset (not sealed), as rules of @family.
 * Understands "*table", ":CHAIN POLICY [p:b]", "-A CHAIN ...", "[p:b] -A ...",
 * "COMMIT" and comments. A comment line "#@ ORIGIN" gives the next rule its
 * origin; one of "#@rank N" the rules from there on to the end of the table
 * their rank, which is MG_RANK_SCRIPT before; one of "#@keep KIND RANK OWNER
 * PATTERN ORIGIN", quoted as rules are, says what is kept, see keep.h.
 * Everything else is an error that names @name and the line.
 */
int mg_save_read(struct mg_ruleset *ruleset, enum mg_family family, const char *name,
		 const char *text, size_t length, struct mg_error *error);

#endif
