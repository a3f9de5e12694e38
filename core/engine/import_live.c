/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Importing what is live: the tables are written down as a dump first, so that
 * there is one way to read.
 */
#include <stdio.h>
#include <stdlib.h>

#include "importing.h"
#include "netfilter/equal.h"
#include "netfilter/print.h"

/* A live table as the dump of it. */
static int print_table(FILE *out, const struct mg_image *image, struct mg_error *error)
{
	const struct mg_family_ops *ops = mg_family_ops(image->family);
	const char *text;
	uint32_t i;
	size_t c;
	int err;

	fprintf(out, "*%s\n", image->table);
	for (c = 0; c < image->chain_count; c++)
		fprintf(out, ":%s %s\n", image->chains[c].name,
			image->chains[c].policy ? image->chains[c].policy : "-");
	for (c = 0; c < image->chain_count; c++) {
		const struct mg_image_chain *chain = &image->chains[c];

		for (i = chain->first; i < chain->first + chain->count; i++) {
			err = mg_entry_text(ops, &image->entries[i], &text, error);
			if (err)
				return err;
			if (!mg_text_tells_all(text))
				fprintf(out, "An extension of this rule is not installed: ");
			fprintf(out, "-A %s %s\n", chain->name, text);
		}
	}
	fprintf(out, "COMMIT\n");
	return 0;
}

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
		err = print_table(out, image, error);
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
