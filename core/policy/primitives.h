/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The primitives: the C functions on which the policy language is built. The
 * language gets them in one table; a policy never sees them.
 */
#ifndef MG_PRIMITIVES_H
#define MG_PRIMITIVES_H

#include <lua.h>

#include "evaluate.h"
#include "ruleset/host.h"
#include "ruleset/ruleset.h"
#include "ruleset/save_text.h"

enum { MG_MOST_NOTES = 10000 };

/** What the primitives of one Lua state work on. */
struct mg_primitives {
	struct mg_ruleset *ruleset;
	struct mg_notes *notes;
	struct mg_args args;	    /* scratch for split() */
	const char *policy;	    /* the name of its file, where no frame tells more */
	struct mg_sources *sources; /* not NULL; without folders it has no files */
	unsigned int left_out;	    /* families for which the policy is not, bits 1 and 2 */
	const struct mg_name_source *names;
	unsigned int (*set_families)(const char *name); /* see struct mg_evaluation */

	size_t said; /* bytes of all notes */

	/* the last origin, and what it was made of: loops say it again and again */
	const char *source, *helper;
	int line;
	size_t name_length; /* of the source's name in it, with the colon */
	char origin[512];
};

/* -> table. Push the table of primitives; @primitives must outlive the state. */
void mg_push_primitives(lua_State *L, struct mg_primitives *primitives, const struct mg_host *host);

/*
 * Where is the policy? The nearest frame of a policy's own code, from
 * @level on; policy chunks have names that begin with "@".
 * Returns 0 and leaves @ar with "S" and "l" filled in, or -ENOENT.
 */
int mg_policy_frame(lua_State *L, int level, lua_Debug *ar);

/*
 * -> text. How the code that runs came to run, if it is a module's: push
 * " (used at policy.lua:5)", from the nearest use() to the policy's own; or "".
 */
void mg_policy_push_uses(lua_State *L);

/*
 * "file:line helper", as it is kept with a rule; valid until the next call.
 * @helper lives as long as the state, as names of helpers do.
 */
const char *mg_policy_origin(lua_State *L, struct mg_primitives *primitives, const char *helper);

#endif
