/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A plan as JSON: the same sections and lines as people get.
 */
#include "json_document.h"

static json_t *json_summary(struct document *document, const struct mg_engine *engine)
{
	struct mg_plan_summary sum;
	json_t *object = json_object();

	mg_engine_plan_summary(engine, &sum);
	put(document, object, "empty", json_boolean(sum.is_empty));
	put(document, object, "added", json_count(sum.added));
	put(document, object, "removed", json_count(sum.removed));
	put(document, object, "moved", json_count(sum.moved));
	put(document, object, "kept", json_count(sum.kept));
	put(document, object, "chains_added", json_count(sum.chains_added));
	put(document, object, "chains_removed", json_count(sum.chains_removed));
	put(document, object, "policies_changed", json_count(sum.policies_changed));
	put(document, object, "foreign_rules", json_count(sum.foreign_rules));
	put(document, object, "foreign_chains", json_count(sum.foreign_chains));
	put(document, object, "sets_added", json_count(sum.sets_added));
	put(document, object, "sets_removed", json_count(sum.sets_removed));
	put(document, object, "members_added", json_count(sum.members_added));
	put(document, object, "members_removed", json_count(sum.members_removed));
	put(document, object, "refusals", json_count(mg_engine_refusals(engine)));
	return object;
}

/* A number for each family that has one. */
static json_t *json_numbers(struct document *document, const uint32_t numbers[MG_FAMILIES])
{
	static const char *const keys[MG_FAMILIES] = { "ipv4", "ipv6" };
	json_t *object = json_object();
	int family;

	for (family = 0; family < MG_FAMILIES; family++)
		if (numbers[family])
			put(document, object, keys[family], json_integer(numbers[family]));
	return object;
}

static json_t *json_line(struct document *document, const struct mg_line *line)
{
	static const char *const actions[] = {
		[MG_LINE_ADD] = "add",
		[MG_LINE_REMOVE] = "remove",
		[MG_LINE_MOVE] = "move",
		[MG_LINE_KEEP] = "keep",
	};
	json_t *object = json_object();

	put(document, object, "action", json_string(actions[line->kind]));
	put(document, object, "families", json_families(document, line->families));
	put(document, object, "number", json_numbers(document, line->number));
	if (!line->text) { /* a stretch of kept rules */
		put(document, object, "count", json_numbers(document, line->count));
		return object;
	}
	if (line->kind == MG_LINE_MOVE)
		put(document, object, "from", json_numbers(document, line->from));
	put(document, object, "rule", json_text(line->text));
	if (line->kind == MG_LINE_REMOVE) {
		put(document, object, "foreign", json_boolean(line->foreign));
		put(document, object, "owner", json_text(line->owner));
		put(document, object, "packets", json_count(line->packets));
		put(document, object, "bytes", json_count(line->bytes));
	} else {
		put(document, object, "origin", json_origin(document, line->origin));
		if (line->kind != MG_LINE_ADD)
			put(document, object, "kept_by", json_text(line->kept_by));
	}
	return object;
}

static json_t *json_policy(struct document *document, const struct mg_section *section)
{
	json_t *object;

	if (!section->policy_before && !section->policy_after)
		return json_null();
	object = json_object();
	put(document, object, "before", json_text(section->policy_before));
	put(document, object, "after", json_text(section->policy_after));
	return object;
}

static json_t *json_section(struct document *document, const struct mg_section *section)
{
	json_t *object = json_object(), *lines = json_array();
	size_t i;

	put(document, object, "table", json_text(section->table));
	put(document, object, "chain", json_text(section->chain));
	put(document, object, "families", json_families(document, section->families));
	put(document, object, "created", json_boolean(section->created));
	put(document, object, "removed", json_boolean(section->removed));
	put(document, object, "changed", json_boolean(section->changed));
	put(document, object, "foreign", json_boolean(section->foreign));
	put(document, object, "owner", json_text(section->owner));
	put(document, object, "kept_by", json_text(section->kept_by));
	put(document, object, "policy", json_policy(document, section));
	for (i = 0; i < section->line_count; i++)
		put_element(document, lines, json_line(document, &section->lines[i]));
	put(document, object, "lines", lines);
	return object;
}

