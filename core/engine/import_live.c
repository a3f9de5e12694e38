/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Importing what is live: the tables are written down as a dump first, so that
 * there is one way to read.
 */
#include <stdio.h>
#include <stdlib.h>

#include "importing.h"
#include "live_text.h"

/* The live tables of one family, as a dump. */
static int print_live(struct mg_engine *engine, enum mg_family family, FILE *out,
		      struct mg_error *error)
{
	const char *const *name;
	struct mg_image *image;
	int err = 0;

	for (name = mg_commit_order; *name && !err; name++) {
		const bool wanted = mg_engine_is_worth_reading(engine, family, *name,
							       "run it as root",
							       "only filter is read", &err);

		if (err)
			return mg_engine_no_memory(error);
		if (!wanted)
			continue;
		err = mg_table_read(family, *name, &image, error);
		if (err)
			break;
		err = mg_live_text(out, image, false, true, error);
		mg_image_free(image);
	}
	return err;
}

int mg_rules_read_live(struct mg_engine *engine, struct mg_rules_read *read, struct mg_error *error)
{
	static const char *const names[] = { "the live IPv4 rules", "the live IPv6 rules" };
	int family, err = mg_rules_begin(read, error);

	snprintf(read->source, sizeof(read->source), "the live tables");
	for (family = 0; family < MG_FAMILIES && !err; family++) {
		char *text = NULL;
		size_t length;
		FILE *out;

		if (!(engine->families & 1U << family))
			continue;
		out = open_memstream(&text, &length);
		if (!out)
			return mg_engine_no_memory(error);
		err = print_live(engine, (enum mg_family)family, out, error);
		if (fclose(out) && !err)
			err = mg_engine_no_memory(error);
		if (!err)
			err = mg_rules_read_text(read, names[family], (enum mg_family)family, text,
						 length, error);
		free(text);
	}
	return err ? err : mg_rules_end(read, error);
}
