/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The plan's layout: a header per chain, a line per rule with its author at
 * the right.
 */
#include "render_plan.h"

#include <stdio.h>
#include <string.h>

#include "output.h"

enum { NARROWEST = 50, WIDEST = 100 };

static const unsigned int both = 1U << MG_IPV4 | 1U << MG_IPV6;

static const char *families_text(unsigned int families)
{
	return families == both ? "v4 v6" : families == 1U << MG_IPV4 ? "v4" : "v6";
}

/* Whose it likely is, and how it stays. */
static void print_owner(const char *owner)
{
	if (owner)
		printf(", likely %s's: keep(\"%s\") keeps it", owner, owner);
	else
		printf(", and not put there by Moongate");
}

static void print_header(const struct options *options, const struct mg_section *section)
{
	style(options, STRONG);
	printf("%s  ", section->table);
	print_plain(section->chain);
	printf("  (%s)", families_text(section->families));
	if (section->created && !section->policy_after)
		printf("   new chain");
	if (section->removed)
		printf("   chain to be removed");
	if (section->foreign)
		print_owner(section->owner);
	if (section->kept_by)
		printf("   kept: %s", section->kept_by);
	if (section->policy_after && strcmp(section->policy_before, section->policy_after) != 0)
		printf("   policy %s → %s", section->policy_before, section->policy_after);
	else if (section->policy_after)
		printf("   policy %s", section->policy_after);
	style(options, PLAIN);
	putchar('\n');
}

/* A rule may have another number in each family. */
static int print_numbers(const uint32_t number[MG_FAMILIES])
{
	if (number[MG_IPV4] && number[MG_IPV6] && number[MG_IPV4] != number[MG_IPV6])
		return printf("%u/%u", number[MG_IPV4], number[MG_IPV6]);
	return printf("%u", number[MG_IPV4] ? number[MG_IPV4] : number[MG_IPV6]);
}

static void print_remark(const struct options *options, const struct mg_line *line)
{
	char bytes[16];

	if (line->kind == MG_LINE_REMOVE) {
		style(options, FAINT);
		printf("not in the policy");
		if (line->foreign)
			print_owner(line->owner);
		printf("; %llu %s, %s so far", (unsigned long long)line->packets,
		       plural((size_t)line->packets, "packet", "packets"),
		       human_bytes(line->bytes, bytes));
		style(options, PLAIN);
	} else if (*line->origin) {
		print_origin(options, line->origin);
		if (line->kept_by) {
			style(options, FAINT);
			printf("  (%s)", line->kept_by);
			style(options, PLAIN);
		}
	}
}

static void print_line(const struct options *options, const struct mg_section *section,
		       const struct mg_line *line, int column)
{
	static const char marks[] = { '+', '-', '~', '=' };
	static const enum style styles[] = { ADDED, REMOVED, MOVED, PLAIN };
	int width;

	style(options, styles[line->kind]);
	if (!line->text) { /* a stretch of kept rules */
		printf("  = ");
		print_numbers(line->count);
		if (line->families != section->families)
			printf("  %s", families_text(line->families));
		printf("  unchanged, counters kept");
		style(options, PLAIN);
		putchar('\n');
		return;
	}
	width = printf("  %c ", marks[line->kind]);
	width += print_numbers(line->number);
	if (line->families != section->families)
		width += printf("  %s", families_text(line->families));
	width += printf("  ");
	if (line->kind == MG_LINE_MOVE) {
		width += printf("moved from ");
		width += print_numbers(line->from);
		width += printf(": ");
	}
	print_plain(*line->text ? line->text : "(every packet, no target)");
	style(options, PLAIN);
	if (*line->origin || line->kind == MG_LINE_REMOVE) {
		pad(width + text_width(line->text), column);
		print_remark(options, line);
	}
	putchar('\n');
}

static int origin_column(const struct mg_section *section)
{
	int widest = NARROWEST;
	size_t i;

	for (i = 0; i < section->line_count; i++) {
		int width = section->lines[i].text ? text_width(section->lines[i].text) + 12 : 0;

		if (width > widest && width <= WIDEST)
			widest = width;
	}
	return widest;
}

static void print_section(const struct options *options, const struct mg_section *section)
{
	int column = origin_column(section);
	size_t i;

	print_header(options, section);
	for (i = 0; i < section->line_count; i++)
		print_line(options, section, &section->lines[i], column);
	putchar('\n');
}

static void print_member(const struct options *options, char mark, enum style color,
			 const char *text)
{
	style(options, color);
	printf("  %c %s", mark, text);
	style(options, PLAIN);
	putchar('\n');
}

