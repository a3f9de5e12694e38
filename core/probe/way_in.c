/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Attempts to get in, and who stood in their way.
 */
#include "way_in.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "attempt.h"

/* Milliseconds: for a first look, for one that is to be explained, and without tables. */
enum { SHORT = 15, LONG = 60, CONTROL = 250 };

/* Where the ports begin that a client may take. */
enum { FIRST_PORT = 50021, LOW_PORT = 33341, HIGH_PORT = 50041 };

/* The kernel makes the routes of new IPv6 addresses when it has the time. */
bool mg_way_control(struct mg_space *space, const struct mg_probe_way *way, int listener)
{
	struct mg_attempt attempt = { .space = space,
				      .way = way,
				      .listener = listener,
				      .patience = 1,
				      .base = FIRST_PORT,
				      .plain = true };

	while (!mg_attempt_connect(&attempt)) {
		if (attempt.patience > CONTROL)
			return false;
		attempt.patience *= 2;
	}
	return true;
}

/* How many segments TCP has been given so far in this namespace. */
static unsigned long segments(void)
{
	unsigned long count = 0;
	char line[1024];
	FILE *file = fopen("/proc/net/snmp", "re");

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "Tcp: %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu", &count) == 1)
			break;
	if (file)
		fclose(file);
	return count;
}

/* After a denial between two counts: whose was it? */
static void name_denial(const struct mg_probe_tables *tables, const struct mg_attempt *attempt,
			struct mg_probe_verdict *out)
{
	const enum mg_family family = attempt->way->connection.family;
	const bool coming = attempt->stage == MG_PROBE_CONNECT ||
			    attempt->stage == MG_PROBE_PACKETS;

	out->fate = MG_PROBE_SHUT;
	out->stage = attempt->stage;
	if (mg_probe_tables_unsure(tables, family, true, &out->place)) {
		out->fate = MG_PROBE_UNSURE;
		out->denied = out->has_place = true;
		return;
	}
	out->has_place = mg_probe_tables_denied(tables, family,
						coming ? MG_PROBE_COMING : MG_PROBE_GOING,
						&out->place);
	/* by the loopback device each packet goes, and comes */
	if (!out->has_place && strcmp(attempt->way->in, "lo") == 0)
		out->has_place = mg_probe_tables_denied(tables, family,
							coming ? MG_PROBE_GOING : MG_PROBE_COMING,
							&out->place);
	if (!out->has_place)
		out->has_place = out->diverted = mg_probe_tables_diverted(tables, family,
									  &out->place);
	/* without a culprit it may be the namespace that is not like the host */
	if (!out->has_place) {
		out->fate = MG_PROBE_NOT_JUDGED;
		out->err = -ENOMSG;
	}
}

/* A denial is tried again, to be explained, and not to be taken for a kernel that is slow. */
static void judge_connection(struct mg_attempt *attempt, struct mg_probe_tables *tables,
			     struct mg_probe_verdict *out)
{
	const enum mg_family family = attempt->way->connection.family;
	const bool hinges = tables->hinges[family];
	unsigned long before;
	bool through;

	attempt->patience = SHORT;
	if (!hinges && mg_attempt_connect(attempt)) {
		out->fate = MG_PROBE_OPEN;
		return;
	}
	attempt->patience = LONG;
	out->err = mg_probe_tables_count(tables, family);
	before = segments();
	through = mg_attempt_connect(attempt);
	if (!out->err)
		out->err = mg_probe_tables_count(tables, family);
	if (out->err)
		return;
	if (!through) {
		if (attempt->stage == MG_PROBE_CONNECT && !attempt->reset && segments() > before)
			attempt->stage = MG_PROBE_ANSWER;
		name_denial(tables, attempt, out);
		return;
	}
	out->fate = MG_PROBE_OPEN;
	if (hinges && mg_probe_tables_unsure(tables, family, false, &out->place)) {
		out->fate = MG_PROBE_UNSURE;
		out->has_place = true;
	}
}

/*
 * The session that is open. Where conntrack knows it, so does the namespace's;
 * where it does not, the first packet decides what becomes of it: the server's,
 * who prints that all is done, or else the client's.
 */
static void judge_session(struct mg_attempt *attempt, struct mg_probe_tables *tables,
			  struct mg_probe_result *out)
{
	const enum mg_family family = attempt->way->connection.family;
	struct mg_probe_verdict *verdict = &out->session;
	unsigned long before;

	attempt->port = attempt->way->connection.client_port;
	attempt->reset = false;
	if (attempt->way->tracked && mg_flow_pretend(family, &attempt->way->original))
		return; /* a new connection has been judged, and its packets */
	attempt->patience = SHORT;
	out->speaks_first = attempt->way->tracked || mg_attempt_session_goes(attempt);
	attempt->patience = LONG;
	verdict->err = mg_probe_tables_count(tables, family);
	before = segments();
	if (mg_attempt_session_comes(attempt)) {
		verdict->fate = MG_PROBE_OPEN;
		return;
	}
	if (!verdict->err)
		verdict->err = mg_probe_tables_count(tables, family);
	if (verdict->err)
		return;
	if (segments() > before)
		attempt->stage = MG_PROBE_ANSWERS;
	name_denial(tables, attempt, verdict);
}

/* By its port alone a new connection cannot be told from another one: a client takes any. */
static void judge_ports(struct mg_attempt *attempt, struct mg_probe_tables *tables,
			struct mg_probe_verdict *out)
{
	struct mg_probe_verdict other = { .fate = MG_PROBE_NOT_JUDGED };

	attempt->base = LOW_PORT;
	judge_connection(attempt, tables, out);
	if (out->fate == MG_PROBE_NOT_JUDGED)
		return;
	attempt->base = HIGH_PORT;
	judge_connection(attempt, tables, &other);
	if (other.fate == out->fate || other.fate == MG_PROBE_NOT_JUDGED)
		return;
	if (other.fate != MG_PROBE_OPEN)
		*out = other;
	out->fate = MG_PROBE_UNSURE;
	out->by_port = true;
}

void mg_way_judge(struct mg_space *space, struct mg_probe_tables *tables,
		  const struct mg_probe_way *way, int listener, struct mg_probe_result *out)
{
	const bool local = strcmp(way->in, "lo") == 0;
	struct mg_attempt attempt = { .space = space,
				      .way = way,
				      .listener = listener,
				      .patience = SHORT,
				      .base = LOW_PORT };

	/* the session first: what it would be to conntrack must not be there yet */
	if (way->lives && !local &&
	    memcmp(way->original.destination, way->connection.server, 16) == 0 &&
	    memcmp(way->original.source, way->connection.client, 16) == 0 &&
	    way->original.destination_port == way->connection.server_port)
		judge_session(&attempt, tables, out);
	if (local)
		judge_connection(&attempt, tables, &out->connection);
	else
		judge_ports(&attempt, tables, &out->connection);
}
