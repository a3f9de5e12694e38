/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What sets there are. libipset tells it as the text that `ipset list -t` prints:
 *
 *   Name: mg4-office
 *   Type: hash:net
 *   Revision: 7
 *   Header: family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x9fbb5ea6
 *   Size in memory: 504
 *   References: 1
 *   Number of entries: 1
 *
 * with an empty line between two sets.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ipset_inner.h"
#include "ruleset/failure.h"
#include "ruleset/growable.h"

static int no_memory(struct mg_error *error)
{
	return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for address sets");
}

/* Have the session print the headers of all sets. */
static int print(struct mg_ipset *ipset, struct mg_error *error)
{
	int failed;

	mg_ipset_begin(ipset);
	ipset_session_output(ipset->session, IPSET_LIST_PLAIN);
	ipset_envopt_set(ipset->session, IPSET_ENV_LIST_HEADER);
	failed = ipset_cmd(ipset->session, IPSET_CMD_LIST, 0);
	ipset_envopt_unset(ipset->session, IPSET_ENV_LIST_HEADER);
	return failed ? mg_ipset_fail(ipset, "list the sets", "", error) : 0;
}

/* The next line, whose newline becomes a NUL; NULL behind the last one. */
static char *next_line(char **rest)
{
	char *line = strsep(rest, "\n");

	return line && (*line || *rest) ? line : NULL;
}

/* What stands behind "KEY: ", or NULL. */
static const char *value_of(const char *line, const char *key)
{
	const size_t length = strlen(key);

	if (strncmp(line, key, length) != 0 || line[length] != ':')
		return NULL;
	return line + length + 1 + strspn(line + length + 1, " ");
}

static void copy_word(char out[MG_SET_NAME_SIZE], const char *word)
{
	strncpy(out, word, MG_SET_NAME_SIZE - 1);
	out[MG_SET_NAME_SIZE - 1] = '\0';
}

/* "family inet hashsize 1024 maxelem 65536 timeout 60 comment": what is made of them here? */
static void read_options(struct mg_ipset_header *set, char *options)
{
	static const char *const usual[] = { "hashsize", "maxelem", "bucketsize",
					     "initval",	 "family",  NULL };
	const char *word, *value;
	size_t i;

	while ((word = strsep(&options, " "))) {
		for (i = 0; usual[i] && strcmp(usual[i], word) != 0;)
			i++;
		set->has_options |= !usual[i];
		value = usual[i] ? strsep(&options, " ") : NULL;
		if (!value || strcmp(word, "family") != 0)
			continue;
		set->has_family = strcmp(value, "inet") == 0 || strcmp(value, "inet6") == 0;
		set->family = strcmp(value, "inet6") == 0 ? MG_IPV6 : MG_IPV4;
	}
}

static void read_header_line(struct mg_ipset_header *set, char *line)
{
	const char *value;

	if ((value = value_of(line, "Type")))
		copy_word(set->type, value);
	else if ((value = value_of(line, "References")))
		set->references = (uint32_t)strtoul(value, NULL, 10);
	else if ((value = value_of(line, "Number of entries")))
		set->count = (uint32_t)strtoul(value, NULL, 10);
	else if ((value = value_of(line, "Header")))
		read_options(set, line + (value - line));
}

static int by_name(const void *one, const void *other)
{
	const struct mg_ipset_header *a = one, *b = other;

	return strcmp(a->name, b->name);
}

static int is_name(const void *name, const void *header)
{
	return strcmp(name, ((const struct mg_ipset_header *)header)->name);
}

const struct mg_ipset_header *mg_ipset_find(const struct mg_ipset_header *headers, size_t count,
					    const char *name)
{
	return count ? bsearch(name, headers, count, sizeof(*headers), is_name) : NULL;
}

int mg_ipset_headers(struct mg_ipset *ipset, struct mg_ipset_header **out, size_t *count,
		     struct mg_error *error)
{
	struct mg_ipset_header *sets = NULL;
	size_t capacity = 0;
	char *rest, *line;
	const char *name;
	int err = print(ipset, error);

	if (err)
		return err;
	*count = 0;
	rest = ipset->length ? ipset->text : NULL;
	while (rest && (line = next_line(&rest))) {
		name = value_of(line, "Name");
		if (name) {
			if (mg_make_room((void **)&sets, &capacity, *count + 1, sizeof(*sets))) {
				free(sets);
				return no_memory(error);
			}
			sets[*count] = (struct mg_ipset_header){ .name = "" };
			copy_word(sets[(*count)++].name, name);
		} else if (*count) {
			read_header_line(&sets[*count - 1], line);
		}
	}
	if (*count)
		qsort(sets, *count, sizeof(*sets), by_name);
	*out = sets;
	return 0;
}
