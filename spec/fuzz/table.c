/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reader of the kernel's copy of a table, and the printer of its entries.
 * An input is a byte for the family, what the kernel says about the copy (its
 * hooks, their entries and underflows, the number of entries; the size is that
 * of the rest), and the copy. What is taken is hashed and printed, as whoever
 * believes it does.
 */
#include "netfilter/table.h"
#include "input.h"
#include "netfilter/equal.h"
#include "netfilter/print.h"
#include "netfilter/session.h"

/* behind family.h, which needs its own order */
#include <linux/netfilter_ipv4/ip_tables.h>
#include <string.h>

struct facts {
	uint32_t valid_hooks, hook_entry[NF_INET_NUMHOOKS], underflow[NF_INET_NUMHOOKS];
	uint32_t num_entries;
};

static void look_at(const struct mg_image *image)
{
	const struct mg_family_ops *ops = mg_family_ops(image->family);
	struct mg_error error;
	const char *text;
	size_t i;

	for (i = 0; i < image->entry_count; i++) {
		const struct mg_entry *entry = &image->entries[i];

		(void)mg_entry_hash(ops, entry);
		(void)mg_entry_address_hash(ops, entry);
		PROMISE(mg_entry_equal(ops, entry, entry));
		if (mg_entry_text(ops, entry, &text, &error) == 0)
			PROMISE(strlen(text) < 1 << 20);
	}
	PROMISE(mg_image_equal(image, image));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ipt_getinfo info = { .name = "filter" };
	struct mg_image *image = NULL;
	struct mg_error error = { 0 };
	struct facts facts;
	unsigned char *copy;

	PROMISE(mg_session_open(&error) == 0);
	if (size < 1 + sizeof(facts))
		return 0;
	memcpy(&facts, data + 1, sizeof(facts));
	info.valid_hooks = facts.valid_hooks;
	memcpy(info.hook_entry, facts.hook_entry, sizeof(facts.hook_entry));
	memcpy(info.underflow, facts.underflow, sizeof(facts.underflow));
	info.num_entries = facts.num_entries;
	info.size = (unsigned int)(size - 1 - sizeof(facts));
	copy = malloc(info.size ? info.size : 1); /* nothing lies behind it */
	PROMISE(copy);
	memcpy(copy, data + 1 + sizeof(facts), info.size);
	PROMISE(mg_image_new(data[0] & 1 ? MG_IPV6 : MG_IPV4, "filter", &image, &error) == 0);
	if (mg_table_parse(image, &info, copy, &error) == 0)
		look_at(image);
	else
		PROMISE(strstr(error.text, " at byte "));
	mg_image_free(image);
	free(copy);
	return 0;
}
