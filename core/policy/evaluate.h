/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A policy is a Lua file; evaluated, it is a ruleset.
 *
 * Each evaluation has a Lua state of its own, in which there is the policy
 * language and the safe part of the standard library: no files, no programs,
 * no clock, no bytecode. Must not be able to reach the live tables.
 */
#ifndef MG_EVALUATE_H
#define MG_EVALUATE_H

#include "resolved.h"
#include "ruleset/host.h"
#include "ruleset/ruleset.h"
#include "sources.h"

/** Where the addresses of names come from; a policy has no network. */
struct mg_name_source {
	/**
	 * @name:  in lower case
	 * @out:   its addresses, valid until the next call
	 * Errors: in words that stand behind the name
	 */
	int (*find)(void *context, const char *name, const struct mg_resolved_name **out,
		    struct mg_error *error);
	void *context;
};

struct mg_evaluation {
	const char *path;	    /* of the policy file */
	const char *text;	    /* what it says; NULL: it is to be read */
	size_t length;		    /* of the text */
	const char *language;	    /* folder in which moongate/language.lua lies */
	const struct mg_host *host; /* the facts; NULL: none are known */
	/* through which all files are read, and where use() looks for modules; NULL: nowhere */
	struct mg_sources *sources;
	const struct mg_name_source *names; /* NULL: there are none */
	/* bits 1 << MG_IPV4, 1 << MG_IPV6: those that a set of this name can hold addresses of;
	 * NULL: nothing is known about sets */
	unsigned int (*set_families)(const char *name);
};

enum { MG_HOW_CONFINED = 160 };

/**
 * Evaluate a policy.
 * @out:   the ruleset, sealed
 * @notes: what the policy's helpers had to say
 * Errors: MG_INVALID, beginning with "FILE:LINE: " where the policy is at
 * fault; MG_ENVIRONMENT where the language is not installed or memory lacks.
 */
int mg_policy_evaluate(const struct mg_evaluation *evaluation, struct mg_ruleset **out,
		       struct mg_notes *notes, struct mg_error *error);

/**
 * The same in a child without any rights.
 * @seconds: of processor time; 0: the usual. On a busy host less will do, soon after that
 *           has passed; waiting for names does not count.
 * @how:     it was confined, in words; "" if it did not come so far
 * Errors: also MG_INVALID where the policy takes too long, crashes, or tries
 * what is forbidden; MG_ENVIRONMENT where it cannot be confined.
 */
int mg_policy_evaluate_confined(const struct mg_evaluation *evaluation, double seconds,
				char how[MG_HOW_CONFINED], struct mg_ruleset **out,
				struct mg_notes *notes, struct mg_error *error);

#endif