static json_t *json_members(struct document *document, const char *const *texts, uint32_t listed)
{
	json_t *list = json_array();
	uint32_t i;

	for (i = 0; i < listed; i++)
		put_element(document, list, json_text(texts[i]));
	return list;
}

static json_t *json_set(struct document *document, const struct mg_set_change *set)
{
	json_t *object = json_object();

	put(document, object, "name", json_text(set->name));
	put(document, object, "family", json_string(set->family == MG_IPV4 ? "ipv4" : "ipv6"));
	put(document, object, "type", json_text(set->type));
	put(document, object, "live", set->live ? json_text(set->live) : json_null());
	put(document, object, "live_type", set->live ? json_text(set->live_type) : json_null());
	put(document, object, "created", json_boolean(set->created));
	put(document, object, "removed", json_boolean(set->removed));
	put(document, object, "changed", json_boolean(set->changed));
	put(document, object, "members", json_count(set->count));
	put(document, object, "members_added", json_count(set->added_count));
	put(document, object, "members_removed", json_count(set->removed_count));
	put(document, object, "added", json_members(document, set->added, set->added_listed));
	put(document, object, "gone",
	    json_members(document, set->removed_members, set->removed_listed));
	put(document, object, "origin",
	    *set->origin ? json_origin(document, set->origin) : json_null());
	return object;
}

static int json_sets(const struct options *options, const struct mg_engine *engine,
		     struct document *document, struct mg_error *error)
{
	json_t *sets = json_array();
	struct mg_set_changes *changes;
	size_t i;
	int err = mg_engine_set_changes(engine, options->verbose, &changes, error);

	for (i = 0; !err && i < mg_set_changes_count(changes); i++)
		put_element(document, sets, json_set(document, mg_set_changes_at(changes, i)));
	put(document, document->content, "sets", sets);
	if (!err)
		mg_set_changes_free(changes);
	return err;
}

static json_t *json_flow(struct document *document, const struct mg_flow_line *line, bool counted)
{
	json_t *object = json_object();

	put(document, object, "family", json_string(line->family == MG_IPV4 ? "ipv4" : "ipv6"));
	put(document, object, "protocol", json_text(line->protocol));
	put(document, object, "source", json_text(line->source));
	put(document, object, "destination", json_text(line->destination));
	put(document, object, "source_port",
	    line->source_port ? json_count(line->source_port) : json_null());
	put(document, object, "destination_port",
	    line->destination_port ? json_count(line->destination_port) : json_null());
	put(document, object, "packets", counted ? json_count(line->packets) : json_null());
	put(document, object, "bytes", counted ? json_count(line->bytes) : json_null());
	return object;
}

static json_t *json_flows(struct document *document, const struct mg_flow_report *report)
{
	json_t *object, *list;
	size_t i;

	if (!report)
		return json_null();
	object = json_object();
	list = json_array();
	put(document, object, "established", json_count(report->established));
	put(document, object, "judged", json_count(report->judged));
	put(document, object, "denied", json_count(report->denied));
	put(document, object, "counted", json_boolean(report->counted));
	for (i = 0; i < report->listed; i++)
		put_element(document, list,
			    json_flow(document, &report->lines[i], report->counted));
	put(document, object, "heaviest", list);
	return object;
}

int json_plan(const struct options *options, struct mg_engine *engine, struct document *document,
	      struct mg_error *error)
{
	json_t *chains = json_array();
	struct mg_sections *sections;
	size_t i;
	int err = mg_engine_sections(engine, options->verbose, &sections, error);

	document->content = json_object();
	put(document, document->content, "families",
	    json_families(document, mg_engine_families(engine)));
	put(document, document->content, "policy_file",
	    options->generation ? json_null() : json_text(options->request.policy));
	put(document, document->content, "from_generation",
	    options->generation ? json_integer(options->generation) : json_null());
	put(document, document->content, "summary", json_summary(document, engine));
	for (i = 0; !err && i < mg_sections_count(sections); i++)
		put_element(document, chains, json_section(document, mg_sections_at(sections, i)));
	put(document, document->content, "chains", chains);
	put(document, document->content, "flows",
	    json_flows(document, mg_engine_flow_report(engine)));
	if (!err) {
		mg_sections_free(sections);
		err = json_sets(options, engine, document, error);
	}
	return err;
}
