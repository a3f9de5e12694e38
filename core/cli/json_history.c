/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The history as JSON, and one generation with its rules and sets.
 */
#include <string.h>

#include "json_document.h"

static json_t *json_changes(struct document *document, const struct mg_generation_info *info)
{
	const struct mg_plan_summary *sum = &info->summary;
	json_t *object;

	if (!info->has_summary)
		return json_null();
	object = json_object();
	put(document, object, "added", json_count(sum->added));
	put(document, object, "removed", json_count(sum->removed));
	put(document, object, "moved", json_count(sum->moved));
	put(document, object, "kept", json_count(sum->kept));
	put(document, object, "chains_added", json_count(sum->chains_added));
	put(document, object, "chains_removed", json_count(sum->chains_removed));
	put(document, object, "policies_changed", json_count(sum->policies_changed));
	put(document, object, "foreign_rules", json_count(sum->foreign_rules));
	put(document, object, "foreign_chains", json_count(sum->foreign_chains));
	put(document, object, "sets_added", json_count(sum->sets_added));
	put(document, object, "sets_removed", json_count(sum->sets_removed));
	put(document, object, "members_added", json_count(sum->members_added));
	put(document, object, "members_removed", json_count(sum->members_removed));
	return object;
}

/* @now: whether to look at what is there now */
static json_t *json_sources(struct document *document, const struct mg_generation_info *info,
			    bool now)
{
	static const char *const states[] = {
		[MG_FILE_SAME] = "same",
		[MG_FILE_CHANGED] = "changed",
		[MG_FILE_GONE] = "gone",
		[MG_FILE_UNREADABLE] = "unreadable",
	};
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < info->file_count; i++) {
		const struct mg_generation_file *file = &info->files[i];
		json_t *object = json_object();

		put(document, object, "kind", json_text(file->kind));
		put(document, object, "name", json_text(file->name));
		put(document, object, "path", json_text(file->path));
		put(document, object, "sha256", json_text(file->sha256));
		if (now)
			put(document, object, "now",
			    json_string(states[mg_generation_file_now(file)]));
		put_element(document, array, object);
	}
	return array;
}

static json_t *json_about(struct document *document, const struct mg_generation_info *info,
			  bool now)
{
	json_t *object = json_object();

	put(document, object, "number", json_integer(info->number));
	put(document, object, "in_force", json_boolean(info->in_force));
	put(document, object, "pending", json_boolean(info->is_pending));
	put(document, object, "damage", json_text(info->damage));
	put(document, object, "time", info->time ? json_time(info->time) : json_null());
	put(document, object, "user", json_text(info->user));
	put(document, object, "peer", json_text(info->peer));
	put(document, object, "policy_file", json_text(info->policy));
	put(document, object, "confirmed_by", json_text(info->confirmed_by));
	put(document, object, "confirmed_at",
	    info->confirmed_at ? json_time(info->confirmed_at) : json_null());
	put(document, object, "moongate", json_text(info->version));
	put(document, object, "from", info->from ? json_integer(info->from) : json_null());
	put(document, object, "changes", json_changes(document, info));
	put(document, object, "sources", json_sources(document, info, now));
	return object;
}

/* Where the next chain, rule, set and member go. */
struct place {
	struct document *document;
	json_t *chains, *rules, *sets, *members, *kept;
};

static int add_chain(void *context, const struct mg_live_chain *chain)
{
	struct place *place = context;
	json_t *object = json_object();

	place->rules = json_array();
	put(place->document, object, "family", json_family(chain->family));
	put(place->document, object, "table", json_text(chain->table));
	put(place->document, object, "chain", json_text(chain->name));
	put(place->document, object, "policy", json_text(chain->policy));
	put(place->document, object, "rules", place->rules);
	put_element(place->document, place->chains, object);
	return 0;
}

static int add_rule(void *context, uint32_t number, const struct mg_live_rule *rule)
{
	struct place *place = context;
	json_t *object = json_object();

	put(place->document, object, "number", json_integer(number));
	put(place->document, object, "rule", json_text(rule->text));
	put(place->document, object, "origin", json_origin(place->document, rule->origin));
	put_element(place->document, place->rules, object);
	return 0;
}

static int add_set(void *context, const struct mg_live_set *set)
{
	struct place *place = context;
	json_t *object = json_object();

	place->members = json_array();
	put(place->document, object, "name", json_text(set->name));
	put(place->document, object, "family", json_family(set->family));
	put(place->document, object, "type", json_text(set->type));
	put(place->document, object, "origin", json_origin(place->document, set->origin));
	put(place->document, object, "members", place->members);
	put_element(place->document, place->sets, object);
	return 0;
}

static int add_member(void *context, const char *text)
{
	struct place *place = context;

	put_element(place->document, place->members, json_text(text));
	return 0;
}

static int add_kept(void *context, const struct mg_live_kept *kept)
{
	struct place *place = context;
	json_t *object = json_object();

	put(place->document, object, "kind", json_text(kept->kind));
	put(place->document, object, "pattern", json_text(kept->pattern));
	put(place->document, object, "owner", *kept->owner ? json_text(kept->owner) : json_null());
	put(place->document, object, "origin", json_origin(place->document, kept->origin));
	put_element(place->document, place->kept, object);
	return 0;
}

static int json_one(const struct options *options, struct mg_engine *engine,
		    const struct mg_history *history, struct document *document,
		    struct mg_error *error)
{
	struct place place = { .document = document };
	const struct mg_live_visitor visitor = {
		.chain = add_chain,
		.rule = add_rule,
		.set = add_set,
		.member = add_member,
		.kept = add_kept,
		.context = &place,
	};
	size_t i;

	for (i = 0; i < mg_history_count(history); i++)
		if (mg_history_at(history, i)->number == options->generation)
			put(document, document->content, "generation",
			    json_about(document, mg_history_at(history, i), true));
	place.chains = json_array();
	put(document, document->content, "chains", place.chains);
	place.sets = json_array();
	put(document, document->content, "sets", place.sets);
	place.kept = json_array();
	put(document, document->content, "kept", place.kept);
	return mg_engine_visit_generation(engine, options->generation, &visitor, error);
}

int json_history(const struct options *options, struct mg_engine *engine, struct document *document,
		 struct mg_error *error)
{
	struct mg_history *history;
	json_t *list;
	size_t i;
	int err = mg_engine_history(engine, &history, error);

	if (err)
		return err;
	document->content = json_object();
	put(document, document->content, "families",
	    json_families(document, mg_engine_families(engine)));
	if (options->generation) {
		err = json_one(options, engine, history, document, error);
	} else {
		list = json_array();
		for (i = 0; i < mg_history_count(history); i++)
			put_element(document, list,
				    json_about(document, mg_history_at(history, i), false));
		put(document, document->content, "generations", list);
	}
	mg_history_free(history);
	return err;
}
