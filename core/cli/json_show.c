/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The live rules as JSON: tables, each with its chains, each with its rules.
 */
#include <string.h>

#include "json_document.h"

/* Where the next chain and the next rule go. */
struct place {
	struct document *document;
	json_t *tables, *chains, *rules;
	enum mg_family family; /* of the table that is open */
	char table[32];	       /* its name; "": none yet */
};

static void open_table(struct place *place, const struct mg_live_chain *chain)
{
	json_t *table = json_object();

	place->chains = json_array();
	put(place->document, table, "family", json_family(chain->family));
	put(place->document, table, "table", json_text(chain->table));
	put(place->document, table, "exists", json_boolean(chain->exists));
	put(place->document, table, "chains", place->chains);
	put_element(place->document, place->tables, table);
	place->family = chain->family;
	strncpy(place->table, chain->table, sizeof(place->table) - 1);
}

static json_t *json_policy(struct document *document, const struct mg_live_chain *chain)
{
	json_t *object;

	if (!chain->policy)
		return json_null();
	object = json_object();
	put(document, object, "verdict", json_text(chain->policy));
	put(document, object, "packets", json_count(chain->packets));
	put(document, object, "bytes", json_count(chain->bytes));
	return object;
}

static int add_chain(void *context, const struct mg_live_chain *chain)
{
	struct place *place = context;
	json_t *object = json_object();

	if (place->family != chain->family || strcmp(place->table, chain->table) != 0)
		open_table(place, chain);
	place->rules = json_array();
	put(place->document, object, "chain", json_text(chain->name));
	put(place->document, object, "policy", json_policy(place->document, chain));
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
	put(place->document, object, "packets", json_count(rule->packets));
	put(place->document, object, "bytes", json_count(rule->bytes));
	put(place->document, object, "ours", json_boolean(rule->origin));
	put(place->document, object, "origin", json_origin(place->document, rule->origin));
	put_element(place->document, place->rules, object);
	return 0;
}

int json_show(const struct options *options, struct mg_engine *engine, struct document *document,
	      struct mg_error *error)
{
	struct place place = { .document = document, .tables = json_array() };
	const struct mg_live_visitor visitor = {
		.chain = add_chain,
		.rule = add_rule,
		.context = &place,
	};

	document->content = json_object();
	put(document, document->content, "families",
	    json_families(document, mg_engine_families(engine)));
	put(document, document->content, "tables", place.tables);
	return mg_engine_visit(engine, options->table, options->chain, &visitor, error);
}
