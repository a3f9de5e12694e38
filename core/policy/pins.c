/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See pins.h.
 */
#include "pins.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lock_lines.h"
#include "ruleset/failure.h"
#include "ruleset/growable.h"

enum { LONGEST_NAME = 512, MOST_MODULES = 10 * 1000 };

/* So much of a checksum tells two of them apart, for a person. */
#define SHOWN 12

void mg_pins_clear(struct mg_pins *pins)
{
	size_t i;

	for (i = 0; i < pins->count; i++)
		free(pins->items[i].name);
	free(pins->items);
	pins->items = NULL;
	pins->count = pins->capacity = 0;
}

const struct mg_pin *mg_pins_find(const struct mg_pins *pins, const char *name)
{
	size_t i;

	for (i = 0; i < pins->count; i++)
		if (strcmp(pins->items[i].name, name) == 0)
			return &pins->items[i];
	return NULL;
}

/* What use() may be given. */
static bool is_module(const char *word)
{
	size_t length = strlen(word), i;

	for (i = 0; i < length; i++)
		if (!isalnum((unsigned char)word[i]) && !strchr("_-.", word[i]))
			return false;
	return length && length <= LONGEST_NAME && word[0] != '.' && word[length - 1] != '.';
}

int mg_pins_add(struct mg_pins *pins, const char *name, const char *sha256)
{
	struct mg_pin *pin;

	if (!is_module(name))
		return -EINVAL;
	if (mg_make_room((void **)&pins->items, &pins->capacity, pins->count + 1,
			 sizeof(*pins->items)))
		return -ENOMEM;
	pin = &pins->items[pins->count];
	pin->name = strdup(name);
	if (!pin->name)
		return -ENOMEM;
	snprintf(pin->sha256, sizeof(pin->sha256), "%s", sha256);
	pins->count++;
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	const struct mg_pin *one = a, *other = b;

	return strcmp(one->name, other->name);
}

void mg_pins_sort(struct mg_pins *pins)
{
	if (pins->count)
		qsort(pins->items, pins->count, sizeof(*pins->items), compare_names);
}

int mg_pins_check(const struct mg_pins *pins, const char *name, const char *file,
		  const char *sha256, struct mg_error *error)
{
	const struct mg_pin *pin = mg_pins_find(pins, name);

	if (!pin)
		return mg_fail(error, -EKEYREJECTED, MG_INVALID,
			       "%s is not pinned: %s does not have it. If it is wanted, read it, "
			       "then run `moongate lock %s'",
			       file, pins->path, pins->policy);
	if (strcmp(pin->sha256, sha256) == 0)
		return 0;
	return mg_fail(error, -EKEYREJECTED, MG_INVALID,
		       "%s is not the module that %s pins: its SHA-256 is %.*s..., and not "
		       "%.*s.... If the change is wanted, read it, then run `moongate lock %s'",
		       file, pins->path, SHOWN, sha256, SHOWN, pin->sha256, pins->policy);
}

static bool is_sha256(const char *word)
{
	return strspn(word, "0123456789abcdef") == MG_SHA256_SIZE - 1 &&
	       strlen(word) == MG_SHA256_SIZE - 1;
}

/* See mg_lock_lines(). */
static const char *take_line(void *context, char *name, char **rest, int *err)
{
	struct mg_pins *pins = context;
	const char *sum = strtok_r(NULL, MG_LOCK_BLANKS, rest);

	if (!is_module(name))
		return "a line begins with the name of a module, as use() is given it";
	if (!sum || !is_sha256(sum))
		return "behind the name there is no SHA-256: 64 digits, a to f in lower case";
	if (strtok_r(NULL, MG_LOCK_BLANKS, rest))
		return "there is more on the line than a module and its SHA-256";
	if (mg_pins_find(pins, name))
		return "the module has been on a line before";
	if (pins->count >= MOST_MODULES)
		return "more than 10,000 modules";
	*err = mg_pins_add(pins, name, sum);
	return NULL;
}

int mg_pins_parse(struct mg_pins *pins, const char *text, size_t length, struct mg_error *error)
{
	return mg_lock_lines(pins->path, text, length, take_line, pins, error);
}

int mg_pins_write(struct mg_pins *pins, char **out)
{
	size_t size, i;
	FILE *file = open_memstream(out, &size);

	if (!file)
		return -ENOMEM;
	mg_pins_sort(pins);
	fputs("# The modules that policies in this folder use, and the SHA-256 that each has to\n"
	      "# have. `moongate lock' writes this file; keep it with the policy.\n",
	      file);
	for (i = 0; i < pins->count; i++)
		fprintf(file, "%s %s\n", pins->items[i].name, pins->items[i].sha256);
	if (!fclose(file))
		return 0;
	free(*out);
	*out = NULL;
	return -ENOMEM;
}
