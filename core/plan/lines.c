/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From diffs to lines: first for each family, then merged.
 */
#include "lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lines_merge.h"
#include "netfilter/print.h"
#include "ruleset/failure.h"
#include "ruleset/growable.h"
#include "ruleset/presets.h"

/* The lines of one chain, growing. */
struct writer {
	const struct mg_plan *plan;
	const struct mg_table_plan *table;
	struct mg_arena *arena;
	bool all;
	struct mg_line *lines;
	size_t count, capacity;
};

static int no_memory(struct mg_error *error)
{
	return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for a plan");
}

static int add_line(struct writer *writer, const struct mg_line *line, struct mg_error *error)
{
	if (mg_make_room((void **)&writer->lines, &writer->capacity, writer->count + 1,
			 sizeof(*line)))
		return no_memory(error);
	writer->lines[writer->count++] = *line;
	return 0;
}

static int add_rule(struct writer *writer, struct mg_line *line, const struct mg_entry *entry,
		    struct mg_error *error)
{
	const char *text;
	int err = mg_entry_text(mg_family_ops(writer->table->family), entry, &text, error);

	if (err)
		return err;
	line->families = 1U << writer->table->family;
	line->text = mg_arena_string(writer->arena, text);
	return line->text ? add_line(writer, line, error) : no_memory(error);
}

/* Live entries that go, from index @from up to @end. */
static int add_removed(struct writer *writer, const struct mg_image_chain *live, uint32_t from,
		       uint32_t end, struct mg_error *error)
{
	const struct mg_family_ops *ops = mg_family_ops(writer->table->family);
	struct mg_entry_view view;
	int err = 0;

	for (; from < end && !err; from++) {
		const struct mg_entry *entry = &writer->table->live->entries[from];
		struct mg_line line = { .kind = MG_LINE_REMOVE, .origin = "" };

		if (writer->table->diff->fates[from] != MG_REMOVED)
			continue;
		ops->view((void *)entry->bytes, &view);
		line.number[writer->table->family] = from - live->first + 1;
		line.foreign = writer->table->foreign && writer->table->foreign[from];
		line.packets = view.counters->pcnt;
		line.bytes = view.counters->bcnt;
		err = add_rule(writer, &line, entry, error);
		if (!err && line.foreign)
			writer->lines[writer->count - 1].owner = mg_owner_of(live->name, line.text);
	}
	return err;
}

/* The preset or pattern of a record of keep(). */
static const char *keeper(const struct mg_plan *plan, uint32_t record, const char **origin)
{
	struct mg_keep keep;

	mg_ruleset_keep_at(plan->ruleset, record, &keep);
	if (origin)
		*origin = keep.origin;
	return *keep.owner ? keep.owner : keep.pattern;
}

/* Whose is a rule that stays or moves, and by which line of the policy? */
static void tell_author(const struct writer *writer, const struct mg_entry *entry, uint32_t live,
			struct mg_line *line)
{
	const struct mg_kept *kept = writer->table->kept;

	line->origin = mg_plan_origin(writer->plan, entry);
	if (live != MG_NO_RULE && mg_is_kept(kept, live))
		line->kept_by = keeper(writer->plan, kept->rules[live], &line->origin);
}

static int add_kept(struct writer *writer, const struct mg_entry *entry, uint32_t live,
		    uint32_t number, struct mg_error *error)
{
	const unsigned int family = writer->table->family;
	struct mg_line line = { .kind = MG_LINE_KEEP, .origin = "" };
	struct mg_line *last = writer->count ? &writer->lines[writer->count - 1] : NULL;

	line.number[family] = number;
	if (writer->all) {
		tell_author(writer, entry, live, &line);
		return add_rule(writer, &line, entry, error);
	}
	if (last && last->kind == MG_LINE_KEEP) {
		last->count[family]++;
		return 0;
	}
	line.families = 1U << family;
	line.count[family] = 1;
	return add_line(writer, &line, error);
}

static int add_wanted(struct writer *writer, const struct mg_image_chain *live,
		      const struct mg_image_chain *wanted, uint32_t i, struct mg_error *error)
{
	const unsigned int family = writer->table->family;
	const struct mg_entry *entry = &writer->table->wanted->entries[wanted->first + i];
	const struct mg_source *source = &writer->table->diff->sources[wanted->first + i];
	struct mg_line line = { .kind = MG_LINE_ADD };

	if (source->kept)
		return add_kept(writer, entry, source->live, i + 1, error);
	line.number[family] = i + 1;
	tell_author(writer, entry, source->live, &line);
	if (live && source->live != MG_NO_RULE) {
		line.kind = MG_LINE_MOVE;
		line.from[family] = source->live - live->first + 1;
	}
	return add_rule(writer, &line, entry, error);
}

