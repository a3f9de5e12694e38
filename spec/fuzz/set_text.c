/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reader of sets as text. What it takes it must write so that the same sets
 * come back; what it refuses it must say with the line.
 */
#include <string.h>

#include "input.h"
#include "ruleset/set_text.h"

static void write_and_read(const struct mg_sets *sets, enum mg_family family)
{
	struct mg_sets again = { 0 };
	struct mg_error error = { 0 };
	char *text = NULL;
	uint32_t i;

	PROMISE(mg_set_text_write(sets, family, &text, &error) == 0);
	PROMISE(!text == !mg_sets_count(sets));
	if (text)
		PROMISE(mg_set_text_read(&again, family, "again", text, strlen(text), &error) == 0);
	PROMISE(mg_sets_count(&again) == mg_sets_count(sets));
	for (i = 0; i < mg_sets_count(sets); i++) {
		struct mg_set_view one, other;

		mg_sets_at(sets, i, &one);
		mg_sets_at(&again, i, &other);
		PROMISE(strcmp(one.name, other.name) == 0);
		PROMISE(strcmp(one.type, other.type) == 0);
		PROMISE(strcmp(one.origin, other.origin) == 0);
		PROMISE(one.count == other.count);
		PROMISE(!one.count ||
			memcmp(one.members, other.members, one.count * sizeof(*one.members)) == 0);
	}
	mg_sets_clear(&again);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const enum mg_family family = size % 2 ? MG_IPV4 : MG_IPV6;
	struct mg_sets sets = { 0 };
	struct mg_error error = { 0 };
	char *exact = malloc(size ? size : 1); /* nothing lies behind it */

	PROMISE(exact);
	memcpy(exact, data, size);
	if (mg_set_text_read(&sets, family, "sets", exact, size, &error))
		PROMISE(strncmp(error.text, "sets:", 5) == 0);
	else
		write_and_read(&sets, family);
	mg_sets_clear(&sets);
	free(exact);
	return 0;
}
