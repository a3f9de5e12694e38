/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Gathering what the probe needs of the live namespace, and sending it out.
 */
#include "preflight.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flows.h"
#include "netfilter/ipset.h"
#include "netfilter/routes.h"
#include "netfilter/set_rules.h"
#include "netfilter/table.h"
#include "plan/sockets.h"
#include "plan/ssh_connection.h"
#include "ruleset/failure.h"
#include "ruleset/growable.h"

/* What is asked of the probe, and what that refers to. */
struct inquiry {
	struct mg_probe_order order;
	const struct mg_image *images[MG_MOST_TABLES];
	struct mg_image *others[MG_MOST_TABLES]; /* live tables that the plan leaves alone */
	size_t image_count, other_count;
	struct mg_probe_way *ways;
	size_t way_count;
	size_t skipped;		/* connections of which it is not known by what they come */
	const char **set_names; /* of other software; ended by NULL */
	size_t set_count, set_capacity;
	char *set_text;
};

int mg_engine_diagnose_own(struct mg_engine *engine, struct mg_error *error)
{
	free(engine->way_note_ends);
	engine->first_way_note = engine->notes.count;
	engine->way_note_ends = calloc(engine->operator.count + 1, sizeof(*engine->way_note_ends));
	if (!engine->way_note_ends)
		return mg_engine_no_memory(error);
	return mg_engine_diagnose(engine, engine->ruleset, &engine->notes, engine->way_note_ends,
				  error);
}

static bool reads_loose(void)
{
	FILE *file = fopen("/proc/sys/net/netfilter/nf_conntrack_tcp_loose", "re");
	int byte = '1';

	if (file) {
		byte = fgetc(file);
		fclose(file);
	}
	return byte != '0';
}

/* Does the session exist? SSH_CONNECTION may be older than the connection. */
static bool is_alive(const struct mg_sockets *sockets, const struct mg_connection *connection)
{
	size_t i;

	for (i = 0; i < sockets->count; i++)
		if (!sockets->items[i].listens &&
		    mg_ssh_connection_equal(&sockets->items[i].connection, connection))
			return true;
	return false;
}

/*
 * What conntrack knows of the session: to which address it came, before a DNAT.
 * False where it does not answer.
 */
static bool ask_conntrack(struct mg_probe_way *way)
{
	const struct mg_connection *connection = &way->connection;
	struct mg_tuple answers = {
		.source_port = connection->server_port,
		.destination_port = connection->client_port,
	};
	struct mg_flow flow;
	int err = -ENOENT;

	way->original = (struct mg_tuple){
		.source_port = connection->client_port,
		.destination_port = connection->server_port,
	};
	memcpy(way->original.source, connection->client, 16);
	memcpy(way->original.destination, connection->server, 16);
	memcpy(answers.source, connection->server, 16);
	memcpy(answers.destination, connection->client, 16);
	if (mg_flows_known())
		err = mg_flow_find(connection->family, IPPROTO_TCP, &answers, &flow);
	if (!err) {
		way->original = flow.original;
		way->tracked = way->lives = true;
	}
	return !err || err == -ENOENT;
}

/* By which interface do the answers go, and, as far as is known, the packets come? */
static void find_interfaces(struct mg_routes *routes, struct mg_probe_way *way)
{
	const struct mg_connection *connection = &way->connection;
	struct mg_route route = { 0 };

	if (mg_connection_is_local(connection)) {
		strcpy(way->in, "lo");
		strcpy(way->out, "lo");
		return;
	}
	strcpy(way->in, connection->interface);
	if (mg_route_find(routes, connection->family, way->original.source, connection->server,
			  &route) &&
	    mg_route_find(routes, connection->family, way->original.source, NULL, &route))
		route.interface[0] = '\0';
	/* a scoped address says it best */
	strcpy(way->out, *route.interface ? route.interface : way->in);
	if (connection->family == MG_IPV6 && connection->client[0] == 0xfe && *way->in)
		strcpy(way->out, way->in);
	if (!*way->in)
		strcpy(way->in, way->out);
}

