/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Filling in struct mg_error and struct mg_notes.
 *
 * Owns nothing. Must not print or exit.
 */
#ifndef MG_RULESET_FAILURE_H
#define MG_RULESET_FAILURE_H

#include <moongate.h>

/** Describe a failure. @error may be NULL; see mg_fail(). */
void mg_set_error(struct mg_error *error, enum mg_status status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * Describe a failure and return it, so that a caller can write
 * `return mg_fail(error, -EINVAL, MG_INVALID, "...")`.
 * @error:  where to write, or NULL
 * @err:    a negative errno, without side effects; the value
 * @status: the class of the failure
 * Then a printf format of the sentence, no newline at its end. A macro, so
 * that analysers see that what is returned is no success.
 */
#define mg_fail(error, err, status, ...) (mg_set_error(error, status, __VA_ARGS__), (err))

/**
 * Put "prefix: " in front of what @error already says.
 */
void mg_error_prefix(struct mg_error *error, const char *prefix);

/**
 * Put the place of an origin ("file:line helper") and its helper in front:
 * "file:line: helper: ". An empty origin changes nothing.
 */
void mg_error_origin(struct mg_error *error, const char *origin);

/**
 * Append a note. @place and @remedy may be NULL; all strings are copied.
 * Returns 0 or -ENOMEM. A note equal to one that is there is not repeated.
 */
int mg_note(struct mg_notes *notes, enum mg_severity severity, const char *place,
	    const char *remedy, const char *format, ...) __attribute__((format(printf, 5, 6)));

#endif
