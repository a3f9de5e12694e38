/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a Lua state of the policy language is made of.
 */
#ifndef MG_POLICY_LIBRARIES_H
#define MG_POLICY_LIBRARIES_H

#include <lua.h>

/** Where the language's own files come from. */
struct mg_language {
	const char *folder;
	/* who reads the file of "moongate.chains", as mg_language_read() does; NULL: that */
	int (*read)(const struct mg_language *language, const char *name, char **text,
		    size_t *length);
};

/**
 * Read a file of the language from its folder.
 * @name: as in require(), "moongate.chains"
 * @text: to be freed
 * Returns 0 or -errno.
 */
int mg_language_read(const struct mg_language *language, const char *name, char **text,
		     size_t *length);

/**
 * Open the safe part of the standard library, and `require` for the language.
 * @language: lives as long as the state
 */
void mg_policy_open_libraries(lua_State *L, const struct mg_language *language);

#endif
