/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Option look-up. The base table is iptables(8)'s, commands included: they
 * take part in abbreviations, although none of them may stand in a rule.
 */
#include "options.h"

#include <getopt.h>
#include <string.h>

static const struct option base_options[] = {
	{ "append", 1, NULL, 'A' },	   { "delete", 1, NULL, 'D' },
	{ "check", 1, NULL, 'C' },	   { "insert", 1, NULL, 'I' },
	{ "replace", 1, NULL, 'R' },	   { "list", 2, NULL, 'L' },
	{ "list-rules", 2, NULL, 'S' },	   { "flush", 2, NULL, 'F' },
	{ "zero", 2, NULL, 'Z' },	   { "new-chain", 1, NULL, 'N' },
	{ "delete-chain", 2, NULL, 'X' },  { "rename-chain", 1, NULL, 'E' },
	{ "policy", 1, NULL, 'P' },	   { "source", 1, NULL, 's' },
	{ "destination", 1, NULL, 'd' },   { "src", 1, NULL, 's' },
	{ "dst", 1, NULL, 'd' },	   { "protocol", 1, NULL, 'p' },
	{ "in-interface", 1, NULL, 'i' },  { "jump", 1, NULL, 'j' },
	{ "table", 1, NULL, 't' },	   { "match", 1, NULL, 'm' },
	{ "numeric", 0, NULL, 'n' },	   { "out-interface", 1, NULL, 'o' },
	{ "verbose", 0, NULL, 'v' },	   { "wait", 2, NULL, 'w' },
	{ "wait-interval", 2, NULL, 'W' }, { "exact", 0, NULL, 'x' },
	{ "fragments", 0, NULL, 'f' },	   { "version", 0, NULL, 'V' },
	{ "help", 2, NULL, 'h' },	   { "line-numbers", 0, NULL, '0' },
	{ "modprobe", 1, NULL, 'M' },	   { "set-counters", 1, NULL, 'c' },
	{ "goto", 1, NULL, 'g' },	   { "ipv4", 0, NULL, '4' },
	{ "ipv6", 0, NULL, '6' },	   { NULL, 0, NULL, 0 },
};

bool mg_option_in_rule(int letter)
{
	return letter && strchr("sdpiojgmfc", letter);
}

/* The search so far. */
struct search {
	const char *name;
	size_t length;
	struct mg_option found;
	bool any, ambiguous;
	bool fragments; /* "--fragments" may be cut short */
};

/* Returns true when the search is over: an exact name. */
static bool consider(struct search *search, const struct mg_option *candidate)
{
	if (strncmp(candidate->name, search->name, search->length) != 0)
		return false;
	if (candidate->name[search->length] == '\0') {
		search->found = *candidate;
		search->any = true;
		search->ambiguous = false;
		return true;
	}
	if (!search->any) {
		search->found = *candidate;
		search->any = true;
	} else if (candidate->source != search->found.source ||
		   candidate->value != search->found.value ||
		   candidate->has_arg != search->found.has_arg) {
		search->ambiguous = true;
	}
	return false;
}

static bool search_options(struct search *search, int source, const struct option *options)
{
	for (; options && options->name; options++) {
		if (options->name[0] != search->name[0])
			continue; /* most are not it: see that quickly */
		if (source == MG_OPTION_BASE && options->val == 'f' && !search->fragments &&
		    strlen(options->name) > search->length)
			continue;
		struct mg_option candidate = {
			.source = source,
			.value = options->val,
			.has_arg = options->has_arg,
			.name = options->name,
		};

		if (consider(search, &candidate))
			return true;
	}
	return false;
}

static bool search_entries(struct search *search, int source, const struct xt_option_entry *entry)
{
	for (; entry && entry->name; entry++) {
		if (entry->name[0] != search->name[0])
			continue;
		struct mg_option candidate = {
			.source = source,
			.value = (int)entry->id,
			.has_arg = entry->type == XTTYPE_NONE ? no_argument : required_argument,
			.entry = entry,
			.name = entry->name,
		};

		if (consider(search, &candidate))
			return true;
	}
	return false;
}

enum mg_option_result mg_option_find(const char *name, size_t length,
				     const struct mg_option_source *sources, int count,
				     bool fragments, struct mg_option *out)
{
	struct search search = { .name = name, .length = length, .fragments = fragments };
	bool exact = search_options(&search, MG_OPTION_BASE, base_options);

	while (!exact && count-- > 0)
		exact = sources[count].entries
				? search_entries(&search, count, sources[count].entries)
				: search_options(&search, count, sources[count].options);
	if (!search.any)
		return MG_OPTION_UNKNOWN;
	if (search.ambiguous)
		return MG_OPTION_AMBIGUOUS;
	*out = search.found;
	return MG_OPTION_FOUND;
}

struct name_list {
	const char **names;
	size_t room, count;
};

static void add_name(struct name_list *list, const char *name)
{
	if (list->count < list->room)
		list->names[list->count] = name;
	list->count++;
}

size_t mg_option_names(const struct mg_option_source *sources, int count, const char **names,
		       size_t room)
{
	struct name_list list = { .names = names, .room = room };
	const struct xt_option_entry *entry;
	const struct option *option;

	for (option = base_options; option->name; option++)
		if (mg_option_in_rule(option->val))
			add_name(&list, option->name);
	while (count-- > 0) {
		for (entry = sources[count].entries; entry && entry->name; entry++)
			add_name(&list, entry->name);
		option = sources[count].entries ? NULL : sources[count].options;
		for (; option && option->name; option++)
			add_name(&list, option->name);
	}
	return list.count;
}
