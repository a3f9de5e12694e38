/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keeping a table's own bytes.
 *
 * Owns nothing between calls.
 */
#include "table_copy.h"

#include <errno.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ruleset/failure.h"
#include "session.h"
#include "set_rules.h"
#include "table.h"

/* At the head of a copy; the names follow, and then the entries. */
struct head {
	struct ipt_getinfo info; /* IPv6 has the same */
	uint32_t name_count;
};

struct name {
	uint32_t index; /* the kernel's, in the entries */
	char text[MG_SET_NAME_SIZE];
};

/* The entries begin at a whole word. */
static size_t size_of_names(size_t count)
{
	const size_t word = sizeof(uint64_t);

	return (count * sizeof(struct name) + word - 1) / word * word;
}

_Static_assert(sizeof(struct head) % sizeof(uint64_t) == 0, "names begin at a whole word");

static int no_memory(struct mg_error *error)
{
	return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for a table");
}

/* The sets of a table, each once. */
struct naming {
	int kernel;
	bool *known; /* by index */
	struct name *names;
	size_t count;
};

static int note_name(void *context, struct xt_set_info *info)
{
	struct naming *naming = context;
	struct name *grown;

	if (naming->known[info->index])
		return 0;
	naming->known[info->index] = true;
	grown = realloc(naming->names, (naming->count + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	naming->names = grown;
	memset(&grown[naming->count], 0, sizeof(*grown));
	grown[naming->count].index = info->index;
	/* one that is gone has no name: its index stays */
	if (mg_set_kernel_name(naming->kernel, info->index, grown[naming->count].text) == 0)
		naming->count++;
	return 0;
}

static int find_names(const struct mg_image *image, struct naming *naming)
{
	size_t i;
	int err = 0;

	naming->kernel = mg_set_kernel_open();
	if (naming->kernel < 0)
		return 0;
	naming->known = calloc((size_t)UINT16_MAX + 1, sizeof(*naming->known));
	if (!naming->known)
		err = -ENOMEM;
	for (i = 0; i < image->entry_count && !err; i++)
		err = mg_set_rules_each(mg_family_ops(image->family), image->entries[i].bytes,
					note_name, naming);
	free(naming->known);
	close(naming->kernel);
	return err;
}

static int make_head(const struct ipt_getinfo *info, const struct naming *naming,
		     struct mg_table_copy *out)
{
	const size_t names = size_of_names(naming->count);
	struct head head = { .name_count = (uint32_t)naming->count };

	head.info = *info;
	out->head = calloc(1, sizeof(head) + names);
	if (!out->head)
		return -ENOMEM;
	out->head_size = sizeof(head) + names;
	memcpy(out->head, &head, sizeof(head));
	if (names)
		memcpy((char *)out->head + sizeof(head), naming->names,
		       naming->count * sizeof(*naming->names));
	return 0;
}

/* Parsed only for the sets in it; its entries stay as they are. */
static int copy_present(enum mg_family family, const char *table, struct mg_table_copy *out,
			struct mg_error *error)
{
	struct naming naming = { .kernel = -1 };
	struct mg_image *image = NULL;
	struct ipt_getinfo info;
	int err = mg_table_fetch(mg_family_ops(family), table, &info, &out->body, error);

	if (err)
		return err;
	out->entries = ((const struct ipt_get_entries *)out->body)->entrytable;
	out->entries_size = info.size;
	err = mg_image_new(family, table, &image, error);
	if (!err)
		err = mg_table_parse(image, &info, out->entries, error);
	if (!err &&
	    ((image->has_sets && find_names(image, &naming)) || make_head(&info, &naming, out)))
		err = no_memory(error);
	mg_image_free(image);
	free(naming.names);
	return err;
}

int mg_table_copy(enum mg_family family, const char *table, struct mg_table_copy *out,
		  struct mg_error *error)
{
	int err = mg_table_is_there(family, table, error);

	*out = (struct mg_table_copy){ 0 };
	if (err <= 0)
		return err;
	err = copy_present(family, table, out, error);
	if (err)
		mg_table_copy_clear(out);
	return err;
}

void mg_table_copy_clear(struct mg_table_copy *copy)
{
	free(copy->head);
	free(copy->body);
	*copy = (struct mg_table_copy){ 0 };
}

struct renaming {
	const struct name *names;
	size_t count;
};

static int rename_one(void *context, struct xt_set_info *info)
{
	const struct renaming *renaming = context;
	size_t i;

	for (i = 0; i < renaming->count; i++)
		if (renaming->names[i].index == info->index)
			return mg_set_number(renaming->names[i].text, &info->index);
	return 0;
}

static int rename_sets(const struct mg_image *image, const struct name *names, size_t count)
{
	struct renaming renaming = { names, count };
	size_t i;
	int err = 0;

	for (i = 0; i < image->entry_count && !err && count; i++)
		err = mg_set_rules_each(mg_family_ops(image->family), image->entries[i].bytes,
					rename_one, &renaming);
	return err;
}

static int fill(struct mg_image *image, const unsigned char *bytes, size_t size,
		struct mg_error *error)
{
	struct name *names = NULL;
	struct head head = { .name_count = 0 };
	size_t names_size = 0, i;
	int err = 0;

	if (size >= sizeof(head)) {
		memcpy(&head, bytes, sizeof(head));
		names_size = size_of_names(head.name_count);
	}
	if (size < sizeof(head) || names_size > size - sizeof(head) ||
	    head.info.size != size - sizeof(head) - names_size)
		return mg_fail(error, -EBADMSG, MG_KERNEL, "a copy of the table %s makes no sense",
			       image->table);
	names = malloc(names_size + 1);
	image->copy = malloc(head.info.size + 1U);
	if (!names || !image->copy) {
		free(names);
		return no_memory(error);
	}
	memcpy(names, bytes + sizeof(head), names_size);
	memcpy(image->copy, bytes + sizeof(head) + names_size, head.info.size);
	for (i = 0; i < head.name_count; i++)
		names[i].text[sizeof(names[i].text) - 1] = '\0';
	err = mg_table_parse(image, &head.info, image->copy, error);
	if (!err && rename_sets(image, names, head.name_count))
		err = no_memory(error);
	free(names);
	return err;
}

int mg_table_from_copy(enum mg_family family, const char *table, const void *bytes, size_t size,
		       struct mg_image **out, struct mg_error *error)
{
	struct mg_image *image;
	int err = mg_session_open(error);

	if (!err)
		err = mg_image_new(family, table, &image, error);
	if (err)
		return err;
	err = size ? fill(image, bytes, size, error) : mg_image_fill_absent(image, error);
	if (err) {
		mg_image_free(image);
		return err;
	}
	*out = image;
	return 0;
}
