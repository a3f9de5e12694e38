/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Flows as they begin. The kernel tells of a flow when its first packet has got
 * through all tables, before whoever sent that packet hears of anything.
 *
 * Owns a handle for events, and one to forget what has begun.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "flows_inner.h"

struct mg_flow_watch {
	struct nfct_handle *events, *questions;
	const struct mg_flow *wanted;
	bool found;
};

static int look(enum nf_conntrack_msg_type type, struct nf_conntrack *flow, void *context)
{
	struct mg_flow_watch *watch = context;
	struct mg_flow begun;

	(void)type;
	if (watch->wanted && mg_flow_take(flow, &begun) && begun.family == watch->wanted->family &&
	    begun.protocol == watch->wanted->protocol &&
	    memcmp(&begun.original, &watch->wanted->original, sizeof(begun.original)) == 0)
		watch->found = true;
	return NFCT_CB_CONTINUE;
}

int mg_flow_watch_open(struct mg_flow_watch **out)
{
	struct mg_flow_watch *watch = calloc(1, sizeof(*watch));
	int err = watch ? mg_flow_open(NF_NETLINK_CONNTRACK_NEW, &watch->events) : -ENOMEM;

	if (!err)
		err = mg_flow_open(0, &watch->questions);
	if (err) {
		mg_flow_watch_close(watch);
		return err;
	}
	fcntl(nfct_fd(watch->events), F_SETFL, O_NONBLOCK);
	nfct_callback_register(watch->events, NFCT_T_ALL, look, watch);
	*out = watch;
	return 0;
}

bool mg_flow_has_begun(struct mg_flow_watch *watch, const struct mg_flow *flow)
{
	watch->wanted = flow;
	watch->found = false;
	/* until there is nothing more to be read */
	while (nfct_catch(watch->events) >= 0)
		;
	return watch->found;
}

void mg_flow_watch_flush(struct mg_flow_watch *watch)
{
	const uint32_t v4 = AF_INET, v6 = AF_INET6;

	nfct_query(watch->questions, NFCT_Q_FLUSH, &v4);
	nfct_query(watch->questions, NFCT_Q_FLUSH, &v6);
}

void mg_flow_watch_close(struct mg_flow_watch *watch)
{
	if (!watch)
		return;
	if (watch->events)
		nfct_close(watch->events);
	if (watch->questions)
		nfct_close(watch->questions);
	free(watch);
}
