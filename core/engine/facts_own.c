/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The administrator's own facts: any JSON but null, as plain data.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "facts_json.h"

enum { DEEPEST = 32 };

/* What is being read: a list or table, its next element, and how deep it lies. */
struct place {
	struct mg_fact *fact;
	size_t next;
	unsigned int depth;
};

static int read_value(struct mg_facts_reading *reading, const json_t *value, struct mg_fact *fact,
		      unsigned int depth);

static int read_item(struct mg_facts_reading *reading, const json_t *value, void *into)
{
	struct place *place = into;

	return read_value(reading, value, &place->fact->items[place->next++], place->depth + 1);
}

static int copy_text(struct mg_facts_reading *reading, const char *text, char **out)
{
	*out = strdup(text);
	return *out ? 0 : mg_facts_no_memory(reading);
}

static int copy_keys(struct mg_facts_reading *reading, const json_t *object, struct mg_fact *fact)
{
	const char *key;
	json_t *item;
	size_t i = 0;
	int err = 0;

	json_object_foreach((json_t *)object, key, item)
	{
		if (!err)
			err = copy_text(reading, key, &fact->items[i++].key);
	}
	return err;
}

static int read_items(struct mg_facts_reading *reading, const json_t *value, struct mg_fact *fact,
		      unsigned int depth)
{
	const bool table = json_is_object(value);
	const size_t count = table ? json_object_size(value) : json_array_size(value);
	struct place place = { .fact = fact, .depth = depth };
	int err = 0;

	if (depth >= DEEPEST)
		return mg_facts_wrong(reading, "facts in facts, more than %d deep", DEEPEST);
	fact->kind = table ? MG_FACT_TABLE : MG_FACT_LIST;
	if (!count)
		return 0;
	fact->items = calloc(count, sizeof(*fact->items));
	if (!fact->items)
		return mg_facts_no_memory(reading);
	fact->count = count;
	if (!table)
		return mg_facts_read_list(reading, value, "a list", read_item, &place);
	err = copy_keys(reading, value, fact);
	return err ? err : mg_facts_read_each(reading, value, read_item, &place);
}

/* @fact is zero but for its key. */
static int read_value(struct mg_facts_reading *reading, const json_t *value, struct mg_fact *fact,
		      unsigned int depth)
{
	switch (json_typeof(value)) {
	case JSON_TRUE:
	case JSON_FALSE:
		fact->kind = MG_FACT_BOOLEAN;
		fact->boolean = json_is_true(value);
		return 0;
	case JSON_INTEGER:
		fact->kind = MG_FACT_INTEGER;
		fact->integer = json_integer_value(value);
		return 0;
	case JSON_REAL:
		fact->kind = MG_FACT_NUMBER;
		fact->number = json_real_value(value);
		return 0;
	case JSON_STRING:
		fact->kind = MG_FACT_TEXT;
		return copy_text(reading, json_string_value(value), &fact->text);
	case JSON_OBJECT:
	case JSON_ARRAY: return read_items(reading, value, fact, depth);
	case JSON_NULL: break;
	}
	return mg_facts_wrong(reading, "null says nothing: leave the key out");
}

int mg_facts_read_own(struct mg_facts_reading *reading, const json_t *value, void *into)
{
	if (!json_is_object(value))
		return mg_facts_wrong_type(reading, value, "an object");
	return read_value(reading, value, into, 0);
}
