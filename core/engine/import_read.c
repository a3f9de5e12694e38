/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading the dumps that are to be imported.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "importing.h"
#include "ruleset/digits.h"
#include "ruleset/failure.h"
#include "ruleset/growable.h"
#include "ruleset/keep.h"

/* An error has room for some lines; after so many the file is another kind of file. */
enum { MOST_WRONG = 12 };

void mg_rules_clear(struct mg_rules_read *read)
{
	mg_ruleset_free(read->rules);
	free(read->entries);
	mg_arena_clear(&read->arena);
	mg_arena_clear(&read->trials);
	mg_args_clear(&read->words);
	mg_patterns_clear(&read->patterns);
	mg_notes_clear(&read->wrong);
	free(read->remarks);
	free(read->counts);
	free(read->left);
}

static int add_remark(struct mg_rules_read *read, const char *text, struct mg_error *error)
{
	struct mg_remark remark = { .family = read->family };

	remark.text = mg_arena_string(&read->arena, text);
	if (!remark.text || mg_make_room((void **)&read->remarks, &read->remark_capacity,
					 read->remark_count + 1, sizeof(*read->remarks)))
		return mg_engine_no_memory(error);
	read->remarks[read->remark_count++] = remark;
	read->pending++;
	return 0;
}

/* The remarks that waited for a rule have it. */
static int settle_remarks(struct mg_rules_read *read, const char *table, const char *chain,
			  uint32_t index, struct mg_error *error)
{
	if (!read->pending)
		return 0;
	table = mg_arena_string(&read->arena, table);
	chain = mg_arena_string(&read->arena, chain);
	if (!table || !chain)
		return mg_engine_no_memory(error);
	for (; read->pending; read->pending--) {
		struct mg_remark *remark = &read->remarks[read->remark_count - read->pending];

		remark->table = table;
		remark->chain = chain;
		remark->index = index;
	}
	return 0;
}

/* A line that is none: remember it. @why: NULL for what is in @wrong */
static int take_wrong(struct mg_rules_read *read, const struct mg_dump_line *line, const char *why,
		      struct mg_error *error)
{
	char place[512], *remark = NULL;
	int err;

	snprintf(place, sizeof(place), "%s:%u", read->name, line->number);
	if (mg_note(&read->wrong, MG_WARNING, place, NULL, "%s", why))
		return mg_engine_no_memory(error);
	if (!read->lenient)
		return 0;
	if (asprintf(&remark, " NOT IMPORTED (%s: %.*s): %s", place, (int)strcspn(why, "\n"), why,
		     line->text) < 0)
		return mg_engine_no_memory(error);
	err = add_remark(read, remark, error);
	free(remark);
	return err;
}

/* Why a chain cannot be, or NULL. */
static const char *wrong_chain(const struct mg_dump_line *line)
{
	if (!mg_builtin_chains(line->table))
		return "there is no such table (raw, mangle, security, nat or filter)";
	if (line->policy && !mg_is_builtin_chain(line->table, line->chain))
		return "only a built-in chain has a policy";
	if (line->policy && strcmp(line->policy, "DROP") == 0 && strcmp(line->table, "nat") == 0)
		return "nat is no place to drop: the policy language has no DROP there";
	return NULL;
}

/* The same of a name that no chain can have; @why: the words */
static bool has_wrong_name(const struct mg_rules_read *read, const struct mg_dump_line *line,
			   struct mg_error *why)
{
	return !mg_is_builtin_chain(line->table, line->chain) &&
	       mg_compile_check_chain(read->family, line->chain, why) != 0;
}

/* The first time through: which chains there are. What is wrong is said here. */
static int take_chain(void *context, const struct mg_dump_line *line, struct mg_error *error)
{
	struct mg_rules_read *read = context;
	uint32_t chain;
	int err;

	if (line->kind != MG_DUMP_CHAIN || wrong_chain(line))
		return 0;
	if (read->lenient && has_wrong_name(read, line, NULL)) /* or that is an error later */
		return 0;
	if (!mg_is_builtin_chain(line->table, line->chain))
		mg_rules_see(read, line->chain, NULL);
	err = mg_ruleset_chain(read->rules, read->family, line->table, line->chain, "", &chain,
			       error);
	if (!err && line->policy)
		err = mg_ruleset_policy(read->rules, chain, line->policy, "", error);
	return err;
}

