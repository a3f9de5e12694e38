/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a policy wants, or what is live, as text for iptables-restore(8), for a
 * host that has no Moongate.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "live_text.h"
#include "ruleset/failure.h"
#include "ruleset/keep.h"
#include "ruleset/restore_limits.h"
#include "ruleset/save_text.h"
#include "ruleset/set_text.h"

static bool is_plain(const char *name)
{
	for (; *name; name++)
		if (iscntrl((unsigned char)*name))
			return false;
	return true;
}

/* The host, if its name can stand in a line. */
static const char *host_name(const struct mg_engine *engine)
{
	return is_plain(engine->host->name) ? engine->host->name : "";
}

/* Comment lines for the sets that have to be there first; "" if there are none. */
static int name_sets(const struct mg_engine *engine, enum mg_family family, char **out,
		     struct mg_error *error)
{
	const struct mg_sets *sets = mg_ruleset_sets_const(engine->ruleset);
	struct mg_set_view set;
	size_t size;
	uint32_t i;
	bool any = false;
	FILE *file = open_memstream(out, &size);

	if (!file)
		return mg_engine_no_memory(error);
	for (i = 0; i < mg_sets_count(sets); i++) {
		mg_sets_at(sets, i, &set);
		if (set.family != family)
			continue;
		if (!any)
			fputs("# sets that have to be there first, for `ipset restore' from "
			      "`moongate export --sets':\n",
			      file);
		fprintf(file, "#   %s\n", set.name);
		any = true;
	}
	return fclose(file) ? mg_engine_no_memory(error) : 0;
}

/* Put the header in front of @text, which is given away. */
static int add_header(const struct mg_engine *engine, enum mg_family family, char *text, char **out,
		      struct mg_error *error)
{
	const char *policy = strrchr(engine->request.policy, '/');
	const char *host = host_name(engine);
	char *sets = NULL;
	int done, err = name_sets(engine, family, &sets, error);

	if (err) {
		free(text);
		return err;
	}
	done = asprintf(out,
			"# %s rules%s%s, made by Moongate %s from %s\n"
			"# %s-restore replaces the tables below with them; \"#@\" says who "
			"made the next rule\n%s%s",
			family == MG_IPV4 ? "IPv4" : "IPv6", *host ? " of " : "", host, MG_VERSION,
			policy ? policy + 1 : engine->request.policy,
			family == MG_IPV4 ? "iptables" : "ip6tables", sets, text);
	free(sets);
	free(text);
	return done < 0 ? mg_engine_no_memory(error) : 0;
}

/* iptables-restore knows nothing of what is kept. */
static int warn_of_kept(struct mg_engine *engine, struct mg_error *error)
{
	if (!mg_ruleset_keep_count(engine->ruleset) ||
	    !mg_note(&engine->notes, MG_WARNING, NULL,
		     "`moongate apply` there, or loading it before the others put theirs in",
		     "the text has none of the rules of other software that the policy keeps: "
		     "where it is loaded into their tables, they are gone"))
		return 0;
	return mg_engine_no_memory(error);
}

static int export(struct mg_engine *engine, enum mg_family family, bool counted, char **out,
		  struct mg_error *error)
{
	char *text = NULL;
	int err = mg_plan_check_text(engine->plan, error);

	if (!err)
		err = warn_of_kept(engine, error);
	if (!err && counted)
		err = mg_plan_counted_text(engine->plan, family, &text, error);
	else if (!err)
		err = mg_plan_text(engine->plan, family, &text, error);
	if (!err && text)
		err = mg_restore_limits_check(text, error);
	if (err) {
		free(text);
		return err;
	}
	*out = NULL;
	return text ? add_header(engine, family, text, out, error) : 0;
}

int mg_engine_export(struct mg_engine *engine, enum mg_family family, char **out,
		     struct mg_error *error)
{
	if (!engine->plan)
		return mg_engine_too_early("mg_engine_export", "mg_engine_check", error);
	return export(engine, family, false, out, error);
}

int mg_engine_export_counted(struct mg_engine *engine, enum mg_family family, char **out,
			     struct mg_error *error)
{
	if (!engine->plan)
		return mg_engine_too_early("mg_engine_export_counted", "mg_engine_check", error);
	return export(engine, family, true, out, error);
}

/* One live table; @named: it was asked for, so it is written down even where it does not exist. */
static int write_live(FILE *out, enum mg_family family, const char *table, bool named,
		      bool counters, struct mg_error *error)
{
	struct mg_image *image;
	int err = mg_table_read(family, table, &image, error);

	if (err)
		return err;
	if (named || !image->absent)
		err = mg_live_text(out, image, counters, false, error);
	mg_image_free(image);
	return err;
}

static int write_all_live(struct mg_engine *engine, enum mg_family family, const char *table,
			  bool counters, FILE *out, struct mg_error *error)
{
	const char *host = host_name(engine), *const * name;
	int err = 0;

	fprintf(out, "# %s rules%s%s as they are live, printed by Moongate %s\n",
		family == MG_IPV4 ? "IPv4" : "IPv6", *host ? " of " : "", host, MG_VERSION);
	if (table)
		return write_live(out, family, table, true, counters, error);
	for (name = mg_commit_order; *name && !err; name++) {
		if (mg_engine_is_worth_reading(engine, family, *name, NULL, "name the one to write",
					       &err))
			err = write_live(out, family, *name, false, counters, error);
		else if (err)
			return mg_engine_no_memory(error);
	}
	return err;
}

int mg_engine_export_live(struct mg_engine *engine, enum mg_family family, const char *table,
			  bool counters, char **out, struct mg_error *error)
{
	char *text = NULL;
	size_t length;
	FILE *stream;
	int err = table ? mg_engine_check_table(table, error) : 0;

	if (err)
		return err;
	stream = open_memstream(&text, &length);
	if (!stream)
		return mg_engine_no_memory(error);
	err = write_all_live(engine, family, table, counters, stream, error);
	if (fclose(stream) && !err)
		err = mg_engine_no_memory(error);
	if (err)
		free(text);
	else
		*out = text;
	return err;
}

int mg_engine_export_sets(struct mg_engine *engine, enum mg_family family, char **out,
			  struct mg_error *error)
{
	if (!engine->plan)
		return mg_engine_too_early("mg_engine_export_sets", "mg_engine_check", error);
	*out = NULL;
	if (!(engine->families & 1U << family))
		return 0;
	return mg_set_text_write(mg_ruleset_sets_const(engine->ruleset), family, out, error);
}
