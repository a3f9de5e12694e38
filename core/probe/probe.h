/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The probe: the kernel itself says whether the operator will get in. In a
 * private namespace with devices like the host's, his client's SYN comes in by
 * the interface by which he comes, through the tables that will be live; a
 * listener answers, and the answer has to come out.
 *
 * It runs in the trial's child, see netfilter/trial.h, and tells through shared
 * memory. Must not touch the namespace in which it was made, print or exit.
 */
#ifndef MG_PROBE_H
#define MG_PROBE_H

#include "admission.h"
#include "netfilter/flows.h"
#include "netfilter/trial.h"
#include "ruleset/connection.h"
#include "ruleset/sets.h"
#include "tables.h"

/** A way by which an operator comes. */
struct mg_probe_way {
	struct mg_connection connection; /* as the server has it */
	struct mg_tuple original;	 /* as it comes in: before DNAT, if there is any */
	char in[16], out[16]; /* interfaces of the packets and of the answers; "lo": local */
	size_t number;	      /* of the connection, to the caller */
	bool lives;	      /* the session is there, to be kept alive */
	bool tracked;	      /* and conntrack knows it */
};

enum mg_probe_fate {
	MG_PROBE_NOT_JUDGED, /* see @err */
	MG_PROBE_OPEN,
	MG_PROBE_SHUT,
	MG_PROBE_UNSURE, /* it depends on the rule at @place */
};

/** What does not get through: of a new connection, then of the one that is open. */
enum mg_probe_stage {
	MG_PROBE_CONNECT, /* the SYN */
	MG_PROBE_ANSWER,  /* the SYN/ACK */
	MG_PROBE_PACKETS, /* what follows from the client */
	MG_PROBE_ANSWERS, /* and from the server */
};

struct mg_probe_verdict {
	enum mg_probe_fate fate;
	enum mg_probe_stage stage;
	bool has_place, diverted;
	bool by_port; /* MG_PROBE_UNSURE: from other ports of the client the fate is another one */
	bool denied;  /* MG_PROBE_UNSURE: so it was, else it got through */
	struct mg_probe_place place;
	int err;
};

struct mg_probe_result {
	struct mg_probe_verdict connection; /* a new one */
	struct mg_probe_verdict session;    /* NOT_JUDGED where there is none */
	bool speaks_first; /* untracked so far: the server's packets pass by themselves */
};

struct mg_probe_order {
	const struct mg_image *const *images; /* all tables that will judge */
	size_t image_count;
	const struct mg_sets *sets; /* the policy's; may be NULL */
	const char *other_sets;	    /* see mg_probe_tables_load() */
	const struct mg_probe_way *ways;
	size_t way_count;
	const struct mg_probe_flow *flows; /* may be none */
	size_t flow_count;
	int flow_ms; /* for all flows */
	bool loose;  /* nf_conntrack_tcp_loose */
};

struct mg_probe;

/** @order: what it points to must outlive the probe. Errors: MG_ENVIRONMENT. */
int mg_probe_new(const struct mg_probe_order *order, struct mg_probe **out, struct mg_error *error);
void mg_probe_free(struct mg_probe *probe);

/** For mg_trial_then(). */
struct mg_sequel mg_probe_sequel(struct mg_probe *probe);

/**
 * After that: what came of a way.
 * Returns 0; else nothing was judged, and that is why: -errno.
 */
int mg_probe_result(const struct mg_probe *probe, size_t way, struct mg_probe_result *out);

/**
 * The same of a flow. @err: why none was judged, -errno; 0 if some were
 */
enum mg_admission mg_probe_admission(const struct mg_probe *probe, size_t flow, int *err);

/** Do the tables of this family ask conntrack? */
bool mg_probe_asks_conntrack(const struct mg_probe *probe, enum mg_family family);

#endif
