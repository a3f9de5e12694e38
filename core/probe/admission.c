/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * First packets of flows. See admission.h.
 */
#include "admission.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "netfilter/routes.h"

enum { FLUSH_EVERY = 512 };

static int64_t milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* An address that the namespace has to have, or a route; compared as bytes. */
struct need {
	unsigned char family, routed;
	unsigned char address[16];
	char device[16]; /* "": the loopback device */
};

struct needs {
	struct need *items;
	size_t count;
};

static void add_need(struct needs *needs, enum mg_family family, const unsigned char *address,
		     const char *device, bool routed)
{
	struct need *need = &needs->items[needs->count++];

	*need = (struct need){ .family = (unsigned char)family, .routed = routed };
	memcpy(need->address, address, sizeof(need->address));
	memcpy(need->device, device, sizeof(need->device));
}

enum { NEEDS_OF_FLOW = 4 };

/* Where NAT changes addresses, also those that it changes to. */
static void add_needs(struct needs *needs, const struct mg_probe_flow *flow)
{
	const enum mg_family family = flow->flow.family;
	const struct mg_tuple *original = &flow->flow.original, *reply = &flow->flow.reply;

	if (flow->from_here)
		add_need(needs, family, original->source, flow->out, false);
	else if (*flow->out &&
		 memcmp(reply->destination, original->source, sizeof(original->source)) != 0)
		add_need(needs, family, reply->destination, flow->out, false);
	if (flow->to_here)
		add_need(needs, family, original->destination, flow->in, false);
	else
		add_need(needs, family, original->destination, flow->out, true);
	if (*flow->out && memcmp(reply->source, original->destination, sizeof(reply->source)) != 0)
		add_need(needs, family, reply->source, flow->out, true);
}

static int compare(const void *one, const void *other)
{
	return memcmp(one, other, sizeof(struct need));
}

static int meet(struct mg_space *space, const struct need *need)
{
	const enum mg_family family = (enum mg_family)need->family;
	const unsigned int width = family == MG_IPV4 ? 32 : 128;
	struct mg_probe_device *device = NULL;
	int err = *need->device ? mg_space_device(space, need->device, &device) : 0;

	if (err)
		return err;
	return need->routed ? mg_space_route(space, device, family, need->address, width)
			    : mg_space_address(space, device, family, need->address, width);
}

/* The kernel makes the routes of new IPv6 addresses when it has the time. */
static void wait_for(const struct need *need)
{
	const struct timespec pause = { .tv_nsec = 200000 };
	const int64_t end = milliseconds() + 250;
	struct mg_route route = { .local = false };
	struct mg_routes *routes;

	if (mg_routes_open(&routes))
		return;
	while (milliseconds() < end) {
		if (mg_route_find(routes, MG_IPV6, need->address, NULL, &route) == 0 && route.local)
			break;
		nanosleep(&pause, NULL);
	}
	mg_routes_close(routes);
}

static int meet_all(struct mg_space *space, struct needs *needs)
{
	size_t i;
	int err = 0;

	qsort(needs->items, needs->count, sizeof(*needs->items), compare);
	for (i = 0; i < needs->count && !err; i++)
		if (!i || compare(&needs->items[i], &needs->items[i - 1]) != 0)
			err = meet(space, &needs->items[i]);
	for (i = 0; i < needs->count && !err; i++)
		if (needs->items[i].family == MG_IPV6 && !needs->items[i].routed)
			wait_for(&needs->items[i]);
	return err;
}

/* A device for each way in, and what the flows need beside. */
static int prepare(struct mg_space *space, const struct mg_probe_flow *flows, size_t count)
{
	struct needs needs = { .count = 0 };
	struct mg_probe_device *device;
	size_t i;
	int err = 0;

	needs.items = calloc(count * NEEDS_OF_FLOW + 1, sizeof(*needs.items));
	if (!needs.items)
		return -ENOMEM;
	for (i = 0; i < count && !err; i++) {
		if (!flows[i].is_known)
			continue;
		if (*flows[i].in)
			err = mg_space_device(space, flows[i].in, &device);
		add_needs(&needs, &flows[i]);
	}
	if (!err)
		err = meet_all(space, &needs);
	free(needs.items);
	return err;
}

