/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Building, copying and freeing images.
 */
#include "image.h"

#include <errno.h>
#include <string.h>

#include "ruleset/failure.h"
#include "ruleset/growable.h"

static int no_memory(struct mg_error *error)
{
	return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for a table");
}

/* Order and membership as the kernel's tables register their hooks. */
static const struct {
	const char *table;
	const char *const chains[6];
} builtin[] = {
	{ "filter", { "INPUT", "FORWARD", "OUTPUT", NULL } },
	{ "nat", { "PREROUTING", "INPUT", "OUTPUT", "POSTROUTING", NULL } },
	{ "mangle", { "PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING", NULL } },
	{ "raw", { "PREROUTING", "OUTPUT", NULL } },
	{ "security", { "INPUT", "FORWARD", "OUTPUT", NULL } },
};

const char *const *mg_builtin_chains(const char *table)
{
	size_t i;

	for (i = 0; i < sizeof(builtin) / sizeof(*builtin); i++)
		if (strcmp(builtin[i].table, table) == 0)
			return builtin[i].chains;
	return NULL;
}

bool mg_is_builtin_chain(const char *table, const char *chain)
{
	const char *const *names = mg_builtin_chains(table);

	for (; names && *names; names++)
		if (strcmp(*names, chain) == 0)
			return true;
	return false;
}

int mg_image_new(enum mg_family family, const char *table, struct mg_image **out,
		 struct mg_error *error)
{
	struct mg_image *image = calloc(1, sizeof(*image));

	if (!image)
		return no_memory(error);
	image->family = family;
	image->table = mg_arena_string(&image->arena, table);
	if (!image->table) {
		mg_image_free(image);
		return no_memory(error);
	}
	*out = image;
	return 0;
}

void mg_image_free(struct mg_image *image)
{
	if (!image)
		return;
	free(image->copy);
	mg_lookup_clear(&image->names);
	free(image->chains);
	free(image->entries);
	mg_arena_clear(&image->arena);
	free(image);
}

void mg_image_forget_entries(struct mg_image *image)
{
	free(image->copy);
	free(image->entries);
	image->copy = NULL;
	image->entries = NULL;
	image->entry_capacity = 0;
}

int mg_image_add_chain(struct mg_image *image, const char *name, struct mg_image_chain **out,
		       struct mg_error *error)
{
	struct mg_image_chain chain = {
		.name = mg_arena_string(&image->arena, name),
		.built_in = mg_is_builtin_chain(image->table, name),
		.chain = UINT32_MAX,
		.first = (uint32_t)image->entry_count,
	};

	if (!chain.name ||
	    mg_make_room((void **)&image->chains, &image->chain_capacity, image->chain_count + 1,
			 sizeof(chain)) ||
	    mg_lookup_add(&image->names, mg_lookup_hash(0, name), (uint32_t)image->chain_count))
		return no_memory(error);
	*out = &image->chains[image->chain_count++];
	**out = chain;
	return 0;
}

int mg_image_add_entry(struct mg_image *image, struct mg_image_chain *chain,
		       const struct mg_entry *entry, struct mg_error *error)
{
	if (chain->count == 0)
		chain->first = (uint32_t)image->entry_count;
	if (mg_make_room((void **)&image->entries, &image->entry_capacity, image->entry_count + 1,
			 sizeof(*entry)))
		return no_memory(error);
	image->entries[image->entry_count++] = *entry;
	chain->count++;
	return 0;
}

struct wanted {
	const struct mg_image *image;
	const char *name;
};

static bool is_chain(const void *context, uint32_t index)
{
	const struct wanted *wanted = context;

	return strcmp(wanted->image->chains[index].name, wanted->name) == 0;
}

const struct mg_image_chain *mg_image_find(const struct mg_image *image, const char *name)
{
	const struct wanted wanted = { image, name };
	const uint32_t index = mg_lookup_find(&image->names, mg_lookup_hash(0, name), is_chain,
					      &wanted);

	return index == MG_NOT_FOUND ? NULL : &image->chains[index];
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct mg_image_chain *)a)->name,
		      ((const struct mg_image_chain *)b)->name);
}

int mg_image_sort_chains(struct mg_image *image, struct mg_error *error)
{
	size_t first = 0, i;

	while (first < image->chain_count && image->chains[first].built_in)
		first++;
	if (image->chain_count > first)
		qsort(image->chains + first, image->chain_count - first, sizeof(*image->chains),
		      by_name);
	mg_lookup_clear(&image->names);
	for (i = 0; i < image->chain_count; i++)
		if (mg_lookup_add(&image->names, mg_lookup_hash(0, image->chains[i].name),
				  (uint32_t)i))
			return no_memory(error);
	return 0;
}

int mg_image_fill_absent(struct mg_image *image, struct mg_error *error)
{
	const char *const *names = mg_builtin_chains(image->table);
	struct mg_image_chain *chain;
	int err = 0;

	image->absent = true;
	for (; *names && !err; names++) {
		err = mg_image_add_chain(image, *names, &chain, error);
		if (!err)
			chain->policy = "ACCEPT";
	}
	return err;
}
