/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sets as the text that `ipset restore` reads, both ways, and members as text.
 *
 *   #@ policy.lua:7 block
 *   create mg4-blocklist hash:net family inet hashsize 1024 maxelem 65536
 *   add mg4-blocklist 192.0.2.7
 *   add mg4-blocklist 198.51.100.0/24
 *
 * Must not touch the kernel, libipset or Lua.
 */
#ifndef MG_SET_TEXT_H
#define MG_SET_TEXT_H

#include "sets.h"

enum { MG_SET_MEMBER_TEXT = 64 };

/** Write a member: "192.0.2.7" for one address, "198.51.100.0/24" for a network. */
void mg_set_member_text(enum mg_family family, const struct mg_set_member *member,
			char text[MG_SET_MEMBER_TEXT]);

/** The same, with the prefix of a single address, too: "192.0.2.7/32". */
void mg_set_network_text(enum mg_family family, const struct mg_set_member *member,
			 char text[MG_SET_MEMBER_TEXT]);

/**
 * Write all sets of one family.
 * @text: allocated; ended by NUL. NULL if there are none
 * Errors: -ENOMEM.
 */
int mg_set_text_write(const struct mg_sets *sets, enum mg_family family, char **text,
		      struct mg_error *error);

/**
 * Read such text and add what is in it to @sets. Each `add` belongs to the
 * `create` before it; a set may hold @family only, and as many members as
 * MG_SET_MOST_MEMBERS. Blank lines and comments say nothing, but for "#@ ORIGIN".
 * @name: of the file, for errors
 * Errors: MG_INVALID with "NAME:LINE: " and what is wrong; -ENOMEM. What came
 * before stays in @sets.
 */
int mg_set_text_read(struct mg_sets *sets, enum mg_family family, const char *name,
		     const char *text, size_t length, struct mg_error *error);

#endif