bool mg_is_judged_protocol(uint8_t protocol)
{
	switch (protocol) {
	/* what conntrack would have to find in them is more than a header */
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
	case IPPROTO_GRE:
	case IPPROTO_UDPLITE: return false;
	default: return true;
	}
}

/*
 * Returns 0 if the tables have had the packet, whatever they made of it: what is
 * refused on its way out is -EPERM to who sends it. Any other -errno says that it
 * never came so far.
 */
static int send_first(struct mg_space *space, const struct mg_probe_flow *flow)
{
	const struct mg_tuple *tuple = &flow->flow.original;
	struct mg_probe_packet packet = {
		.family = flow->flow.family,
		.protocol = flow->flow.protocol,
		.source_port = tuple->source_port,
		.destination_port = tuple->destination_port,
		.flags = MG_PROBE_SYN,
		.sequence = 1000,
	};
	struct mg_probe_device *device;
	int err;

	memcpy(packet.source, tuple->source, sizeof(packet.source));
	memcpy(packet.destination, tuple->destination, sizeof(packet.destination));
	if (flow->from_here) {
		err = mg_space_send(space, &packet);
		return err == -EPERM ? 0 : err;
	}
	err = mg_space_device(space, flow->in, &device);
	return err ? err : mg_space_inject(device, &packet);
}

struct judging {
	struct mg_space *space;
	struct mg_probe_tables *tables;
	struct mg_flow_watch *watch;
};

/* A denial that hangs on what cannot be judged, or that conntrack was not to see, is none. */
static bool is_sure(const struct judging *judging, const struct mg_probe_flow *flow)
{
	const enum mg_family family = flow->flow.family;
	struct mg_probe_place place;

	if (!judging->tables->hinges[family] && !judging->tables->untracks[family])
		return true;
	if (mg_probe_tables_count(judging->tables, family))
		return false;
	if (send_first(judging->space, flow) || mg_probe_tables_count(judging->tables, family))
		return false;
	return !mg_probe_tables_unsure(judging->tables, family, true, &place) &&
	       !mg_probe_tables_untracked(judging->tables, family);
}

static enum mg_admission judge(const struct judging *judging, const struct mg_probe_flow *flow)
{
	if (!flow->is_known || !judging->tables->tracks[flow->flow.family])
		return MG_ADMISSION_UNKNOWN;
	if (send_first(judging->space, flow))
		return MG_ADMISSION_UNKNOWN;
	if (mg_flow_has_begun(judging->watch, &flow->flow))
		return MG_ADMISSION_GRANTED;
	return is_sure(judging, flow) ? MG_ADMISSION_DENIED : MG_ADMISSION_UNKNOWN;
}

int mg_flows_judge(struct mg_space *space, struct mg_probe_tables *tables,
		   const struct mg_probe_flow *flows, size_t count, int ms, uint8_t *out)
{
	const int64_t end = milliseconds() + ms;
	struct judging judging = { space, tables, NULL };
	size_t i;
	int err;

	mg_space_forward();
	err = prepare(space, flows, count);
	if (!err)
		err = mg_flow_watch_open(&judging.watch);
	if (!err)
		mg_flow_watch_flush(judging.watch);
	for (i = 0; i < count && !err && milliseconds() < end; i++) {
		out[i] = (uint8_t)judge(&judging, &flows[i]);
		if (i % FLUSH_EVERY == FLUSH_EVERY - 1) {
			mg_flow_watch_flush(judging.watch);
			mg_space_drain(space);
		}
	}
	mg_flow_watch_close(judging.watch);
	return err;
}