/* How many rules the chain has so far; NULL without memory. */
static uint32_t *count_of(struct mg_rules_read *read, uint32_t chain)
{
	const size_t before = read->counts ? read->count_capacity : 0;

	if (mg_make_room((void **)&read->counts, &read->count_capacity, (size_t)chain + 1,
			 sizeof(*read->counts)))
		return NULL;
	if (read->count_capacity > before)
		memset(read->counts + before, 0,
		       (read->count_capacity - before) * sizeof(*read->counts));
	return &read->counts[chain];
}

/* What stands behind "-A CHAIN " in a line; "" if it is not written like that. */
static const char *written_rule(const struct mg_dump_line *line)
{
	const size_t length = strlen(line->chain);

	if (strncmp(line->text, "-A ", 3) != 0 ||
	    strncmp(line->text + 3, line->chain, length) != 0 || line->text[3 + length] != ' ')
		return "";
	return line->text + 3 + length + 1;
}

/* Are the words those of the line? Most dumps are iptables-save's: there they are. */
static bool has_words(const struct mg_dump_line *line, const struct mg_args *words)
{
	uint32_t i = 0;

	if (line->argc != words->argc)
		return false;
	while (i < line->argc && strcmp(line->argv[i], words->argv[i]) == 0)
		i++;
	return i == line->argc;
}

/* Does the text of a rule, as split, mean it? The match "rateest" prints some that it refuses. */
static bool means_itself(struct mg_rules_read *read, const struct mg_dump_line *line,
			 const char *text)
{
	struct mg_error refused;
	const char *again;

	return mg_rules_print(read, read->family, line->table, line->chain, read->words.argc,
			      read->words.argv, &again, &refused) == 0 &&
	       strcmp(again, text) == 0;
}

/* The rule in the words of its line. Returns NULL without memory. */
static char *text_of_line(struct mg_rules_read *read, const struct mg_dump_line *line)
{
	char *text = NULL;
	size_t size;
	const char *args = mg_rules_join(read, NULL, line->argc, line->argv, &size);
	FILE *file = args ? open_memstream(&text, &size) : NULL;

	if (!file)
		return NULL;
	mg_args_print(file, args, line->argc);
	if (fclose(file)) {
		free(text);
		return NULL;
	}
	return text;
}

/* Add a rule as @text and, behind it, its words. */
static int add_words(struct mg_rules_read *read, uint32_t chain, const char *text, uint32_t argc,
		     const char *const *argv, const char *place, struct mg_error *error)
{
	size_t size;
	const char *args = mg_rules_join(read, text, argc, argv, &size);

	if (!args)
		return mg_engine_no_memory(error);
	return mg_ruleset_append_args(read->rules, chain, MG_RANK_SCRIPT, argc + 1, args, size,
				      place, error);
}

/* @alone: the line is one rule, so that its words may stand for what iptables would print */
static int add_text(struct mg_rules_read *read, const struct mg_dump_line *line, uint32_t chain,
		    const char *text, bool alone, const char *place, struct mg_error *error)
{
	char *copy;
	int err;

	if (strcmp(written_rule(line), text) == 0)
		return add_words(read, chain, text, line->argc, line->argv, place, error);
	err = mg_args_split(&read->words, text, strlen(text), error);
	if (err)
		return err;
	if (!alone || has_words(line, &read->words))
		return add_words(read, chain, text, read->words.argc, read->words.argv, place,
				 error);
	copy = strdup(text); /* printing another one takes its place */
	if (copy && !means_itself(read, line, copy)) {
		free(copy);
		copy = text_of_line(read, line);
		err = copy ? add_words(read, chain, copy, line->argc, line->argv, place, error)
			   : mg_engine_no_memory(error);
	} else if (copy) {
		err = add_words(read, chain, copy, read->words.argc, read->words.argv, place,
				error);
	} else {
		err = mg_engine_no_memory(error);
	}
	free(copy);
	return err;
}

