/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's address sets of the network namespace that the process is in,
 * through libipset: hash:ip and hash:net are made, filled, exchanged and taken
 * away; all are listed.
 *
 * A session holds a socket, and belongs to the process and the namespace in
 * which it was opened: open it where it is needed, close it soon. Errors are
 * libipset's words, with MG_KERNEL. Nothing is printed.
 */
#ifndef MG_IPSET_H
#define MG_IPSET_H

#include <moongate.h>

#include "ruleset/sets.h"

struct mg_ipset;

int mg_ipset_open(struct mg_ipset **out, struct mg_error *error);
void mg_ipset_close(struct mg_ipset *ipset);

/** A set as the kernel has it. */
struct mg_ipset_header {
	char name[MG_SET_NAME_SIZE];
	char type[MG_SET_NAME_SIZE]; /* "hash:net" */
	bool has_family;	     /* else @family says nothing */
	enum mg_family family;
	uint32_t references, count; /* rules and sets that use it; members */
	bool has_options;	    /* timeouts and the like: it is none that Moongate made */
};

/**
 * Is there any set, as far as a quick look tells? It is a question that does
 * not load the kernel's module for it.
 */
bool mg_ipset_may_have_any(void);

/**
 * The headers of all sets, sorted by name.
 * @out: to be freed with free(3)
 */
int mg_ipset_headers(struct mg_ipset *ipset, struct mg_ipset_header **out, size_t *count,
		     struct mg_error *error);

/** The one of a name among those headers, or NULL. */
const struct mg_ipset_header *mg_ipset_find(const struct mg_ipset_header *headers, size_t count,
					    const char *name);

/**
 * The members of a hash:ip or hash:net set, in the order that they have in a
 * struct mg_sets. Needs no session.
 * @set:  of which name and family are needed
 * @out:  to be freed with free(3)
 * @odd:  is there one that is more than an address: an exception ("nomatch"), say?
 *        Such an exception is not among the members.
 */
int mg_ipset_members(const struct mg_ipset_header *set, struct mg_set_member **out, uint32_t *count,
		     bool *odd, struct mg_error *error);

/**
 * Make a set with these members. One that cannot be filled is taken away again.
 * @type: "hash:ip" or "hash:net"
 */
int mg_ipset_make(struct mg_ipset *ipset, const char *name, const char *type, enum mg_family family,
		  const struct mg_set_member *members, uint32_t count, struct mg_error *error);

/** Two sets of one type and family exchange their members; rules stay with the names. */
int mg_ipset_swap(struct mg_ipset *ipset, const char *one, const char *other,
		  struct mg_error *error);

/** Fails if a rule uses it. */
int mg_ipset_destroy(struct mg_ipset *ipset, const char *name, struct mg_error *error);

/**
 * Sets of any type as `ipset save` prints them, and, where one is a list of sets,
 * all that there are.
 * @names: ended by NULL
 * @out:   to be freed with free(3)
 */
int mg_ipset_save_text(const char *const *names, char **out, struct mg_error *error);

/** Make the sets that such a text tells of, in a session of its own. 0 or -errno. */
int mg_ipset_read_text(const char *text);

/** For a trial, in a session of its own: make an empty set that any rule may name. 0 or -errno. */
int mg_ipset_make_empty(const char *name, enum mg_family family);

#endif
