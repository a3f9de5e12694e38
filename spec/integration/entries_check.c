/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules as they are compiled here against the entries that somebody else has
 * loaded: every byte that is the user's must be the same, and Moongate's own
 * comparison must say so too.
 *
 * Arguments: 4 or 6, and a table. Standard input: "CHAIN<TAB>RULE" lines, in
 * each chain in the order in which its rules are loaded. Prints a line for each
 * rule that differs, and then how many were compared.
 *
 * With "values" behind them, whether a rule is a change: "CHAIN<TAB>NUMBER<TAB>
 * same<TAB>RULE", or "other", says whether the diff must take it for the loaded
 * rule of that number.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "netfilter/compile.h"
#include "netfilter/equal.h"
#include "netfilter/session.h"
#include "netfilter/table.h"
#include "ruleset/save_text.h"

enum { MOST_CHAINS = 64 };

static const struct mg_family_ops *ops;
static const struct mg_image *live;

static bool is_chain(const void *data, const char *name)
{
	const struct mg_image_chain *chain = mg_image_find(data, name);

	return chain && !chain->built_in;
}

/* How many bytes of an element's data are the user's. Behind the fence. */
struct size_query {
	const char *name;
	uint8_t revision;
	bool target;
	size_t size;
};

static int find_size(void *context)
{
	struct size_query *query = context;
	const struct xtables_match *match;
	const struct xtables_target *target;

	if (query->target) {
		target = mg_find_target_revision(query->name, query->revision);
		query->size = target ? target->userspacesize : 0;
	} else {
		match = mg_find_match_revision(query->name, query->revision);
		query->size = match ? match->userspacesize : 0;
	}
	return 0;
}

/* xt_entry_match and xt_entry_target are laid out alike. */
static const char *element_differs(const struct xt_entry_match *a, const struct xt_entry_match *b,
				   bool target)
{
	static char words[128];
	struct size_query query = { a->u.user.name, a->u.user.revision, target, 0 };
	size_t i;

	if (a->u.match_size != b->u.match_size || a->u.user.revision != b->u.user.revision ||
	    strcmp(a->u.user.name, b->u.user.name) != 0)
		return "name, revision or size of an element";
	if (mg_fence_run(find_size, &query, NULL) || sizeof(*a) + query.size > a->u.match_size)
		return "an element that has no plugin";
	for (i = 0; i < query.size; i++) {
		if (a->data[i] == b->data[i])
			continue;
		snprintf(words, sizeof(words), "byte %zu of %s: %02x here, %02x there", i,
			 a->u.user.name, a->data[i], b->data[i]);
		return words;
	}
	return NULL;
}

static const char *head_differs(const struct mg_entry_view *a, const struct mg_entry_view *b)
{
	const size_t length = ops->address_size;
	/* "-p all" sets a flag in IPv6 that iptables-save does not tell: it means nothing */
	const uint8_t counted = (uint8_t)(*a->protocol ? 0xff : ~ops->protocol_flag);

	if (memcmp(a->source, b->source, length) ||
	    memcmp(a->destination, b->destination, length) ||
	    memcmp(a->source_mask, b->source_mask, length) ||
	    memcmp(a->destination_mask, b->destination_mask, length))
		return "addresses";
	if (memcmp(a->in, b->in, IFNAMSIZ) || memcmp(a->out, b->out, IFNAMSIZ) ||
	    memcmp(a->in_mask, b->in_mask, IFNAMSIZ) || memcmp(a->out_mask, b->out_mask, IFNAMSIZ))
		return "interfaces";
	if (*a->protocol != *b->protocol || (*a->flags ^ *b->flags) & counted ||
	    *a->inverse != *b->inverse)
		return "protocol, flags or inversions";
	if (*a->target_offset != *b->target_offset || *a->next_offset != *b->next_offset)
		return "sizes";
	return NULL;
}

static const char *entry_differs(const struct mg_entry *ours, const struct mg_entry *theirs)
{
	struct mg_entry_view a, b;
	const char *wrong;
	size_t at, end;

	ops->view((void *)ours->bytes, &a);
	ops->view((void *)theirs->bytes, &b);
	wrong = head_differs(&a, &b);
	end = *a.target_offset - ops->entry_size;
	for (at = 0; !wrong && at < end;
	     at += ((struct xt_entry_match *)(a.elements + at))->u.match_size)
		wrong = element_differs((void *)(a.elements + at), (void *)(b.elements + at),
					false);
	if (!wrong &&
	    (ours->standard != theirs->standard || strcmp(ours->target, theirs->target) != 0))
		wrong = "the target";
	if (!wrong && !ours->standard)
		wrong = element_differs((void *)mg_entry_target(&a, ops),
					(void *)mg_entry_target(&b, ops), true);
	if (!wrong && (a.counters->pcnt > b.counters->pcnt || a.counters->bcnt > b.counters->bcnt))
		wrong = "counters";
	/* the diff sees no change */
	if (!wrong && (!mg_entry_equal(ops, ours, theirs) || !mg_entry_same(ops, ours, theirs) ||
		       mg_entry_hash(ops, ours) != mg_entry_hash(ops, theirs)))
		wrong = "the quick comparison";
	return wrong;
}

