/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names and the addresses that they had when they were looked up, as the lock
 * file beside a policy keeps them: text, for people and version control. A line
 * has a name and its addresses, parted by blanks; what follows a # is a comment.
 *
 * Must not look anything up, know Lua, print or exit.
 */
#ifndef MG_RESOLVED_H
#define MG_RESOLVED_H

#include <arpa/inet.h>
#include <moongate.h>

struct mg_resolved_address {
	enum mg_family family;
	unsigned char bytes[16]; /* in network order; IPv4 has 4, and zeros */
};

struct mg_resolved_name {
	char *name; /* in lower case, no dot at its end */
	struct mg_resolved_address *addresses;
	size_t count, capacity;
	bool asked; /* for whoever keeps the list */
};

/** Zero-initialise; end with mg_resolved_clear(). */
struct mg_resolved {
	struct mg_resolved_name *names;
	size_t count, capacity;
};

/** Free what it holds. */
void mg_resolved_clear(struct mg_resolved *resolved);

/** The entry of a name, or NULL. It moves when a name is added. */
struct mg_resolved_name *mg_resolved_find(const struct mg_resolved *resolved, const char *name);

/** The entry of a name, which is made if need be; NULL without memory. */
struct mg_resolved_name *mg_resolved_add(struct mg_resolved *resolved, const char *name);

/** Add an address to an entry, unless it is there; they stay in order. Returns 0 or -ENOMEM. */
int mg_resolved_add_address(struct mg_resolved_name *name, enum mg_family family,
			    const void *bytes);

/** Does the entry have that address? */
bool mg_resolved_has(const struct mg_resolved_name *name,
		     const struct mg_resolved_address *address);

/** An address as text. */
const char *mg_resolved_text(const struct mg_resolved_address *address,
			     char text[INET6_ADDRSTRLEN]);

/**
 * Read the text of a lock file.
 * @file: its name, for words
 * Errors: MG_INVALID, "FILE:LINE: " and what kind of mistake it is, without a
 * word of what is there; MG_ENVIRONMENT.
 */
int mg_resolved_parse(const char *file, const char *text, size_t length,
		      struct mg_resolved *resolved, struct mg_error *error);

/** Sort it by name. */
void mg_resolved_sort(struct mg_resolved *resolved);

/**
 * The text of a lock file, sorted by name. The same names and addresses give
 * the same text.
 * @policy: the name of the policy's file, for a comment
 * @out:    to be freed
 * Returns 0 or -ENOMEM.
 */
int mg_resolved_write(struct mg_resolved *resolved, const char *policy, char **out);

#endif
