/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The files that are imported: which family each is of.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "importing.h"
#include "ruleset/failure.h"

/* What the name of a file tells: "/etc/sysconfig/ip6tables", "rules.v6". */
static enum mg_family family_of_name(const char *name)
{
	const char *slash = strrchr(name, '/');

	if (slash)
		name = slash + 1;
	return strstr(name, "ip6") || strstr(name, "v6") ? MG_IPV6 : MG_FAMILIES;
}

static enum mg_family told_family(const struct mg_import_text *text)
{
	enum mg_family family;

	if (text->family)
		return text->family & 1U << MG_IPV4 ? MG_IPV4 : MG_IPV6;
	family = mg_dump_family(text->text, text->length);
	return family == MG_FAMILIES ? family_of_name(text->name) : family;
}

/* The family of text @i. Where nothing tells, it is what the other text is not. */
static enum mg_family family_of(const struct mg_import *import, size_t i)
{
	const enum mg_family family = told_family(&import->texts[i]);
	enum mg_family other;

	if (family != MG_FAMILIES)
		return family;
	if (import->count != 2)
		return MG_IPV4;
	other = told_family(&import->texts[1 - i]);
	if (other == MG_FAMILIES)
		return i ? MG_IPV6 : MG_IPV4;
	return other == MG_IPV4 ? MG_IPV6 : MG_IPV4;
}

int mg_rules_read_texts(struct mg_rules_read *read, const struct mg_import *import,
			struct mg_error *error)
{
	size_t i;
	int err = mg_rules_begin(read, error);

	for (i = 0; i < import->count && !err; i++) {
		const struct mg_import_text *text = &import->texts[i];
		const enum mg_family family = family_of(import, i);

		if (read->families & 1U << family)
			return mg_fail(error, -EINVAL, MG_INVALID,
				       "%s: these are %s rules, as those before: give one file "
				       "of each family",
				       text->name, mg_family_ops(family)->name);
		snprintf(read->source + strlen(read->source),
			 sizeof(read->source) - strlen(read->source), "%s%s", i ? " and " : "",
			 text->name);
		err = mg_rules_read_text(read, text->name, family, text->text, text->length, error);
	}
	return err ? err : mg_rules_end(read, error);
}
