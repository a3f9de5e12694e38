/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules that look up sets (the match "set") or fill them (the target "SET"):
 * compiled and printed without the kernel, and bound to its sets when they are
 * written. The plugins do all this by asking the kernel for each name and each
 * index, so that a rule could not be read where its set is not there yet.
 *
 * Of the revisions from 1 on that linux/netfilter/xt_set.h tells of; older and
 * newer ones are left to the plugins, and to the kernel's own indices.
 */
#ifndef MG_SET_RULES_H
#define MG_SET_RULES_H

#include <linux/netfilter/xt_set.h>

#include "family.h"
#include "set_names.h"

struct mg_image;
struct mg_making;
struct mg_option;

/**
 * Call @visit with each place in an entry where a set is named, matches first.
 * Returns what it returned first that was not 0.
 */
int mg_set_rules_each(const struct mg_family_ops *ops, const void *entry,
		      int (*visit)(void *context, struct xt_set_info *info), void *context);

/** May this element name a set? Quick, for the many that do not. */
static inline bool mg_names_set(const char *element)
{
	return (element[0] == 's' || element[0] == 'S') &&
	       (element[1] == 'e' || element[1] == 'E') &&
	       (element[2] == 't' || element[2] == 'T') && !element[3];
}

/**
 * Behind the fence: read an option whose value is the name of a set ("--match-set",
 * "--set", "--add-set", "--del-set", "--map-set"), and the word of directions
 * behind it. Returns false for any other one.
 * @owner: as in mg_making
 */
bool mg_making_set_option(struct mg_making *making, const struct mg_option *option,
			  const char *value, int owner);

/**
 * Behind the fence: print the options of a match or a target to stdout, as the
 * plugin would, but for the ".N" of sets of ours. Returns false for what is the plugin's.
 */
bool mg_print_set_match(const struct xt_entry_match *match);
bool mg_print_set_target(const struct xt_entry_target *target);

/** From now on print names as the kernel has them, with their ".N", or no more. */
void mg_print_set_whole(bool whole);

/**
 * A table as the kernel gave it: put numbers for its indices. Those that have
 * no name any more stay.
 * Returns 0 or -ENOMEM.
 */
int mg_set_rules_learn(struct mg_image *image);

/** A name that stands for another set of the kernel: "mg4-office" for "mg4-office.7". */
struct mg_set_alias {
	const char *name, *kernel;
};

struct mg_set_aliases {
	const struct mg_set_alias *items;
	size_t count;
};

/** Binding the rules of one write, which has one family. Zero-initialise; end with
 * mg_set_binding_end(). */
struct mg_set_binding {
	const struct mg_set_aliases *aliases; /* NULL: each name stands for itself */
	/* makes a set that is missing, as a trial does; NULL: that is an error. 0 or -errno. */
	int (*make)(const char *name, enum mg_family family);
	int fd;		   /* + 1; 0: not open yet */
	uint16_t *indices; /* by number; IPSET_INVALID_ID: not known yet */
	size_t count;
	char missing[MG_SET_NAME_SIZE]; /* after -ENOENT */
	bool is_other_family;		/* after -ENOENT: it is there, for the other one */
};

/**
 * Put the kernel's indices into an entry, which is a copy.
 * Returns 0; -ENOENT where a set is missing; -ENOMEM or -errno.
 */
int mg_set_bind(struct mg_set_binding *binding, const struct mg_family_ops *ops, void *entry);

/** Only ask: is the set there that this number stands for? As mg_set_bind(). */
int mg_set_bind_number(struct mg_set_binding *binding, const struct mg_family_ops *ops,
		       uint16_t number);
void mg_set_binding_end(struct mg_set_binding *binding);

/** What iptables would say about a set that mg_set_bind() missed. */
int mg_set_missing(const struct mg_set_binding *binding, const struct mg_family_ops *ops,
		   struct mg_error *error);

#endif
