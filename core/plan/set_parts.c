/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules that look a set of somebody else's up by fewer parts of a packet than its
 * members have: a hash:ip,port by an address alone. The kernel takes them, and no
 * packet ever fits; so does iptables.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "netfilter/ipset.h"
#include "plan.h"
#include "ruleset/failure.h"
#include "sets.h"

struct telling {
	const struct mg_plan *plan;
	const struct mg_table_plan *table;
	const struct mg_entry *entry;
	struct mg_notes *notes;
	struct mg_error *error;
	struct mg_ipset_header *headers; /* NULL: not asked for yet */
	size_t count;
};

/* "hash:ip,port" has two. */
static unsigned int parts_of(const char *type)
{
	unsigned int parts = 1;

	for (; *type; type++)
		parts += *type == ',';
	return parts;
}

static int list_sets(struct telling *telling)
{
	struct mg_ipset *ipset;
	int err = mg_ipset_open(&ipset, telling->error);

	if (err)
		return err;
	err = mg_ipset_headers(ipset, &telling->headers, &telling->count, telling->error);
	mg_ipset_close(ipset);
	return err;
}

static int tell(struct telling *telling, const struct mg_ipset_header *set, unsigned int given)
{
	const char *origin = mg_plan_origin(telling->plan, telling->entry);
	const char *helper = strrchr(origin, ' ');
	char place[512], remedy[96];

	snprintf(place, sizeof(place), "%.*s",
		 (int)(helper ? (size_t)(helper - origin) : strlen(origin)), origin);
	snprintf(remedy, sizeof(remedy), "set { \"%s\", flags = ... }: a src or dst for each part",
		 set->name);
	if (mg_note(telling->notes, MG_WARNING, place, remedy,
		    "%s%sset %s is a %s, with %u parts, and is looked up by %u: no packet fits",
		    helper ? helper + 1 : "", helper ? ": " : "", set->name, set->type,
		    parts_of(set->type), given))
		return mg_fail(telling->error, -ENOMEM, MG_ENVIRONMENT,
			       "out of memory for address sets");
	return 0;
}

static int look(void *context, struct xt_set_info *info)
{
	struct telling *telling = context;
	const char *name = mg_set_name(info->index);
	const struct mg_ipset_header *set;
	int err = 0;

	if (!name || mg_sets_find(mg_ruleset_sets_const(telling->plan->ruleset),
				  telling->table->family, name) != UINT32_MAX)
		return 0;
	if (!telling->headers)
		err = list_sets(telling);
	if (err)
		return err;
	set = mg_ipset_find(telling->headers, telling->count, name);
	return set && info->dim < parts_of(set->type) ? tell(telling, set, info->dim) : 0;
}

int mg_sets_tell_parts(const struct mg_plan *plan, struct mg_notes *notes, struct mg_error *error)
{
	struct telling telling = { .plan = plan, .notes = notes, .error = error };
	size_t i, j;
	int err = 0;

	for (i = 0; i < plan->table_count && !err && mg_set_any(); i++) {
		const struct mg_image *image = plan->tables[i].compiled;

		telling.table = &plan->tables[i];
		for (j = 0; j < image->entry_count && !err; j++) {
			telling.entry = &image->entries[j];
			err = mg_set_rules_each(mg_family_ops(image->family),
						image->entries[j].bytes, look, &telling);
		}
	}
	free(telling.headers);
	return err;
}