/* How far each chain was read. */
static uint32_t *position(const struct mg_image_chain *chain)
{
	static uint32_t at[MOST_CHAINS];

	return &at[(size_t)(chain - live->chains) % MOST_CHAINS];
}

static int compile(const char *chain_name, const char *rule, const char *table,
		   struct mg_arena *arena, struct mg_compiled_rule *compiled)
{
	struct mg_compile_context context = {
		.table = table, .chain = chain_name, .is_chain = is_chain, .data = live
	};
	struct mg_args args = { 0 };
	struct mg_error error = { .text = "no such chain" };
	int err = mg_image_find(live, chain_name) ? mg_args_split(&args, rule, strlen(rule), &error)
						  : -1;

	if (!err && args.argc) {
		const char *end = args.argv[args.argc - 1];

		err = mg_compile_rule(ops->family, &context, args.argv[0], args.argc,
				      (size_t)(end + strlen(end) + 1 - args.argv[0]), arena,
				      compiled, &error);
	} else if (!err) {
		err = mg_compile_rule(ops->family, &context, "", 0, 0, arena, compiled, &error);
	}
	mg_args_clear(&args);
	if (err)
		printf("%s: %s\n", rule, error.text);
	return err;
}

/* Would the diff take the rule for the loaded one, and should it? */
static int judge_value(const char *chain_name, char *words, const char *table)
{
	const struct mg_image_chain *chain = mg_image_find(live, chain_name);
	const char *number = strtok(words, "\t"), *relation = strtok(NULL, "\t");
	const char *rule = strtok(NULL, "");
	struct mg_arena arena = { 0 };
	struct mg_compiled_rule compiled;
	int err = compile(chain_name, rule ? rule : "", table, &arena, &compiled);

	if (!err && (compiled.count != 1 || strtoul(number, NULL, 10) >= chain->count)) {
		err = printf("%s: not one rule, or none to compare it with\n", rule);
	} else if (!err) {
		const struct mg_entry *there = &live->entries[chain->first + atoi(number)];
		const struct mg_entry ours = { .bytes = compiled.entries[0],
					       .target = compiled.target,
					       .standard = compiled.standard };
		const bool equal = mg_entry_equal(ops, &ours, there);

		if (equal != (strcmp(relation, "same") == 0))
			printf("%s: %s\n", rule, equal ? "a change is missed" : "a false change");
		if (equal && mg_entry_frame_hash(ops, &ours) != mg_entry_frame_hash(ops, there))
			printf("%s: equal rules in different frames\n", rule);
	}
	mg_arena_clear(&arena);
	return err;
}

static int compare(const char *chain_name, const char *rule, const char *table)
{
	const struct mg_image_chain *chain = mg_image_find(live, chain_name);
	struct mg_compiled_rule compiled;
	struct mg_arena arena = { 0 };
	const char *wrong = NULL;
	uint32_t i;
	int err = compile(chain_name, rule, table, &arena, &compiled);

	if (!err) {
		for (i = 0; i < compiled.count && !wrong; i++) {
			const uint32_t number = (*position(chain))++;
			struct mg_entry ours = { .bytes = compiled.entries[i],
						 .target = compiled.target,
						 .standard = compiled.standard };

			wrong = number < chain->count
					? entry_differs(&ours,
							&live->entries[chain->first + number])
					: "there are fewer rules";
		}
		if (wrong)
			printf("%s: %s\n", rule, wrong);
	}
	mg_arena_clear(&arena);
	return err || wrong;
}

int main(int argc, char **argv)
{
	static char line[65536];
	struct mg_image *image;
	struct mg_error error;
	unsigned int compared = 0;
	const enum mg_family family = argc > 1 && *argv[1] == '6' ? MG_IPV6 : MG_IPV4;
	const bool values = argc == 4 && strcmp(argv[3], "values") == 0;

	if ((argc != 3 && !values) || mg_session_open(&error) ||
	    mg_table_read(family, argv[2], &image, &error)) {
		fprintf(stderr, "%s\n", argc > 2 ? error.text : "usage: 4|6 TABLE [values]");
		return 2;
	}
	ops = mg_family_ops(family);
	live = image;
	mg_session_family(family);
	while (fgets(line, sizeof(line), stdin)) {
		char *rule = strchr(line, '\t');

		line[strcspn(line, "\n")] = '\0';
		if (!rule)
			continue;
		*rule++ = '\0';
		if (values)
			judge_value(line, rule, argv[2]);
		else
			compare(line, rule, argv[2]);
		compared++;
	}
	printf("%u compared\n", compared);
	mg_image_free(image);
	return 0;
}