/* In the order of the chain as it will be; what goes comes where it stood. */
static int write_lines(struct writer *writer, const struct mg_image_chain *live,
		       const struct mg_image_chain *wanted, struct mg_error *error)
{
	uint32_t next = live ? live->first : 0, i;
	int err = 0;

	for (i = 0; wanted && i < wanted->count && !err; i++) {
		const struct mg_source *source = &writer->table->diff->sources[wanted->first + i];

		if (live && source->kept) {
			err = add_removed(writer, live, next, source->live, error);
			next = source->live + 1;
		}
		if (!err)
			err = add_wanted(writer, live, wanted, i, error);
	}
	if (live && !err)
		err = add_removed(writer, live, next, live->first + live->count, error);
	return err;
}

static bool is_changed(const struct mg_section *section)
{
	size_t i;

	if (section->created || section->removed)
		return true;
	if (section->policy_after && strcmp(section->policy_before, section->policy_after) != 0)
		return true;
	for (i = 0; i < section->line_count; i++)
		if (section->lines[i].kind != MG_LINE_KEEP)
			return true;
	return false;
}

static int make_section(const struct mg_plan *plan, const struct mg_table_plan *table,
			const char *name, bool all, struct mg_sections *out,
			struct mg_section *section, struct mg_error *error)
{
	const struct mg_image_chain *live = mg_image_find(table->live, name);
	const struct mg_image_chain *wanted = mg_image_find(table->wanted, name);
	struct writer writer = { .plan = plan, .table = table, .arena = &out->arena, .all = all };
	int err;

	*section = (struct mg_section){
		.table = table->table,
		.chain = name,
		.families = 1U << table->family,
		.policy_before = live ? live->policy : NULL,
		.policy_after = wanted ? wanted->policy : NULL,
		.created = !live,
		.removed = !wanted,
		.foreign = live && table->foreign_chain &&
			   table->foreign_chain[live - table->live->chains],
	};
	if (section->foreign)
		section->owner = mg_owner_of(name, NULL);
	if (live && wanted && mg_is_kept_chain(table->kept, (size_t)(live - table->live->chains)))
		section->kept_by = keeper(plan, table->kept->chains[live - table->live->chains],
					  NULL);
	err = write_lines(&writer, live, wanted, error);
	section->lines = writer.lines;
	section->line_count = writer.count;
	section->changed = is_changed(section);
	return err;
}

/* Takes over section->lines. */
static int add_section(struct mg_sections *out, struct mg_section *section, bool all,
		       struct mg_error *error)
{
	size_t i;

	if (!section->changed && !all) {
		free(section->lines);
		return 0;
	}
	for (i = 0; i < out->count; i++)
		if (mg_sections_agree(&out->items[i], section)) {
			int err = mg_lines_merge(&out->items[i], section);

			free(section->lines);
			return err ? no_memory(error) : 0;
		}
	if (mg_make_room((void **)&out->items, &out->capacity, out->count + 1, sizeof(*section))) {
		free(section->lines);
		return no_memory(error);
	}
	out->items[out->count++] = *section;
	return 0;
}

static int add_chain(const struct mg_plan *plan, const struct mg_table_plan *table,
		     const char *name, bool all, struct mg_sections *out, struct mg_error *error)
{
	struct mg_section section;
	int err = make_section(plan, table, name, all, out, &section, error);

	if (err) {
		free(section.lines);
		return err;
	}
	return add_section(out, &section, all, error);
}

static int make_sections(const struct mg_plan *plan, bool all, struct mg_sections *out,
			 struct mg_error *error)
{
	size_t i, j;
	int err = 0;

	for (i = 0; i < plan->table_count; i++) {
		const struct mg_table_plan *table = &plan->tables[i];

		if (!all && mg_diff_is_empty(table->diff))
			continue;
		for (j = 0; j < table->wanted->chain_count && !err; j++)
			err = add_chain(plan, table, table->wanted->chains[j].name, all, out,
					error);
		for (j = 0; j < table->live->chain_count && !err; j++)
			if (!mg_image_find(table->wanted, table->live->chains[j].name))
				err = add_chain(plan, table, table->live->chains[j].name, all, out,
						error);
	}
	return err;
}

int mg_sections_make(const struct mg_plan *plan, bool all, struct mg_sections **out,
		     struct mg_error *error)
{
	struct mg_sections *sections = calloc(1, sizeof(*sections));
	int err;

	if (!sections)
		return no_memory(error);
	err = make_sections(plan, all, sections, error);
	if (err) {
		mg_sections_free(sections);
		return err;
	}
	*out = sections;
	return 0;
}

size_t mg_sections_count(const struct mg_sections *sections)
{
	return sections->count;
}

const struct mg_section *mg_sections_at(const struct mg_sections *sections, size_t index)
{
	return index < sections->count ? &sections->items[index] : NULL;
}

void mg_sections_free(struct mg_sections *sections)
{
	size_t i;

	if (!sections)
		return;
	for (i = 0; i < sections->count; i++)
		free(sections->items[i].lines);
	free(sections->items);
	mg_arena_clear(&sections->arena);
	free(sections);
}
