/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What --json prints: one document a run, on one line, as moongate-json(5) and
 * moongate.schema.json describe it. A member that is added, renamed or taken
 * away here is so there too; a spec compares.
 */
#ifndef MG_CLI_JSON_DOCUMENT_H
#define MG_CLI_JSON_DOCUMENT_H

#include <jansson.h>

#include "options.h"

/** Raised when a member goes or changes its meaning, not when one is added. */
enum { DOCUMENT_FORMAT = 1 };

/**
 * A document being made. Zero-initialise; end_run() ends it. Failures
 * (there is but one, lack of memory) add up in @failed, so that what makes a
 * document need not look at every member.
 */
struct document {
	json_t *content; /* an object: the members of its command; NULL: none yet */
	bool failed;
};

/** Add a member to @object, or an element to @array; takes over @value, which may be NULL. */
void put(struct document *document, json_t *object, const char *key, json_t *value);
void put_element(struct document *document, json_t *array, json_t *value);

/** A number as JSON has it: what is above 2^63 - 1 is that. */
json_t *json_count(uint64_t count);

/**
 * @text as a JSON string; null for NULL. Each byte that is no part of valid
 * UTF-8 becomes U+FFFD: a comment in a rule may hold any bytes.
 */
json_t *json_text(const char *text);

/** RFC 3339, UTC: hosts of a fleet are in more than one zone. */
json_t *json_time(int64_t seconds);

/** "ipv4" or "ipv6"; an array of them, of bits as in struct mg_request. */
json_t *json_family(enum mg_family family);
json_t *json_families(struct document *document, unsigned int families);

/** "file:line helper" as an object with these members; null for "" and NULL. */
json_t *json_origin(struct document *document, const char *origin);

/** The members of each command. Return 0 or what the engine returned. */
int json_plan(const struct options *options, struct mg_engine *engine, struct document *document,
	      struct mg_error *error);
int json_show(const struct options *options, struct mg_engine *engine, struct document *document,
	      struct mg_error *error);
int json_history(const struct options *options, struct mg_engine *engine, struct document *document,
		 struct mg_error *error);
void json_status(const struct mg_engine *engine, const struct mg_report *report,
		 struct document *document);

/**
 * The end of a command that has --json: print notes and error, with --json the
 * document, too; free its content, and close the engine.
 * @engine: NULL if it could not be opened
 * @error:  why there is nothing to show; NULL if there is
 * @code:   the exit status if there is no error
 * Returns the exit status.
 */
int end_run(const struct options *options, const char *command, struct mg_engine *engine,
	    struct document *document, const struct mg_error *error, int code);

#endif
