/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See boot_text.h.
 */
#include "boot_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "netfilter/family.h"
#include "ruleset/failure.h"
#include "ruleset/restore_limits.h"
#include "ruleset/rule_names.h"
#include "ruleset/save_text.h"

struct writing {
	FILE *out;
	const struct mg_ruleset *ruleset; /* the text, read; NULL: it keeps nothing */
	enum mg_family family;
	char table[64];
	char *declared; /* chains of this table that were declared here: "NAME " */
};

static int no_memory(struct mg_error *error)
{
	return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for a text");
}

static void print_header(FILE *out, const struct mg_generation *generation, const char *what)
{
	fprintf(out,
		MG_BOOT_TEXT_MARK
		"%s of generation %u, written by Moongate %s at its confirmation\n"
		"# and replaced with the next one: edit the policy, not this file\n",
		what, generation->number, MG_VERSION);
}

static bool is_declared(const struct writing *writing, const char *chain)
{
	const size_t length = strlen(chain);
	const char *at = writing->declared;

	for (; at && *at; at += strcspn(at, " ") + 1)
		if (strncmp(at, chain, length) == 0 && at[length] == ' ')
			return true;
	return false;
}

/* Docker makes its chains when it starts, which is later, and takes those that are there. */
static int declare(struct writing *writing, const char *chain)
{
	char *grown;

	if (mg_ruleset_find_chain(writing->ruleset, writing->family, writing->table, chain) !=
		    UINT32_MAX ||
	    mg_ruleset_kept_by(writing->ruleset, MG_KEEP_CHAINS, chain) == UINT32_MAX ||
	    is_declared(writing, chain))
		return 0;
	if (asprintf(&grown, "%s%s ", writing->declared ? writing->declared : "", chain) < 0)
		return -ENOMEM;
	free(writing->declared);
	writing->declared = grown;
	fprintf(writing->out, ":%s - [0:0]\n", chain);
	return 0;
}

/* The chains that the rules of a table go to; @text: behind its line "*NAME" */
static int declare_kept(struct writing *writing, const char *text)
{
	struct mg_rule_name name;
	int err = 0;

	free(writing->declared);
	writing->declared = NULL;
	for (; !err && *text && strncmp(text, "COMMIT\n", 7) != 0;
	     text += strcspn(text, "\n"), text += *text == '\n') {
		char *rule = strncmp(text, "-A ", 3) == 0 ? strndup(text, strcspn(text, "\n"))
							  : NULL;
		const char *at = rule;

		while (!err && at && (at = mg_rule_next_name(at, &name)))
			err = name.is_set ? 0 : declare(writing, name.text);
		free(rule);
	}
	return err;
}

static int write_lines(struct writing *writing, const char *text)
{
	int err = 0;

	while (*text && !err) {
		const size_t length = strcspn(text, "\n");

		fprintf(writing->out, "%.*s\n", (int)length, text);
		if (*text == '*' && writing->ruleset) {
			snprintf(writing->table, sizeof(writing->table), "%.*s", (int)length - 1,
				 text + 1);
			err = declare_kept(writing, text + length + (text[length] == '\n'));
		}
		text += length;
		text += *text == '\n';
	}
	return err;
}

/* What the generation keeps is in its text; most keep nothing. */
static int read_kept(const struct mg_generation *generation, enum mg_family family,
		     struct mg_ruleset **out, struct mg_error *error)
{
	const char *text = generation->rules[family];
	int err;

	*out = NULL;
	if (!strstr(text, "#@keep "))
		return 0;
	err = mg_ruleset_new(out, error);
	if (!err)
		err = mg_save_read(*out, family, "a generation", text, strlen(text), error);
	return err ? err : mg_ruleset_seal(*out, error);
}

int mg_boot_text_rules(const struct mg_generation *generation, enum mg_family family, char **out,
		       struct mg_error *error)
{
	struct mg_ruleset *kept;
	struct writing writing = { .family = family };
	char *text = NULL;
	size_t size;
	int err = read_kept(generation, family, &kept, error);

	if (err)
		goto out;
	writing.ruleset = kept;
	writing.out = open_memstream(&text, &size);
	if (!writing.out) {
		err = no_memory(error);
		goto out;
	}
	print_header(writing.out, generation, family == MG_IPV4 ? "IPv4 rules" : "IPv6 rules");
	err = write_lines(&writing, generation->rules[family]);
	if (fclose(writing.out) || err)
		err = no_memory(error);
	if (!err)
		err = mg_restore_limits_check(text, error);
	if (err)
		free(text);
	else
		*out = text;
out:
	free(writing.declared);
	mg_ruleset_free(kept);
	return err;
}

int mg_boot_text_sets(const struct mg_generation *generation, char **out, struct mg_error *error)
{
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);
	int family;

	if (!stream)
		return no_memory(error);
	print_header(stream, generation, "sets");
	for (family = 0; family < MG_FAMILIES; family++)
		if (generation->sets[family])
			fputs(generation->sets[family], stream);
	if (fclose(stream)) {
		free(text);
		return no_memory(error);
	}
	*out = text;
	return 0;
}
