/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See resolved.h.
 */
#include "resolved.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lock_lines.h"
#include "ruleset/growable.h"

/* What DNS allows, and more than any policy asks for. */
enum { LONGEST_NAME = 253, MOST_NAMES = 1000 };

void mg_resolved_clear(struct mg_resolved *resolved)
{
	size_t i;

	for (i = 0; i < resolved->count; i++) {
		free(resolved->names[i].name);
		free(resolved->names[i].addresses);
	}
	free(resolved->names);
	*resolved = (struct mg_resolved){ 0 };
}

struct mg_resolved_name *mg_resolved_find(const struct mg_resolved *resolved, const char *name)
{
	size_t i;

	for (i = 0; i < resolved->count; i++)
		if (strcmp(resolved->names[i].name, name) == 0)
			return &resolved->names[i];
	return NULL;
}

struct mg_resolved_name *mg_resolved_add(struct mg_resolved *resolved, const char *name)
{
	struct mg_resolved_name *found = mg_resolved_find(resolved, name);

	if (found)
		return found;
	if (mg_make_room((void **)&resolved->names, &resolved->capacity, resolved->count + 1,
			 sizeof(*resolved->names)))
		return NULL;
	found = &resolved->names[resolved->count];
	*found = (struct mg_resolved_name){ .name = strdup(name) };
	if (!found->name)
		return NULL;
	resolved->count++;
	return found;
}

static int compare_addresses(const void *a, const void *b)
{
	const struct mg_resolved_address *one = a, *other = b;

	if (one->family != other->family)
		return one->family < other->family ? -1 : 1;
	return memcmp(one->bytes, other->bytes, sizeof(one->bytes));
}

int mg_resolved_add_address(struct mg_resolved_name *name, enum mg_family family, const void *bytes)
{
	struct mg_resolved_address address = { .family = family };

	memcpy(address.bytes, bytes, family == MG_IPV6 ? 16 : 4);
	if (mg_resolved_has(name, &address))
		return 0;
	if (mg_make_room((void **)&name->addresses, &name->capacity, name->count + 1,
			 sizeof(*name->addresses)))
		return -ENOMEM;
	name->addresses[name->count++] = address;
	qsort(name->addresses, name->count, sizeof(*name->addresses), compare_addresses);
	return 0;
}

bool mg_resolved_has(const struct mg_resolved_name *name, const struct mg_resolved_address *address)
{
	size_t i;

	for (i = 0; i < name->count; i++)
		if (compare_addresses(&name->addresses[i], address) == 0)
			return true;
	return false;
}

const char *mg_resolved_text(const struct mg_resolved_address *address, char text[INET6_ADDRSTRLEN])
{
	return inet_ntop(address->family == MG_IPV6 ? AF_INET6 : AF_INET, address->bytes, text,
			 INET6_ADDRSTRLEN);
}

static bool is_name(const char *word)
{
	size_t length = strlen(word), i;

	for (i = 0; i < length; i++)
		if (!islower((unsigned char)word[i]) && !isdigit((unsigned char)word[i]) &&
		    !strchr("-_.", word[i]))
			return false;
	return length && length <= LONGEST_NAME && word[length - 1] != '.';
}

/* See mg_lock_lines(). */
static const char *take_line(void *context, char *word, char **rest, int *err)
{
	struct mg_resolved *resolved = context;
	struct mg_resolved_name *name;
	unsigned char bytes[16];
	const size_t before = resolved->count;

	if (!is_name(word))
		return "a line begins with a name, in lower case";
	if (before >= MOST_NAMES)
		return "more than 1,000 names";
	name = mg_resolved_add(resolved, word);
	*err = name ? 0 : -ENOMEM;
	if (name && resolved->count == before)
		return "the name has been on a line before";
	while (!*err && (word = strtok_r(NULL, MG_LOCK_BLANKS, rest))) {
		const enum mg_family family = strchr(word, ':') ? MG_IPV6 : MG_IPV4;

		if (inet_pton(family == MG_IPV6 ? AF_INET6 : AF_INET, word, bytes) != 1)
			return "what stands behind a name is not an IPv4 or IPv6 address";
		*err = mg_resolved_add_address(name, family, bytes);
	}
	return !*err && !name->count ? "the name has no address" : NULL;
}

int mg_resolved_parse(const char *file, const char *text, size_t length,
		      struct mg_resolved *resolved, struct mg_error *error)
{
	return mg_lock_lines(file, text, length, take_line, resolved, error);
}

static int compare_names(const void *a, const void *b)
{
	const struct mg_resolved_name *one = a, *other = b;

	return strcmp(one->name, other->name);
}

void mg_resolved_sort(struct mg_resolved *resolved)
{
	if (resolved->count)
		qsort(resolved->names, resolved->count, sizeof(*resolved->names), compare_names);
}

int mg_resolved_write(struct mg_resolved *resolved, const char *policy, char **out)
{
	size_t size, i, k;
	char text[INET6_ADDRSTRLEN];
	FILE *file = open_memstream(out, &size);

	if (!file)
		return -ENOMEM;
	mg_resolved_sort(resolved);
	fprintf(file,
		"# What resolve() gives in %s: names, and the addresses that they had when\n"
		"# `moongate resolve' was run last. It writes this file; keep it with the "
		"policy.\n",
		policy);
	for (i = 0; i < resolved->count; i++) {
		fputs(resolved->names[i].name, file);
		for (k = 0; k < resolved->names[i].count; k++)
			fprintf(file, " %s",
				mg_resolved_text(&resolved->names[i].addresses[k], text));
		fputc('\n', file);
	}
	if (!fclose(file))
		return 0;
	free(*out);
	*out = NULL;
	return -ENOMEM;
}
