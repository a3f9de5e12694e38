/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The order of a probe, and its run in the trial's child. See probe.h.
 */
#include "probe.h"

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "attempt.h"
#include "remembered.h"
#include "ruleset/failure.h"
#include "space.h"
#include "way_in.h"

/* More than any run takes; a kernel that hangs must not hang whoever asks. */
enum { MOST_SECONDS = 30 };

/* What the child tells. */
struct told {
	bool done;
	int err, flow_err;
	struct mg_probe_result results[]; /* and then an admission, one byte, for each flow */
};

struct mg_probe {
	struct mg_probe_order order;
	struct mg_probe_tables tables;
	struct told *told;
	size_t size;
};

static bool met(void *context, enum mg_family family, const char *path)
{
	return mg_is_remembered(context, family, path);
}

static uint8_t *admissions(const struct mg_probe *probe)
{
	return (uint8_t *)&probe->told->results[probe->order.way_count];
}

static int add_tuple(struct mg_reach *reach, const struct mg_tuple *tuple)
{
	int err = mg_reach_add(reach, tuple->source);

	return err ? err : mg_reach_add(reach, tuple->destination);
}

static int add_flows(struct mg_probe *probe)
{
	size_t i;
	int err = 0;

	for (i = 0; i < probe->order.flow_count && !err; i++) {
		const struct mg_flow *flow = &probe->order.flows[i].flow;
		struct mg_reach *reach = &probe->tables.reach[flow->family];

		probe->tables.protocols[flow->protocol] = true;
		err = add_tuple(reach, &flow->original);
		if (!err)
			err = add_tuple(reach, &flow->reply);
	}
	return err;
}

static int add_reach(struct mg_probe *probe)
{
	size_t i;
	int family, err = 0;

	probe->tables.protocols[IPPROTO_TCP] = true;
	probe->tables.reach[MG_IPV4].size = 4;
	probe->tables.reach[MG_IPV6].size = 16;
	for (i = 0; i < probe->order.way_count && !err; i++) {
		const struct mg_probe_way *way = &probe->order.ways[i];
		struct mg_reach *reach = &probe->tables.reach[way->connection.family];

		err = mg_reach_add(reach, way->connection.client);
		if (!err)
			err = mg_reach_add(reach, way->connection.server);
		if (!err)
			err = add_tuple(reach, &way->original);
	}
	if (!err)
		err = add_flows(probe);
	for (family = 0; family < MG_FAMILIES; family++)
		mg_reach_seal(&probe->tables.reach[family]);
	return err;
}

int mg_probe_new(const struct mg_probe_order *order, struct mg_probe **out, struct mg_error *error)
{
	struct mg_probe *probe = calloc(1, sizeof(*probe));
	struct mg_probe_memory memory = { .met = met };
	int err = -ENOMEM;

	if (!probe)
		return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for a probe");
	memory.context = &probe->order;
	probe->order = *order;
	probe->size = sizeof(*probe->told) + order->way_count * sizeof(*probe->told->results) +
		      order->flow_count;
	probe->told = mmap(NULL, probe->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			   -1, 0);
	if (probe->told == MAP_FAILED)
		probe->told = NULL;
	else
		err = add_reach(probe);
	if (!err)
		err = mg_probe_tables_reduce(&probe->tables, order->images, order->image_count,
					     &memory);
	if (err) {
		mg_probe_free(probe);
		return mg_fail(error, err, MG_ENVIRONMENT, "out of memory for a probe");
	}
	*out = probe;
	return 0;
}

void mg_probe_free(struct mg_probe *probe)
{
	if (!probe)
		return;
	mg_probe_tables_clear(&probe->tables);
	if (probe->told)
		munmap(probe->told, probe->size);
	free(probe);
}

/* One listener for each way; -errno where a way is none. */
static int prepare(struct mg_probe *probe, struct mg_space *space, int *listeners)
{
	const struct mg_probe_order *order = &probe->order;
	size_t i;
	int err = 0;

	mg_space_settings(order->loose);
	err = mg_space_open(space);
	for (i = 0; i < order->way_count && !err; i++) {
		err = mg_way_prepare(space, &order->ways[i]);
		listeners[i] = -EPROTO;
	}
	return err;
}

static bool is_same_listener(const struct mg_probe_way *one, const struct mg_probe_way *other)
{
	return one->connection.family == other->connection.family &&
	       one->connection.server_port == other->connection.server_port;
}

/* Ways to the same port share the first one's. */
static int listener_of(const struct mg_probe_order *order, size_t index, const int *listeners)
{
	size_t i;

	for (i = 0; i < index; i++)
		if (is_same_listener(&order->ways[i], &order->ways[index]))
			return listeners[i];
	return mg_way_listen(&order->ways[index]);
}

static int run(struct mg_probe *probe, struct mg_space *space, int *listeners)
{
	const struct mg_probe_order *order = &probe->order;
	struct mg_probe_result *results = probe->told->results;
	size_t i;
	int err = prepare(probe, space, listeners);

	for (i = 0; i < order->way_count && !err; i++) {
		listeners[i] = listener_of(order, i, listeners);
		if (listeners[i] < 0)
			results[i].connection.err = listeners[i];
		else if (!mg_way_control(space, &order->ways[i], listeners[i]))
			results[i].connection.err = -EPROTO;
	}
	if (!err)
		err = mg_probe_tables_load(&probe->tables, order->sets, order->other_sets);
	for (i = 0; i < order->way_count && !err; i++)
		if (!results[i].connection.err)
			mg_way_judge(space, &probe->tables, &order->ways[i], listeners[i],
				     &results[i]);
	if (!err && order->flow_count)
		probe->told->flow_err = mg_flows_judge(space, &probe->tables, order->flows,
						       order->flow_count, order->flow_ms,
						       admissions(probe));
	return err;
}

static void sequel(void *context)
{
	struct mg_probe *probe = context;
	struct mg_space space = { 0 };
	int *listeners = calloc(probe->order.way_count + 1, sizeof(*listeners));
	sigset_t own;

	sigemptyset(&own);
	sigaddset(&own, SIGALRM);
	sigprocmask(SIG_UNBLOCK, &own, NULL);
	signal(SIGALRM, SIG_DFL);
	alarm(MOST_SECONDS);
	probe->told->err = listeners ? run(probe, &space, listeners) : -ENOMEM;
	probe->told->done = true;
	/* the process ends, and with it what it has open */
	free(listeners);
}

struct mg_sequel mg_probe_sequel(struct mg_probe *probe)
{
	return (struct mg_sequel){ sequel, probe };
}

int mg_probe_result(const struct mg_probe *probe, size_t way, struct mg_probe_result *out)
{
	*out = probe->told->results[way];
	if (probe->told->err)
		return probe->told->err;
	return probe->told->done ? 0 : -ETIMEDOUT;
}

enum mg_admission mg_probe_admission(const struct mg_probe *probe, size_t flow, int *err)
{
	*err = probe->told->err	       ? probe->told->err
	       : probe->told->flow_err ? probe->told->flow_err
	       : probe->told->done     ? 0
				       : -ETIMEDOUT;
	return (enum mg_admission)admissions(probe)[flow];
}

bool mg_probe_asks_conntrack(const struct mg_probe *probe, enum mg_family family)
{
	return probe->tables.asks_conntrack[family];
}