/* A way for each connection, and a second one where he may come by another interface. */
static int find_ways(const struct mg_engine *engine, struct inquiry *inquiry)
{
	const struct mg_operator *known = &engine->operator;
	struct mg_sockets sockets = { 0 };
	struct mg_routes *routes;
	bool answers;
	size_t i;
	int err;

	inquiry->ways = calloc(2 * known->count + 1, sizeof(*inquiry->ways));
	err = inquiry->ways ? mg_routes_open(&routes) : -ENOMEM;
	if (err)
		return err;
	for (i = 0; i < known->count && !err; i++) {
		struct mg_probe_way *way = &inquiry->ways[inquiry->way_count];

		if (!(engine->plan->families & 1U << known->connections[i].family))
			continue;
		/* all of it: a connection that was skipped has left its marks in this place */
		*way = (struct mg_probe_way){
			.connection = known->connections[i],
			.number = i,
		};
		answers = ask_conntrack(way);
		if (answers && !way->tracked && !sockets.items)
			err = mg_sockets_read("/proc", &sockets);
		if (answers && !way->tracked)
			way->lives = is_alive(&sockets, &way->connection);
		find_interfaces(routes, way);
		if (!*way->in) {
			inquiry->skipped++;
			continue;
		}
		inquiry->way_count++;
		if (strcmp(way->in, way->out) == 0)
			continue;
		way[1] = way[0];
		strcpy(way[1].in, way->out);
		way[1].lives = false;
		inquiry->way_count++;
	}
	mg_sockets_clear(&sockets);
	mg_routes_close(routes);
	return err;
}

/* Live tables of other software judge packets, too: raw, mangle, nat. */
static int read_others(const struct mg_engine *engine, struct inquiry *inquiry,
		       struct mg_error *error)
{
	const char *const *table;
	int family, err = 0;

	for (table = mg_commit_order; *table && !err; table++)
		for (family = 0; family < MG_FAMILIES && !err; family++) {
			struct mg_image **image = &inquiry->others[inquiry->other_count];

			if (!(engine->plan->families & 1U << family) ||
			    mg_plan_find(engine->plan, (enum mg_family)family, *table) ||
			    mg_table_exists((enum mg_family)family, *table) != 1)
				continue;
			err = mg_table_read((enum mg_family)family, *table, image, error);
			if (!err) {
				inquiry->other_count++;
				inquiry->images[inquiry->image_count++] = *image;
			}
		}
	return err;
}

struct looking {
	const struct mg_engine *engine;
	struct inquiry *inquiry;
	enum mg_family family;
};

/* A set that is not the policy's. */
static int note_set(void *context, struct xt_set_info *info)
{
	struct looking *looking = context;
	struct inquiry *inquiry = looking->inquiry;
	const char *name = mg_set_name(info->index);
	size_t i;

	if (!name || mg_sets_find(inquiry->order.sets, looking->family, name) != UINT32_MAX)
		return 0;
	for (i = 0; i < inquiry->set_count; i++)
		if (strcmp(inquiry->set_names[i], name) == 0)
			return 0;
	if (mg_make_room((void **)&inquiry->set_names, &inquiry->set_capacity,
			 inquiry->set_count + 2, sizeof(*inquiry->set_names)))
		return -ENOMEM;
	inquiry->set_names[inquiry->set_count++] = name;
	inquiry->set_names[inquiry->set_count] = NULL;
	return 0;
}

static int copy_sets(const struct mg_engine *engine, struct inquiry *inquiry,
		     struct mg_error *error)
{
	struct looking looking = { engine, inquiry, MG_IPV4 };
	size_t i, j;
	int err = 0;

	for (i = 0; i < inquiry->image_count && mg_set_any(); i++) {
		const struct mg_image *image = inquiry->images[i];

		looking.family = image->family;
		for (j = 0; j < image->entry_count && !err; j++)
			err = mg_set_rules_each(mg_family_ops(image->family),
						image->entries[j].bytes, note_set, &looking);
	}
	if (err)
		return mg_engine_no_memory(error);
	return inquiry->set_count
		       ? mg_ipset_save_text(inquiry->set_names, &inquiry->set_text, error)
		       : 0;
}

static int prepare(const struct mg_engine *engine, struct inquiry *inquiry, struct mg_error *error)
{
	const struct mg_plan *plan = engine->plan;
	size_t i;
	int err;

	inquiry->order.sets = mg_ruleset_sets_const(plan->ruleset);
	inquiry->order.loose = reads_loose();
	if (find_ways(engine, inquiry))
		return mg_engine_no_memory(error);
	for (i = 0; i < plan->table_count; i++)
		inquiry->images[inquiry->image_count++] = plan->tables[i].wanted;
	err = read_others(engine, inquiry, error);
	if (!err)
		err = copy_sets(engine, inquiry, error);
	inquiry->order.images = inquiry->images;
	inquiry->order.image_count = inquiry->image_count;
	inquiry->order.ways = inquiry->ways;
	inquiry->order.way_count = inquiry->way_count;
	inquiry->order.other_sets = inquiry->set_text;
	return err;
}

