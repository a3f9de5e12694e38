/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reader of what a confined evaluation hands back. What it takes can be gone
 * through to the last byte, and crosses again to the same; what it refuses it says.
 *
 * An input is the sizes of the areas, as 32 bits each, and then the areas.
 */
#include "ruleset/crossing.h"

#include <string.h>

#include "input.h"
#include "ruleset/keep.h"
#include "ruleset/sets.h"

static void go_through(const struct mg_ruleset *ruleset)
{
	struct mg_chain_view chain;
	struct mg_rule_view rule;
	struct mg_set_view set;
	struct mg_keep keep;
	uint32_t i, k;

	for (i = 0; i < mg_ruleset_chain_count(ruleset); i++) {
		mg_ruleset_chain_at(ruleset, i, &chain);
		PROMISE(mg_ruleset_find_chain(ruleset, chain.family, chain.table, chain.name) == i);
		PROMISE(chain.first + chain.count <= mg_ruleset_rule_count(ruleset));
		PROMISE(strlen(chain.origin) < UINT32_MAX);
	}
	for (i = 0; i < mg_ruleset_rule_count(ruleset); i++) {
		const char *at;

		mg_ruleset_rule_at(ruleset, i, &rule);
		PROMISE(rule.chain < mg_ruleset_chain_count(ruleset));
		PROMISE(!strchr(rule.origin, '\n') && !strchr(rule.origin, '\033'));
		for (k = 0, at = rule.args; k < rule.argc; k++, at = mg_arg_next(at))
			PROMISE(!strchr(at, '\n') && !strchr(at, '\033'));
		PROMISE((size_t)(at - rule.args) == rule.args_size);
	}
	for (i = 0; i < mg_sets_count(mg_ruleset_sets_const(ruleset)); i++) {
		mg_sets_at(mg_ruleset_sets_const(ruleset), i, &set);
		PROMISE(strlen(set.name) < MG_SET_NAME_SIZE && strlen(set.origin) < UINT32_MAX);
		for (k = 0; k < set.count; k++)
			PROMISE(set.members[k].prefix <= mg_set_width(set.family));
	}
	for (i = 0; i < mg_ruleset_keep_count(ruleset); i++) {
		mg_ruleset_keep_at(ruleset, i, &keep);
		PROMISE(keep.kind < MG_KEEP_KINDS && *keep.pattern);
	}
}

/* Areas of their own: nothing lies behind them. */
static void copy(const struct mg_crossing *from, struct mg_crossing *out)
{
	int area;

	for (area = 0; area < MG_AREAS; area++) {
		const size_t size = from->areas[area].size;

		out->areas[area].size = size;
		out->areas[area].bytes = malloc(size ? size : 1);
		PROMISE(out->areas[area].bytes);
		if (size)
			memcpy(out->areas[area].bytes, from->areas[area].bytes, size);
	}
}

static void cross_again(const struct mg_ruleset *ruleset)
{
	struct mg_crossing lent = { .areas = { { .bytes = NULL } } }, own = lent;
	struct mg_ruleset *again = NULL;

	PROMISE(mg_ruleset_leave(ruleset, &lent, NULL) == 0);
	copy(&lent, &own);
	mg_crossing_clear(&lent);
	PROMISE(mg_ruleset_arrive(&own, &again, NULL) == 0);
	mg_crossing_clear(&own);
	PROMISE(mg_ruleset_rule_count(again) == mg_ruleset_rule_count(ruleset));
	mg_ruleset_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mg_crossing given = { .areas = { { .bytes = NULL } } }, crossing = given;
	struct mg_error error = { .status = MG_DONE };
	struct mg_ruleset *ruleset = NULL;
	uint32_t sizes[MG_AREAS];
	size_t left = size - sizeof(sizes);
	int area;

	if (size < sizeof(sizes))
		return 0;
	memcpy(sizes, data, sizeof(sizes));
	data += sizeof(sizes);
	for (area = 0; area < MG_AREAS; area++) {
		given.areas[area].size = sizes[area] < left ? sizes[area] : left;
		given.areas[area].bytes = (void *)(uintptr_t)data;
		given.areas[area].borrowed = true;
		data += given.areas[area].size;
		left -= given.areas[area].size;
	}
	copy(&given, &crossing);
	if (mg_ruleset_arrive(&crossing, &ruleset, &error)) {
		PROMISE(error.text[0]);
	} else {
		go_through(ruleset);
		cross_again(ruleset);
	}
	mg_ruleset_free(ruleset);
	mg_crossing_clear(&crossing);
	return 0;
}
