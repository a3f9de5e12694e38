/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Software that puts rules of its own into the tables, and how those are told:
 * by the names of its chains and sets, and by the shape of the rules that it
 * puts into chains of others. One list for keep(), for the likely owner of
 * what a plan would remove, and for status.
 *
 * Plain data. Must not touch the kernel, libxtables or Lua.
 */
#ifndef MG_PRESETS_H
#define MG_PRESETS_H

#include "keep.h"

struct mg_preset_part {
	enum mg_keep_kind kind;
	const char *pattern; /* as fnmatch(3) has it; NULL ends the list */
	bool plain; /* kept with the rest, but no sign of the owner: it looks like anybody's */
};

struct mg_preset {
	const char *name;  /* "docker"; NULL ends the list */
	const char *alias; /* another name for it, or NULL */
	/* where its rules stand unless a policy says otherwise, as in struct mg_keep */
	unsigned int rank;
	const struct mg_preset_part *parts;
};

/** Room for all, and for the end of the list. */
enum { MG_MOST_PRESETS = 16 };

/** All of them, by name. */
extern const struct mg_preset mg_presets[];

/** By name or alias; NULL if there is none. */
const struct mg_preset *mg_preset_find(const char *name);

/**
 * Whose is a chain, or a rule in it, by its looks?
 * @text: of the rule, as iptables-save prints it behind "-A CHAIN "; NULL: the chain itself
 * Returns the name of a preset, or NULL.
 */
const char *mg_owner_of(const char *chain, const char *text);

#endif
