/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How things stand, as JSON.
 */
#include "json_document.h"

static json_t *json_generation(struct document *document, const struct mg_generation_info *info)
{
	json_t *object;

	if (!info->number)
		return json_null();
	object = json_object();
	put(document, object, "number", json_integer(info->number));
	put(document, object, "time", json_time(info->time));
	put(document, object, "user", json_text(info->user));
	put(document, object, "policy_file", json_text(info->policy));
	put(document, object, "confirmed_by", json_text(info->confirmed_by));
	return object;
}

static json_t *json_pending(struct document *document, const struct mg_report *report)
{
	static const char *const states[] = {
		[MG_PENDING_NONE] = "none",	  [MG_PENDING_APPLYING] = "applying",
		[MG_PENDING_WAITING] = "waiting", [MG_PENDING_ENDING] = "ending",
		[MG_PENDING_LEFT] = "left",
	};
	json_t *object = json_object();

	put(document, object, "state", json_string(states[report->pending]));
	put(document, object, "generation",
	    report->pending == MG_PENDING_NONE ? json_null()
					       : json_integer(report->pending_number));
	put(document, object, "seconds_left",
	    report->pending == MG_PENDING_WAITING ? json_integer(report->seconds_left)
						  : json_null());
	put(document, object, "token", json_text(report->pending_token));
	return object;
}

static json_t *json_drift(struct document *document, const struct mg_report *report)
{
	json_t *object;

	if (!report->has_drift)
		return json_null();
	object = json_object();
	put(document, object, "drifted",
	    json_boolean(report->missing || report->policies || report->sets));
	put(document, object, "missing", json_count(report->missing));
	put(document, object, "policies", json_count(report->policies));
	put(document, object, "sets", json_count(report->sets));
	return object;
}

/* Who else has rules here. */
static json_t *json_owners(struct document *document, const struct mg_report *report)
{
	json_t *array;
	size_t i;

	if (report->owners_hidden)
		return json_null();
	array = json_array();
	for (i = 0; i < report->owner_count; i++) {
		const struct mg_owner *owner = &report->owners[i];
		json_t *object = json_object();

		put(document, object, "owner", json_text(owner->name));
		put(document, object, "table", json_text(owner->table));
		put(document, object, "families", json_families(document, owner->families));
		put(document, object, "rules", json_count(owner->rules));
		put(document, object, "chains", json_count(owner->chains));
		put(document, object, "kept", json_boolean(owner->kept));
		put_element(document, array, object);
	}
	return array;
}

void json_status(const struct mg_engine *engine, const struct mg_report *report,
		 struct document *document)
{
	json_t *content = json_object();

	document->content = content;
	put(document, content, "families", json_families(document, mg_engine_families(engine)));
	put(document, content, "backend", json_string("legacy"));
	put(document, content, "generation", json_generation(document, &report->confirmed));
	put(document, content, "pending", json_pending(document, report));
	put(document, content, "drift", json_drift(document, report));
	put(document, content, "foreign_rules",
	    report->has_drift ? json_count(report->foreign) : json_null());
	put(document, content, "owners", json_owners(document, report));
}