static int add_entry(struct mg_rules_read *read, const struct mg_compiled_rule *rule,
		     uint32_t number, uint32_t chain, struct mg_error *error)
{
	if (mg_make_room((void **)&read->entries, &read->entry_capacity, read->entry_count + 1,
			 sizeof(*read->entries)))
		return mg_engine_no_memory(error);
	read->entries[read->entry_count++] = (struct mg_read_entry){
		.bytes = rule->entries[number],
		.target = rule->target,
		.standard = rule->standard,
		.chain = chain,
	};
	return 0;
}

/* "NAME:LINE"; a name that is too long is cut. */
static void write_place(char *out, size_t size, const char *name, unsigned int line)
{
	const size_t room = size - MG_MOST_DIGITS - 2, length = strlen(name);

	out = mempcpy(out, name, length < room ? length : room);
	*out++ = ':';
	*mg_put_number(out, line) = '\0';
}

static int add_rule(struct mg_rules_read *read, const struct mg_dump_line *line, uint32_t chain,
		    const struct mg_compiled_rule *rule, struct mg_error *error)
{
	uint32_t i, *count = count_of(read, chain);
	bool left = false;
	char place[512];
	const char *text;
	int err = 0;

	if (!count)
		return mg_engine_no_memory(error);
	write_place(place, sizeof(place), read->name, line->number);
	for (i = 0; i < rule->count && !err; i++) {
		err = mg_rules_entry_text(read, rule, i, &text, error);
		if (!err && strstr(text, "--match-set "))
			mg_rules_see(read, line->chain, text);
		if (!err && read->presets)
			err = mg_rules_leave(read, chain, line->chain, rule, text, *count, &left,
					     error);
		if (!err && left) {
			read->pending = 0; /* what was beside it is beside the whole */
			continue;
		}
		if (!err)
			err = settle_remarks(read, line->table, line->chain, *count, error);
		if (!err) /* first, since looking at the text again needs the rule's place */
			err = add_entry(read, rule, i, chain, error);
		if (!err)
			err = add_text(read, line, chain, text, rule->count == 1, place, error);
		*count += !err;
	}
	return err;
}

/* The chain that a rule goes to. Returns NULL, or why there is none. */
static const char *find_chain(struct mg_rules_read *read, const struct mg_dump_line *line,
			      uint32_t *out)
{
	if (!mg_builtin_chains(line->table))
		return "there is no such table (raw, mangle, security, nat or filter)";
	*out = mg_ruleset_find_chain(read->rules, read->family, line->table, line->chain);
	if (*out == UINT32_MAX && !mg_is_builtin_chain(line->table, line->chain))
		return "its chain is declared nowhere (:CHAIN - [0:0])";
	return NULL;
}

static int take_rule(struct mg_rules_read *read, const struct mg_dump_line *line,
		     struct mg_error *error)
{
	struct mg_compiled_rule rule = { .count = 0 };
	struct mg_error why = { 0 };
	uint32_t chain = UINT32_MAX;
	const char *wrong = find_chain(read, line, &chain);
	int err = 0;

	if (wrong)
		return take_wrong(read, line, wrong, error);
	if (chain == UINT32_MAX)
		err = mg_ruleset_chain(read->rules, read->family, line->table, line->chain, "",
				       &chain, error);
	if (err)
		return err;
	err = mg_rules_compile(read, line, chain, &rule, &why);
	if (err == -ENOMEM)
		return mg_engine_no_memory(error);
	return err ? take_wrong(read, line, why.text, error)
		   : add_rule(read, line, chain, &rule, error);
}

/* The second time: the rules. */
static int take_line(void *context, const struct mg_dump_line *line, struct mg_error *error)
{
	struct mg_rules_read *read = context;
	struct mg_error why = { 0 };
	const char *wrong;

	switch (line->kind) {
	case MG_DUMP_REMARK: return add_remark(read, line->text + 1, error);
	case MG_DUMP_WRONG: return take_wrong(read, line, line->why, error);
	case MG_DUMP_RULE: return take_rule(read, line, error);
	case MG_DUMP_CHAIN: break;
	}
	wrong = wrong_chain(line);
	if (!wrong && has_wrong_name(read, line, &why))
		wrong = why.text;
	return wrong ? take_wrong(read, line, wrong, error) : 0;
}

