/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Established flows that the plan would not admit if they began now: found in the
 * live namespace, judged by the probe, told, and ended if that is asked for.
 */
#include "flows.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "netfilter/routes.h"
#include "ruleset/failure.h"

/*
 * Judged are the heaviest of them, which takes 20 us each; but all of them if those
 * that are denied are to end. Told are some of these.
 */
enum { MOST_JUDGED = 10000, MOST_KNOWN = 500000, MOST_LISTED = 5 };
enum { MOST_MS = 1000, MOST_MS_TO_END = 15 * 1000 };

struct mg_engine_flows {
	struct mg_probe_flow *judged; /* the heaviest first */
	size_t judged_count;
	struct mg_flow *denied;
	size_t denied_count;
	struct mg_flow_report report;
	struct mg_flow_line lines[MOST_LISTED];
	struct {
		char protocol[16], source[INET6_ADDRSTRLEN], destination[INET6_ADDRSTRLEN];
	} texts[MOST_LISTED];
};

void mg_engine_flows_free(struct mg_engine_flows *flows)
{
	if (!flows)
		return;
	free(flows->judged);
	free(flows->denied);
	free(flows);
}

static bool is_operators(const struct mg_engine *engine, const struct mg_flow *flow)
{
	size_t i;

	for (i = 0; i < engine->operator.count; i++) {
		const struct mg_connection *connection = &engine->operator.connections[i];

		if (flow->protocol == IPPROTO_TCP && flow->family == connection->family &&
		    flow->reply.source_port == connection->server_port &&
		    flow->reply.destination_port == connection->client_port &&
		    memcmp(flow->reply.source, connection->server, 16) == 0 &&
		    memcmp(flow->reply.destination, connection->client, 16) == 0)
			return true;
	}
	return false;
}

/* Without counters: who was heard of last has the longest to live. */
static int heavier(const void *one, const void *other)
{
	const struct mg_flow *a = one, *b = other;

	if (a->bytes != b->bytes)
		return a->bytes < b->bytes ? 1 : -1;
	if (a->packets != b->packets)
		return a->packets < b->packets ? 1 : -1;
	return a->timeout < b->timeout ? 1 : a->timeout > b->timeout ? -1 : 0;
}

static bool is_link_local(const struct mg_flow *flow)
{
	return flow->family == MG_IPV6 &&
	       ((flow->original.source[0] == 0xfe && flow->original.source[1] >> 6 == 2) ||
		(flow->original.destination[0] == 0xfe && flow->original.destination[1] >> 6 == 2));
}

/* Where does its first packet come in, and where would it go? */
static void find_way(struct mg_routes *routes, struct mg_probe_flow *out)
{
	const struct mg_flow *flow = &out->flow;
	struct mg_route source, destination, beyond = { .local = true };

	if (!mg_is_judged_protocol(flow->protocol) || is_link_local(flow) ||
	    mg_route_find(routes, flow->family, flow->original.source, NULL, &source) ||
	    mg_route_find(routes, flow->family, flow->original.destination, NULL, &destination))
		return;
	/* behind a DNAT it goes on to who answers */
	if (memcmp(flow->reply.source, flow->original.destination, 16) != 0 &&
	    mg_route_find(routes, flow->family, flow->reply.source, NULL, &beyond))
		return;
	out->from_here = source.local;
	out->to_here = destination.local;
	if (!source.local)
		memcpy(out->in, source.interface, sizeof(out->in));
	if (!destination.local)
		memcpy(out->out, destination.interface, sizeof(out->out));
	else if (!beyond.local)
		memcpy(out->out, beyond.interface, sizeof(out->out));
	out->is_known = true;
}

static int choose(struct mg_engine *engine, struct mg_engine_flows *flows, struct mg_flow *items,
		  size_t count)
{
	const size_t most = engine->request.drop_flows || count < MOST_JUDGED ? count : MOST_JUDGED;
	struct mg_routes *routes;
	size_t i;
	int err = mg_routes_open(&routes);

	if (err)
		return err;
	if (count)
		qsort(items, count, sizeof(*items), heavier);
	flows->judged = calloc(most + 1, sizeof(*flows->judged));
	for (i = 0; flows->judged && i < count && flows->judged_count < most; i++) {
		struct mg_probe_flow *flow = &flows->judged[flows->judged_count];

		/* his own goes on, unless he knows that it is denied */
		if (!engine->request.force && is_operators(engine, &items[i]))
			continue;
		flow->flow = items[i];
		find_way(routes, flow);
		flows->judged_count++;
		flows->report.counted |= items[i].counted;
	}
	mg_routes_close(routes);
	flows->report.established = count;
	return flows->judged ? 0 : -ENOMEM;
}

int mg_engine_flows_gather(struct mg_engine *engine, struct mg_probe_order *order,
			   struct mg_error *error)
{
	const size_t known = mg_flows_known();
	struct mg_engine_flows *flows;
	struct mg_flow *items = NULL;
	size_t count = 0;
	int err;

