/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What ipset.c and ipset_list.c share; nobody else includes it.
 */
#ifndef MG_IPSET_INNER_H
#define MG_IPSET_INNER_H

#include <libipset/ipset.h>
#include <libipset/session.h>
#include <libipset/types.h>

#include "ipset.h"

struct mg_ipset {
	struct ipset_session *session;
	char *text; /* what the session has printed; ended by NUL if there is any */
	size_t length, capacity;
	bool is_out_of_memory;
};

/** Describe why a command about @name failed. Returns -EIO. */
int mg_ipset_fail(const struct mg_ipset *ipset, const char *doing, const char *name,
		  struct mg_error *error);

/** Forget what has been printed, and what a command before had to say. */
void mg_ipset_begin(struct mg_ipset *ipset);

#endif
