/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Going through a strict JSON file, with errors that name the path of the
 * value. For facts_read.c and facts_own.c.
 */
#ifndef MG_ENGINE_FACTS_JSON_H
#define MG_ENGINE_FACTS_JSON_H

#include <jansson.h>

#include "ruleset/host.h"

/** Where reading is. */
struct mg_facts_reading {
	const char *file;
	char path[256]; /* "interfaces[0].up"; one that is longer is cut */
	struct mg_error *error;
};

/** Reads a value, the path being at it already, into what the caller gave. Returns 0 or -errno. */
typedef int mg_facts_reader(struct mg_facts_reading *reading, const json_t *value, void *into);

/** A known key of an object, and who reads its value. */
struct mg_facts_field {
	const char *key;
	mg_facts_reader *read;
};

/** Say what is wrong at the path; returns -EINVAL. */
int mg_facts_wrong(struct mg_facts_reading *reading, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/** Say that @what is needed, and not a value of this type; returns -EINVAL. */
int mg_facts_wrong_type(struct mg_facts_reading *reading, const json_t *value, const char *what);

/** Returns -ENOMEM. */
int mg_facts_no_memory(struct mg_facts_reading *reading);

/**
 * Read an object whose keys are all known.
 * @remedy: what to say of a key that is like none of them; or ""
 */
int mg_facts_read_object(struct mg_facts_reading *reading, const json_t *value,
			 const struct mg_facts_field *fields, size_t count, const char *remedy,
			 void *into);

/** Read each value of an object, whatever its key. */
int mg_facts_read_each(struct mg_facts_reading *reading, const json_t *value, mg_facts_reader *read,
		       void *into);

/** Read each element of a list. @what: "a list of addresses" */
int mg_facts_read_list(struct mg_facts_reading *reading, const json_t *value, const char *what,
		       mg_facts_reader *read, void *into);

/** The administrator's own facts, into a struct mg_fact: any value but null, not too deep. */
mg_facts_reader mg_facts_read_own;

#endif