/* Members that come, or go: those that are listed, and how many more there are. */
static void print_members(const struct options *options, char mark, enum style color,
			  const char *const *texts, uint32_t listed, uint32_t count)
{
	char more[48];
	uint32_t i;

	for (i = 0; i < listed; i++)
		print_member(options, mark, color, texts[i]);
	if (count == listed)
		return;
	snprintf(more, sizeof(more), "and %u more", count - listed);
	print_member(options, mark, color, more);
}

/* Returns how many columns it takes. */
static int print_set_header(const struct mg_set_change *set)
{
	int width = printf("set %s  ", set->name);

	if (set->live && strcmp(set->live_type, set->type) != 0) {
		printf("%s → ", set->live_type);
		width += (int)strlen(set->live_type) + 3;
	}
	width += printf("%s   ", set->type);
	if (set->removed)
		width += printf("to be removed");
	else
		width += printf("%s%u %s", set->created ? "new, " : "", set->count,
				plural(set->count, "member", "members"));
	if (set->live && !set->removed && strcmp(set->live, set->name) != 0)
		width += printf(", now %s", set->live);
	return width;
}

/* What is not to be seen from its members. */
static void print_set_remark(const struct options *options, const struct mg_set_change *set)
{
	if (set->live && strcmp(set->live_type, set->type) != 0)
		print_member(options, '~', MOVED,
			     "another type: the tables that look into it are written, counters "
			     "kept");
	else if (set->changed && set->live && !set->added_count && !set->removed_count &&
		 !set->removed)
		print_member(options, '~', MOVED, "made anew, with the same members");
}

static void print_set(const struct options *options, const struct mg_set_change *set)
{
	int width;

	style(options, STRONG);
	width = print_set_header(set);
	style(options, PLAIN);
	if (*set->origin) {
		pad(width, NARROWEST);
		print_origin(options, set->origin);
	}
	putchar('\n');
	print_set_remark(options, set);
	print_members(options, '+', ADDED, set->added, set->added_listed, set->added_count);
	print_members(options, '-', REMOVED, set->removed_members, set->removed_listed,
		      set->removed_count);
	putchar('\n');
}

static int print_sets(const struct options *options, const struct mg_engine *engine,
		      struct mg_error *error)
{
	struct mg_set_changes *changes;
	size_t i;
	int err = mg_engine_set_changes(engine, options->verbose, &changes, error);

	if (err)
		return err;
	for (i = 0; i < mg_set_changes_count(changes); i++)
		print_set(options, mg_set_changes_at(changes, i));
	mg_set_changes_free(changes);
	return 0;
}

static void print_set_summary(const struct mg_plan_summary *sum)
{
	if (sum->sets_added)
		printf("%zu %s to create, ", sum->sets_added,
		       plural(sum->sets_added, "set", "sets"));
	if (sum->sets_removed)
		printf("%zu %s to delete, ", sum->sets_removed,
		       plural(sum->sets_removed, "set", "sets"));
	if (sum->members_added || sum->members_removed)
		printf("%zu %s to add, %zu to remove, ", sum->members_added,
		       plural(sum->members_added, "member", "members"), sum->members_removed);
}

static void print_summary(const struct mg_engine *engine, const char *closing)
{
	struct mg_plan_summary sum;

	mg_engine_plan_summary(engine, &sum);
	if (sum.is_empty) {
		printf("Nothing to do: the live tables are what the policy says (%zu %s).\n",
		       sum.kept, plural(sum.kept, "rule", "rules"));
		return;
	}
	printf("%zu to add, %zu to remove, %zu to move, %zu kept; ", sum.added, sum.removed,
	       sum.moved, sum.kept);
	if (sum.chains_added)
		printf("%zu %s to create, ", sum.chains_added,
		       plural(sum.chains_added, "chain", "chains"));
	if (sum.chains_removed)
		printf("%zu %s to delete, ", sum.chains_removed,
		       plural(sum.chains_removed, "chain", "chains"));
	print_set_summary(&sum);
	printf("%zu chain %s to change.", sum.policies_changed,
	       plural(sum.policies_changed, "policy", "policies"));
	printf("%s%s\n", closing ? " " : "", closing ? closing : "");
}

int render_plan(const struct options *options, const struct mg_engine *engine, const char *closing,
		struct mg_error *error)
{
	struct mg_sections *sections;
	size_t i;
	int err;

	if (options->quiet)
		return 0;
	err = mg_engine_sections(engine, options->verbose, &sections, error);
	if (err)
		return err;
	err = print_sets(options, engine, error);
	for (i = 0; !err && i < mg_sections_count(sections); i++)
		print_section(options, mg_sections_at(sections, i));
	mg_sections_free(sections);
	if (!err)
		print_summary(engine, closing);
	return err;
}
