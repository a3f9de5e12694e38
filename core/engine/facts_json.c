/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Objects and lists of a strict JSON file. See facts_json.h.
 */
#include "facts_json.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ruleset/failure.h"

enum { LONGEST_KEY = 60, MOST_FIELDS = 16 };

int mg_facts_wrong(struct mg_facts_reading *reading, const char *format, ...)
{
	char text[512];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	return mg_fail(reading->error, -EINVAL, MG_INVALID, "%s: %s%s%s", reading->file,
		       reading->path, *reading->path ? ": " : "", text);
}

static const char *type_name(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT: return "an object";
	case JSON_ARRAY: return "a list";
	case JSON_STRING: return "a string";
	case JSON_INTEGER:
	case JSON_REAL: return "a number";
	case JSON_TRUE: return "true";
	case JSON_FALSE: return "false";
	case JSON_NULL: break;
	}
	return "null";
}

int mg_facts_wrong_type(struct mg_facts_reading *reading, const json_t *value, const char *what)
{
	return mg_facts_wrong(reading, "%s is needed, not %s", what, type_name(value));
}

int mg_facts_no_memory(struct mg_facts_reading *reading)
{
	return mg_fail(reading->error, -ENOMEM, MG_ENVIRONMENT, "out of memory");
}

/* A key as it may stand in a message: short, and nothing for the terminal to obey. */
static void show_key(const char *key, char out[LONGEST_KEY + 4])
{
	size_t length = 0;

	for (; *key && length < LONGEST_KEY; key++)
		out[length++] = (char)(iscntrl((unsigned char)*key) ? '?' : *key);
	/* never half of an UTF-8 character */
	while (*key && length && ((unsigned char)*key & 0xC0) == 0x80)
		key = &out[--length];
	strcpy(out + length, *key ? "..." : "");
}

/* The path goes on by a key or an index. Returns where it was, for leave(). */
static size_t enter_key(struct mg_facts_reading *reading, const char *key)
{
	const size_t before = strlen(reading->path);
	char shown[LONGEST_KEY + 4];

	show_key(key, shown);
	snprintf(reading->path + before, sizeof(reading->path) - before, "%s%s", before ? "." : "",
		 shown);
	return before;
}

static size_t enter_index(struct mg_facts_reading *reading, size_t index)
{
	const size_t before = strlen(reading->path);

	snprintf(reading->path + before, sizeof(reading->path) - before, "[%zu]", index);
	return before;
}

static void leave(struct mg_facts_reading *reading, size_t before)
{
	reading->path[before] = '\0';
}

static int unknown_key(struct mg_facts_reading *reading, const char *key,
		       const struct mg_facts_field *fields, size_t count, const char *remedy)
{
	const char *names[MOST_FIELDS + 1] = { NULL }, *nearest;
	char shown[LONGEST_KEY + 4], known[256] = "";
	size_t i;

	show_key(key, shown);
	for (i = 0; i < count && i < MOST_FIELDS; i++) {
		names[i] = fields[i].key;
		strcat(known, i ? ", " : "");
		strcat(known, fields[i].key);
	}
	nearest = mg_nearest(key, names);
	if (nearest)
		return mg_facts_wrong(reading, "unknown key `%s': did you mean `%s'?", shown,
				      nearest);
	return mg_facts_wrong(reading, "unknown key `%s' (known are %s)%s", shown, known, remedy);
}

int mg_facts_read_object(struct mg_facts_reading *reading, const json_t *value,
			 const struct mg_facts_field *fields, size_t count, const char *remedy,
			 void *into)
{
	const char *key;
	json_t *item;
	int err = 0;

	if (!json_is_object(value))
		return mg_facts_wrong_type(reading, value, "an object");
	/* jansson's macro is for those who may change the object */
	json_object_foreach((json_t *)value, key, item)
	{
		size_t i = 0, before;

		while (i < count && strcmp(fields[i].key, key) != 0)
			i++;
		if (i == count)
			return unknown_key(reading, key, fields, count, remedy);
		before = enter_key(reading, key);
		err = fields[i].read(reading, item, into);
		if (err)
			return err;
		leave(reading, before);
	}
	return 0;
}

int mg_facts_read_each(struct mg_facts_reading *reading, const json_t *value, mg_facts_reader *read,
		       void *into)
{
	const char *key;
	json_t *item;

	json_object_foreach((json_t *)value, key, item)
	{
		const size_t before = enter_key(reading, key);
		int err = read(reading, item, into);

		if (err)
			return err;
		leave(reading, before);
	}
	return 0;
}

int mg_facts_read_list(struct mg_facts_reading *reading, const json_t *value, const char *what,
		       mg_facts_reader *read, void *into)
{
	size_t i;

	if (!json_is_array(value))
		return mg_facts_wrong_type(reading, value, what);
	for (i = 0; i < json_array_size(value); i++) {
		const size_t before = enter_index(reading, i);
		int err = read(reading, json_array_get(value, i), into);

		if (err)
			return err;
		leave(reading, before);
	}
	return 0;
}