	mg_engine_flows_free(engine->flows);
	engine->flows = NULL;
	if (!(engine->request.flows || engine->request.drop_flows) || engine->is_elsewhere ||
	    !known)
		return 0;
	if (known > MOST_KNOWN)
		return mg_engine_flows_unjudged(engine, "there are too many", error);
	flows = engine->flows = calloc(1, sizeof(*flows));
	if (!flows)
		return mg_engine_no_memory(error);
	err = mg_flows_read(engine->plan->families, &items, &count);
	if (err != -ENOMEM && err)
		return mg_engine_flows_unjudged(engine, strerror(-err), error);
	if (!err)
		err = choose(engine, flows, items, count);
	free(items);
	order->flows = flows->judged;
	order->flow_count = flows->judged_count;
	order->flow_ms = engine->request.drop_flows ? MOST_MS_TO_END : MOST_MS;
	return err ? mg_engine_no_memory(error) : 0;
}

int mg_engine_flows_unjudged(struct mg_engine *engine, const char *reason, struct mg_error *error)
{
	const bool drops = engine->request.drop_flows;

	mg_engine_flows_free(engine->flows);
	engine->flows = NULL;
	return mg_note(&engine->notes, drops ? MG_WARNING : MG_INFO, NULL, NULL,
		       "which established flows would not be admitted any more could not be "
		       "judged%s: %s",
		       drops ? ", so none is ended" : "", reason)
		       ? mg_engine_no_memory(error)
		       : 0;
}

static void list_flow(struct mg_engine_flows *flows, const struct mg_flow *flow)
{
	const size_t index = flows->report.listed++;
	const int af = flow->family == MG_IPV4 ? AF_INET : AF_INET6;
	const bool ports = flow->protocol == IPPROTO_TCP || flow->protocol == IPPROTO_UDP;
	char *protocol = flows->texts[index].protocol;

	if (flow->protocol == IPPROTO_TCP || flow->protocol == IPPROTO_UDP)
		strcpy(protocol, flow->protocol == IPPROTO_TCP ? "tcp" : "udp");
	else if (flow->protocol == IPPROTO_ICMP || flow->protocol == IPPROTO_ICMPV6)
		strcpy(protocol, flow->protocol == IPPROTO_ICMP ? "icmp" : "icmpv6");
	else
		snprintf(protocol, sizeof(flows->texts[index].protocol), "%u", flow->protocol);
	if (!inet_ntop(af, flow->original.source, flows->texts[index].source, INET6_ADDRSTRLEN) ||
	    !inet_ntop(af, flow->original.destination, flows->texts[index].destination,
		       INET6_ADDRSTRLEN))
		flows->texts[index].source[0] = '\0';
	flows->lines[index] = (struct mg_flow_line){
		.family = flow->family,
		.protocol = protocol,
		.source = flows->texts[index].source,
		.destination = flows->texts[index].destination,
		.source_port = ports ? flow->original.source_port : 0,
		.destination_port = ports ? flow->original.destination_port : 0,
		.packets = flow->packets,
		.bytes = flow->bytes,
	};
}

int mg_engine_flows_learn(struct mg_engine *engine, const struct mg_probe *probe,
			  struct mg_error *error)
{
	struct mg_engine_flows *flows = engine->flows;
	size_t i;
	int err = 0;

	if (!flows || !flows->judged_count)
		return 0;
	flows->denied = calloc(flows->judged_count, sizeof(*flows->denied));
	if (!flows->denied)
		return mg_engine_no_memory(error);
	for (i = 0; i < flows->judged_count; i++) {
		const enum mg_admission admission = mg_probe_admission(probe, i, &err);

		if (err)
			return mg_engine_flows_unjudged(engine, strerror(-err), error);
		flows->report.judged += admission != MG_ADMISSION_UNKNOWN;
		if (admission != MG_ADMISSION_DENIED)
			continue;
		flows->denied[flows->denied_count++] = flows->judged[i].flow;
		if (flows->report.listed < MOST_LISTED)
			list_flow(flows, &flows->judged[i].flow);
	}
	flows->report.denied = flows->denied_count;
	flows->report.lines = flows->lines;
	return 0;
}

const struct mg_flow_report *mg_engine_flow_report(const struct mg_engine *engine)
{
	return engine->flows ? &engine->flows->report : NULL;
}

void mg_engine_flows_to_end(const struct mg_engine *engine, const struct mg_flow **out,
			    size_t *count)
{
	const bool any = engine->request.drop_flows && engine->flows;

	*out = any ? engine->flows->denied : NULL;
	*count = any ? engine->flows->denied_count : 0;
}

size_t mg_engine_flows_ended(const struct mg_engine *engine)
{
	const struct mg_flow *flows;
	size_t count, ended = 0, i;

	mg_engine_flows_to_end(engine, &flows, &count);
	for (i = 0; i < count; i++)
		ended += !mg_flow_is_there(&flows[i]);
	return ended;
}
