/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lines of `iptables -S`, read and written.
 */
#include "listing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compile.h"
#include "print.h"
#include "ruleset/failure.h"
#include "ruleset/growable.h"
#include "ruleset/save_text.h"

struct reading {
	enum mg_family family;
	const char *table;
	struct mg_ruleset *ruleset;
	struct mg_args args;
	char place[32]; /* "line:3" of the listing, as an origin */
};

static int no_memory(struct mg_error *error)
{
	return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for a list of rules");
}

void mg_listing_clear(struct mg_listing *listing)
{
	free(listing->lines);
	mg_arena_clear(&listing->arena);
	*listing = (struct mg_listing){ 0 };
}

int mg_listing_add(struct mg_listing *listing, const char *line, struct mg_error *error)
{
	const char *copy = mg_arena_string(&listing->arena, line);

	if (!copy || mg_make_room((void **)&listing->lines, &listing->capacity, listing->count + 1,
				  sizeof(*listing->lines)))
		return no_memory(error);
	listing->lines[listing->count++] = copy;
	return 0;
}

/* "-A CHAIN TEXT", or less where there is less. A chain may have any name, quotes in it too. */
static int add_words(struct mg_listing *listing, const char *option, const char *chain,
		     const char *rest, struct mg_error *error)
{
	char *line = NULL;
	size_t size;
	FILE *out = open_memstream(&line, &size);
	int err;

	if (!out)
		return no_memory(error);
	fprintf(out, "%s ", option);
	mg_arg_print(out, chain);
	fprintf(out, "%s%s", *rest ? " " : "", rest);
	err = fclose(out) ? no_memory(error) : mg_listing_add(listing, line, error);
	free(line);
	return err;
}

static int add_rules(const struct mg_image *image, const struct mg_image_chain *chain,
		     struct mg_listing *listing, struct mg_error *error)
{
	const char *text;
	uint32_t i;
	int err = 0;

	for (i = 0; i < chain->count && !err; i++) {
		err = mg_entry_text(mg_family_ops(image->family), &image->entries[chain->first + i],
				    &text, error);
		if (!err)
			err = add_words(listing, "-A", chain->name, text, error);
	}
	return err;
}

int mg_listing_write(const struct mg_image *image, struct mg_listing *listing,
		     struct mg_error *error)
{
	size_t i;
	int err = 0;

	for (i = 0; i < image->chain_count && !err; i++) {
		const struct mg_image_chain *chain = &image->chains[i];

		err = chain->built_in ? add_words(listing, "-P", chain->name, chain->policy, error)
				      : add_words(listing, "-N", chain->name, "", error);
	}
	for (i = 0; i < image->chain_count && !err; i++)
		err = add_rules(image, &image->chains[i], listing, error);
	return err;
}

static int read_chain(struct reading *reading, const char *name, const char *policy,
		      struct mg_error *error)
{
	uint32_t chain;
	int err;

	if (mg_is_builtin_chain(reading->table, name) != (policy && strcmp(policy, "-") != 0))
		return mg_fail(error, -EINVAL, MG_INVALID,
			       "built-in chains have a policy (-P), and the others have none (-N), "
			       "and `%s' is %s",
			       name,
			       mg_is_builtin_chain(reading->table, name) ? "built in" : "not");
	if (policy && strcmp(policy, "-") != 0 && strcmp(policy, "ACCEPT") != 0 &&
	    strcmp(policy, "DROP") != 0)
		return mg_fail(error, -EINVAL, MG_INVALID,
			       "bad policy name `%s': a policy is ACCEPT or DROP", policy);
	err = mg_ruleset_chain(reading->ruleset, reading->family, reading->table, name,
			       reading->place, &chain, error);
	if (!err && policy && strcmp(policy, "-") != 0)
		err = mg_ruleset_policy(reading->ruleset, chain, policy, reading->place, error);
	return err;
}

static int read_rule(struct reading *reading, const char *chain, struct mg_error *error)
{
	uint32_t index;
	int err;

	/* a chain that is not built in is to be named before it is used */
	if (!mg_is_builtin_chain(reading->table, chain) &&
	    mg_ruleset_find_chain(reading->ruleset, reading->family, reading->table, chain) ==
		    UINT32_MAX)
		return mg_fail(error, -ENOENT, MG_INVALID,
			       "no chain `%s' so far: put \"-N %s\" in front", chain, chain);
	err = mg_ruleset_chain(reading->ruleset, reading->family, reading->table, chain,
			       reading->place, &index, error);
	if (err)
		return err;
	return mg_ruleset_append(reading->ruleset, index, MG_RANK_SCRIPT, reading->args.argc - 2,
				 reading->args.argv + 2, reading->place, error);
}

static int read_line(struct reading *reading, const char *line, struct mg_error *error)
{
	const struct mg_args *args = &reading->args;
	int err = mg_args_split(&reading->args, line, strlen(line), error);
	const char *first;

	if (err)
		return err;
	first = args->argc ? args->argv[0] : "";
	if (strcmp(first, "-A") == 0 && args->argc >= 2)
		return read_rule(reading, args->argv[1], error);
	if (strcmp(first, "-P") == 0 && args->argc == 3)
		return read_chain(reading, args->argv[1], args->argv[2], error);
	if (strcmp(first, "-N") == 0 && args->argc == 2)
		return read_chain(reading, args->argv[1], NULL, error);
	if (*first == ':' && first[1] && (args->argc == 2 || args->argc == 3))
		return read_chain(reading, first + 1, args->argv[1], error);
	return mg_fail(error, -EINVAL, MG_INVALID,
		       "`%s' is not \"-P CHAIN POLICY\", \"-N CHAIN\" or \"-A CHAIN RULE\"", line);
}

int mg_listing_read(enum mg_family family, const char *table, const struct mg_listing *listing,
		    struct mg_image **out, struct mg_error *error)
{
	struct reading reading = { .family = family, .table = table };
	size_t i;
	int err = mg_ruleset_new(&reading.ruleset, error);

	for (i = 0; i < listing->count && !err; i++) {
		snprintf(reading.place, sizeof(reading.place), "line:%zu", i + 1);
		err = read_line(&reading, listing->lines[i], error);
		if (err)
			mg_error_origin(error, reading.place);
	}
	if (!err)
		err = mg_ruleset_seal(reading.ruleset, error);
	if (!err)
		err = mg_compile_table(family, table, reading.ruleset, out, NULL, error);
	mg_args_clear(&reading.args);
	mg_ruleset_free(reading.ruleset);
	return err;
}