int mg_rules_read_text(struct mg_rules_read *read, const char *name, enum mg_family family,
		       const char *text, size_t length, struct mg_error *error)
{
	int err;

	read->name = name;
	read->family = family;
	read->families |= 1U << family;
	err = mg_dump_read_chains(text, length, take_chain, read, error);
	if (!err)
		err = mg_dump_read(text, length, take_line, read, error);
	read->pending = 0; /* behind the last rule: beside the whole */
	return err;
}

int mg_rules_begin(struct mg_rules_read *read, struct mg_error *error)
{
	int err = mg_ruleset_new(&read->rules, error);

	read->patterns_of = UINT32_MAX;
	return err ? err : mg_rules_keep(read, error);
}

/* Bring the entries into the order of the rules. */
static int sort_entries(struct mg_rules_read *read, struct mg_error *error)
{
	struct mg_read_entry *sorted = calloc(read->entry_count + 1, sizeof(*sorted));
	uint32_t *next = calloc(mg_ruleset_chain_count(read->rules) + 1, sizeof(*next));
	struct mg_chain_view chain;
	size_t i;

	if (!sorted || !next) {
		free(sorted);
		free(next);
		return mg_engine_no_memory(error);
	}
	for (i = 0; i < read->entry_count; i++) {
		const uint32_t number = read->entries[i].chain;

		mg_ruleset_chain_at(read->rules, number, &chain);
		sorted[chain.first + next[number]++] = read->entries[i];
	}
	free(next);
	free(read->entries);
	read->entries = sorted;
	return 0;
}

int mg_rules_end(struct mg_rules_read *read, struct mg_error *error)
{
	int err = mg_ruleset_seal(read->rules, error);

	if (!err)
		err = sort_entries(read, error);
	return err;
}

unsigned int mg_rules_families(const struct mg_rules_read *read)
{
	const uint32_t count = mg_ruleset_chain_count(read->rules);
	struct mg_chain_view chain;
	unsigned int families = 0;
	uint32_t i;

	for (i = 0; i < count; i++) {
		mg_ruleset_chain_at(read->rules, i, &chain);
		if (chain.count || (chain.policy && strcmp(chain.policy, "DROP") == 0) ||
		    (!mg_is_builtin_chain(chain.table, chain.name) &&
		     mg_ruleset_kept_by(read->rules, MG_KEEP_CHAINS, chain.name) == UINT32_MAX))
			families |= 1U << chain.family;
	}
	return families && !read->wrong.count ? families : read->families;
}

static int add_notes(const struct mg_notes *from, struct mg_notes *notes, struct mg_error *error)
{
	size_t i;

	for (i = 0; i < from->count; i++)
		if (mg_note(notes, MG_WARNING, from->items[i].place, NULL, "not imported: %s",
			    from->items[i].text))
			return mg_engine_no_memory(error);
	return 0;
}

int mg_rules_judge(struct mg_rules_read *read, struct mg_notes *notes, struct mg_error *error)
{
	const struct mg_notes *wrong = &read->wrong;
	char text[sizeof(error->text)] = "";
	size_t used = 0, i;

	if (read->lenient || !wrong->count)
		return add_notes(wrong, notes, error);
	for (i = 0; i < wrong->count && i < MOST_WRONG && used < sizeof(text); i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s: %s\n",
					 wrong->items[i].place, wrong->items[i].text);
	if (i < wrong->count && used < sizeof(text))
		snprintf(text + used, sizeof(text) - used, "... and %zu more\n", wrong->count - i);
	return mg_fail(error, -EINVAL, MG_INVALID,
		       "%s%s; nothing was written (--lenient makes comments of such lines)", text,
		       wrong->count == 1 ? "this line makes no sense"
					 : "these lines make no sense");
}
