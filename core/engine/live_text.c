/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A live table as text, see live_text.h.
 */
#include "live_text.h"

#include <errno.h>
#include <inttypes.h>

#include "netfilter/equal.h"
#include "netfilter/print.h"
#include "ruleset/failure.h"

static void print_counters(FILE *out, const struct xt_counters *counters)
{
	fprintf(out, "[%" PRIu64 ":%" PRIu64 "]", (uint64_t)counters->pcnt,
		(uint64_t)counters->bcnt);
}

static int refuse_rule(const struct mg_image *image, const struct mg_image_chain *chain,
		       uint32_t number, const char *text, struct mg_error *error)
{
	return mg_fail(error, -ENOENT, MG_ENVIRONMENT,
		       "%s, table %s, chain %s, rule %u: an extension that it uses is not "
		       "installed here, so it cannot be written down: %s",
		       mg_family_ops(image->family)->name, image->table, chain->name, number, text);
}

static int print_chain(FILE *out, const struct mg_image *image, const struct mg_image_chain *chain,
		       bool counters, bool lenient, struct mg_error *error)
{
	const struct mg_family_ops *ops = mg_family_ops(image->family);
	struct mg_entry_view view;
	const char *text;
	uint32_t i;
	int err;

	for (i = chain->first; i < chain->first + chain->count; i++) {
		err = mg_entry_live_text(ops, &image->entries[i], &text, error);
		if (err)
			return err;
		if (!mg_text_tells_all(text) && !lenient)
			return refuse_rule(image, chain, i - chain->first + 1, text, error);
		if (!mg_text_tells_all(text))
			fprintf(out, "An extension of this rule is not installed: ");
		if (counters) {
			ops->view((void *)image->entries[i].bytes, &view);
			print_counters(out, view.counters);
			putc(' ', out);
		}
		fprintf(out, "-A %s%s%s\n", chain->name, *text ? " " : "", text);
	}
	return 0;
}

int mg_live_text(FILE *out, const struct mg_image *image, bool counters, bool lenient,
		 struct mg_error *error)
{
	size_t i;
	int err = 0;

	fprintf(out, "*%s\n", image->table);
	for (i = 0; i < image->chain_count; i++) {
		fprintf(out, ":%s %s ", image->chains[i].name,
			image->chains[i].policy ? image->chains[i].policy : "-");
		print_counters(out, &image->chains[i].counters);
		putc('\n', out);
	}
	for (i = 0; i < image->chain_count && !err; i++)
		err = print_chain(out, image, &image->chains[i], counters, lenient, error);
	fprintf(out, "COMMIT\n");
	return err;
}
