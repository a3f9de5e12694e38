/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parts that all documents have.
 */
#include "json_document.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "json_text.h"
#include "origin.h"
#include "output.h"

void put(struct document *document, json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new_nocheck(object, key, value))
		document->failed = true;
}

void put_element(struct document *document, json_t *array, json_t *value)
{
	if (json_array_append_new(array, value))
		document->failed = true;
}

json_t *json_count(uint64_t count)
{
	return json_integer(count > INT64_MAX ? INT64_MAX : (json_int_t)count);
}

json_t *json_text(const char *text)
{
	return text ? json_text_of(text, strlen(text)) : json_null();
}

json_t *json_family(enum mg_family family)
{
	return json_string(family == MG_IPV4 ? "ipv4" : "ipv6");
}

json_t *json_families(struct document *document, unsigned int families)
{
	json_t *array = json_array();
	int family;

	for (family = 0; family < MG_FAMILIES; family++)
		if (families & 1U << family)
			put_element(document, array, json_family((enum mg_family)family));
	return array;
}

/* What "file:line" tells, into @object. */
static void put_place(struct document *document, json_t *object, const struct origin *origin)
{
	put(document, object, "file",
	    origin->file ? json_text_of(origin->file, origin->file_length) : json_null());
	put(document, object, "line", origin->file ? json_integer(origin->line) : json_null());
}

json_t *json_origin(struct document *document, const char *text)
{
	struct origin origin;
	json_t *object;

	if (!text || !*text)
		return json_null();
	origin = split_origin(text);
	object = json_object();
	put_place(document, object, &origin);
	put(document, object, "helper", json_text(origin.helper));
	return object;
}

static json_t *json_place(struct document *document, const char *text)
{
	const struct origin origin = split_origin(text ? text : "");
	json_t *object;

	if (!origin.file)
		return json_null();
	object = json_object();
	put_place(document, object, &origin);
	return object;
}

static json_t *json_notes(struct document *document, const struct mg_notes *notes)
{
	static const char *const severities[] = {
		[MG_INFO] = "info",
		[MG_WARNING] = "warning",
		[MG_REFUSAL] = "refusal",
	};
	json_t *array = json_array();
	size_t i;

	for (i = 0; notes && i < notes->count; i++) {
		const struct mg_note *note = &notes->items[i];
		json_t *object = json_object();

		put(document, object, "severity", json_string(severities[note->severity]));
		put(document, object, "place", json_place(document, note->place));
		put(document, object, "text", json_text(note->text));
		put(document, object, "remedy", json_text(note->remedy));
		put_element(document, array, object);
	}
	return array;
}

json_t *json_time(int64_t seconds)
{
	const time_t time = (time_t)seconds;
	char text[64];
	struct tm utc;

	if (!gmtime_r(&time, &utc) || !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc))
		return json_null();
	return json_text(text);
}

static const char *status_name(enum mg_status status)
{
	switch (status) {
	case MG_INVALID: return "invalid";
	case MG_ROLLED_BACK: return "rolled-back";
	case MG_BUSY: return "busy";
	case MG_UNSAFE: return "unsafe";
	case MG_KERNEL: return "kernel";
	case MG_STATE_UNKNOWN: return "state-unknown";
	case MG_USAGE: return "usage";
	default: return "environment";
	}
}

static json_t *json_error(struct document *document, const struct mg_error *error)
{
	json_t *object = json_object();

	put(document, object, "status", json_integer(error->status));
	put(document, object, "code", json_string(status_name(error->status)));
	put(document, object, "text", json_text(error->text));
	return object;
}

/* Returns @code, which the document tells, or MG_ENVIRONMENT. */
static int print_document(struct document *document, const char *command,
			  const struct mg_engine *engine, const struct mg_error *error, int code)
{
	json_t *root = json_object();

	put(document, root, "format", json_integer(DOCUMENT_FORMAT));
	put(document, root, "version", json_string(MG_VERSION));
	put(document, root, "command", json_string(command));
	put(document, root, "exit", json_integer(code));
	if (error)
		put(document, root, "error", json_error(document, error));
	else if (json_object_update(root, document->content))
		document->failed = true;
	put(document, root, "notes", json_notes(document, engine ? mg_engine_notes(engine) : NULL));
	/* what cannot be written because of the disk is for finish_output() to tell */
	if (document->failed || (json_dumpf(root, stdout, JSON_COMPACT) && !ferror(stdout))) {
		fprintf(stderr, "moongate: out of memory for a JSON document\n");
		code = MG_ENVIRONMENT;
	} else {
		putchar('\n');
	}
	json_decref(root);
	json_decref(document->content);
	*document = (struct document){ 0 };
	return code;
}

int end_run(const struct options *options, const char *command, struct mg_engine *engine,
	    struct document *document, const struct mg_error *error, int code)
{
	if (engine)
		print_notes(options, mg_engine_notes(engine), 0);
	if (error)
		code = print_error(error);
	if (options->json)
		code = print_document(document, command, engine, error, code);
	mg_engine_close(engine);
	return code;
}