static void clear(struct inquiry *inquiry)
{
	size_t i;

	for (i = 0; i < inquiry->other_count; i++)
		mg_image_free(inquiry->others[i]);
	free(inquiry->ways);
	free(inquiry->set_names);
	free(inquiry->set_text);
}

/* With or without the tables themselves. */
static int run(const struct mg_engine *engine, bool rules, const struct mg_sequel *sequel,
	       struct mg_error *error)
{
	size_t culprit, entry;

	if (rules)
		return mg_plan_try_then(engine->plan, sequel, error);
	return sequel ? mg_trial_then(NULL, 0, sequel, &culprit, &entry, error) : 0;
}

/* Where there is no namespace to be had, an apply is not for that impossible. */
static int settle_without(struct mg_engine *engine, struct mg_error *words)
{
	static const char reason[] = "there is no private namespace to be had";
	int err = 0;

	if (mg_note(&engine->notes, MG_WARNING, NULL, NULL,
		    "%s: what the kernel thinks of them will be known when they are committed, and "
		    "a refusal then is undone",
		    words->text))
		err = mg_engine_no_memory(words);
	if (!err && engine->operator.count)
		err = mg_preflight_note_unjudged(engine, reason, NULL, words);
	if (!err && engine->flows)
		err = mg_engine_flows_unjudged(engine, reason, words);
	return err;
}

/* What came of it. @err: of the run */
static int settle(struct mg_engine *engine, int err, const struct mg_probe *probe,
		  const struct mg_probe_order *order, struct mg_error *words)
{
	const bool compared = engine->plan->table_count && engine->plan->tables[0].live;

	if (err)
		return words->status == MG_ENVIRONMENT && compared ? settle_without(engine, words)
								   : err;
	if (order->way_count)
		err = mg_preflight_notes(engine, probe, order, words);
	if (!err && probe)
		err = mg_engine_flows_learn(engine, probe, words);
	return err;
}

/* Is there anything to be judged but the rules? */
static bool is_probe_wanted(const struct mg_engine *engine)
{
	const bool flows = engine->request.flows || engine->request.drop_flows;

	return !engine->is_elsewhere && ((flows && mg_flows_known()) || engine->operator.count);
}

/* What cannot be learnt about the way in is told; the tables are tried all the same. */
static int make_probe(struct mg_engine *engine, struct inquiry *inquiry, struct mg_probe **out,
		      struct mg_error *error)
{
	int err = prepare(engine, inquiry, error);

	if (!err && engine->plan->table_count && engine->plan->tables[0].live)
		err = mg_engine_flows_gather(engine, &inquiry->order, error);
	if (err == -ENOMEM)
		return err;
	if (err && !engine->operator.count)
		return mg_engine_flows_unjudged(engine, error->text, error);
	if (err)
		return mg_preflight_note_unjudged(engine, error->text, NULL, error);
	if (inquiry->skipped && !inquiry->way_count)
		err = mg_preflight_note_unjudged(engine,
						 "no interface is known by which your client comes",
						 NULL, error);
	if (!err && (inquiry->way_count || inquiry->order.flow_count))
		err = mg_probe_new(&inquiry->order, out, error);
	return err;
}

static int note_no_operator(struct mg_engine *engine, struct mg_error *error)
{
	if (engine->is_elsewhere || engine->operator.count)
		return 0;
	return mg_note(&engine->notes, MG_INFO, NULL, NULL,
		       "there is no ssh session above this process: the check that a new one "
		       "gets in does not apply")
		       ? mg_engine_no_memory(error)
		       : 0;
}

int mg_engine_preflight(struct mg_engine *engine, bool rules, struct mg_error *error)
{
	struct inquiry inquiry = { .order = { .loose = true } };
	struct mg_error words = { 0 };
	struct mg_probe *probe = NULL;
	struct mg_sequel sequel;
	int err = note_no_operator(engine, &words);

	if (!err && is_probe_wanted(engine))
		err = make_probe(engine, &inquiry, &probe, &words);
	if (!err) {
		if (probe)
			sequel = mg_probe_sequel(probe);
		err = run(engine, rules, probe ? &sequel : NULL, &words);
		err = settle(engine, err, probe, &inquiry.order, &words);
	}
	if (err && error)
		*error = words;
	mg_probe_free(probe);
	clear(&inquiry);
	return err;
}
