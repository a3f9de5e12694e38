/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the probe found, in words. What analysis thought of a connection goes
 * where the kernel has judged it: the operator is told once, by who knows best.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "netfilter/print.h"
#include "preflight.h"
#include "ruleset/failure.h"

struct telling {
	struct mg_engine *engine;
	const struct mg_probe_order *order;
	const struct mg_probe_way *way;
	char client[INET6_ADDRSTRLEN], server[INET6_ADDRSTRLEN];
	char connection[160]; /* "a new ssh connection from ..." */
	struct mg_error *error;
};

static void name_way(struct telling *telling)
{
	const struct mg_connection *connection = &telling->way->connection;
	const int af = connection->family == MG_IPV4 ? AF_INET : AF_INET6;

	if (!inet_ntop(af, connection->client, telling->client, sizeof(telling->client)) ||
	    !inet_ntop(af, telling->way->original.destination, telling->server,
		       sizeof(telling->server)))
		telling->client[0] = telling->server[0] = '\0';
	snprintf(telling->connection, sizeof(telling->connection),
		 "a new ssh connection from %s to %s port %u on %s", telling->client,
		 telling->server, telling->way->original.destination_port, telling->way->in);
}

/* "file:line" of an origin, "file:line helper"; NULL for none. */
static char *place_of(const char *origin)
{
	const char *helper = strrchr(origin, ' ');

	if (!*origin)
		return NULL;
	return strndup(origin, helper ? (size_t)(helper - origin) : strlen(origin));
}

/* A rule or a policy, as it is told. */
struct culprit {
	const struct mg_image *image;
	const struct mg_image_chain *chain;
	const struct mg_entry *entry; /* NULL: the policy */
	char *place;		      /* "file:line", or NULL; to be freed */
	char where[64];		      /* "INPUT", "PREROUTING of raw" */
	char rule[192];		      /* "-A INPUT -j DROP", or "" */
	const char *verb;
};

static void find_culprit(const struct telling *telling, const struct mg_probe_place *place,
			 struct culprit *out)
{
	const struct mg_plan *plan = telling->engine->plan;
	const struct mg_image *image = telling->order->images[place->table];
	const char *text = "", *origin = "";
	struct mg_chain_view view;

	*out = (struct culprit){ .image = image, .chain = &image->chains[place->chain] };
	out->verb = "drop";
	if (place->entry != MG_NO_RULE) {
		out->entry = &image->entries[place->entry];
		origin = mg_plan_origin(plan, out->entry);
		if (mg_entry_text(mg_family_ops(image->family), out->entry, &text, NULL))
			text = "";
		snprintf(out->rule, sizeof(out->rule), "-A %s %s", out->chain->name, text);
		if (strlen(out->rule) == sizeof(out->rule) - 1)
			strcpy(out->rule + sizeof(out->rule) - 4, "...");
		if (!out->entry->standard && strcmp(out->entry->target, "REJECT") == 0)
			out->verb = "reject";
	} else if (out->chain->chain != UINT32_MAX) {
		mg_ruleset_chain_at(plan->ruleset, out->chain->chain, &view);
		origin = view.origin ? view.origin : "";
	}
	out->place = place_of(origin);
	snprintf(out->where, sizeof(out->where), "%s%s%s", out->chain->name,
		 strcmp(image->table, "filter") == 0 ? "" : " of ",
		 strcmp(image->table, "filter") == 0 ? "" : image->table);
}

/* Why it is dropped: a rule by its text, or that there is none. */
static void give_reason(const struct culprit *culprit, char *out, size_t size)
{
	if (culprit->entry)
		snprintf(out, size, "by the rule \"%s\"%s", culprit->rule,
			 culprit->place ? "" : ", which is not the policy's");
	else
		snprintf(out, size, "no rule accepts it and the chain's policy is DROP");
}

/* The line that lets the operator's client in. */
static void remedy_for_connection(const struct telling *telling, const struct culprit *culprit,
				  char *out, size_t size)
{
	const struct mg_connection *connection = &telling->way->connection;
	struct mg_rule_view rule = { .rank = MG_RANK_LAST };
	const char *stage;

	if (strcmp(telling->way->in, "lo") == 0) {
		snprintf(out, size, "allow_loopback()");
		return;
	}
	if (strcmp(culprit->image->table, "filter") != 0 || (culprit->entry && !culprit->place)) {
		snprintf(out, size, "take that rule away, or leave %s out of it", telling->client);
		return;
	}
	if (culprit->entry && culprit->entry->rule != MG_NO_RULE)
		mg_ruleset_rule_at(telling->engine->ruleset, culprit->entry->rule, &rule);
	stage = culprit->entry && rule.rank < MG_RANK_LAST ? ", stage = \"first\"" : "";
	if (connection->server_port == 22)
		snprintf(out, size, "allow_inbound_ssh { from = \"%s\"%s }", telling->client,
			 stage);
	else
		snprintf(out, size, "allow_inbound { tcp = %u, from = \"%s\"%s }",
			 connection->server_port, telling->client, stage);
}

static int note(struct telling *telling, enum mg_severity severity, const char *place,
		const char *remedy, const char *text)
{
	return mg_note(&telling->engine->notes, severity, place, remedy, "%s", text)
		       ? mg_engine_no_memory(telling->error)
		       : 0;
}

/* What does not get through, at a stage. */
static void name_packets(const struct telling *telling, const struct mg_probe_verdict *verdict,
			 bool session, char *out, size_t size)
{
	static const char *const parts[] = {
		[MG_PROBE_CONNECT] = "",
		[MG_PROBE_ANSWER] = "the answer to ",
		[MG_PROBE_PACKETS] = "the packets of ",
		[MG_PROBE_ANSWERS] = "the answers of ",
	};

	if (session)
		snprintf(out, size, "%syour ssh session from %s", parts[verdict->stage],
			 telling->client);
	else
		snprintf(out, size, "%s%s", parts[verdict->stage], telling->connection);
}

static int note_unsure(struct telling *telling, const struct mg_probe_verdict *verdict,
		       const struct culprit *culprit)
{
	char reason[288], text[640];

	give_reason(culprit, reason, sizeof(reason));
	if (verdict->by_port)
		snprintf(text, sizeof(text),
			 "%s gets in or not by the port from which your client makes it; where it "
			 "does not, %s stops it: %s",
			 telling->connection, culprit->where, reason);
	else
		snprintf(text, sizeof(text),
			 "%s could not be judged by the kernel: it depends on the rule \"%s\" in "
			 "%s, "
			 "which asks for what is not known beforehand; %s",
			 telling->connection, culprit->rule, culprit->where,
			 verdict->denied ? "but for that it would be dropped"
					 : "but for that it gets through");
	return note(telling, MG_WARNING, culprit->place, NULL, text);
}

static int note_shut(struct telling *telling, const struct mg_probe_verdict *verdict,
		     const struct culprit *culprit, bool session)
{
	char what[256], reason[288], remedy[160], text[640];
	const char *help = remedy;

	name_packets(telling, verdict, session, what, sizeof(what));
	give_reason(culprit, reason, sizeof(reason));
	if (verdict->diverted) {
		snprintf(text, sizeof(text), "%s would send %s elsewhere: %s", culprit->where, what,
			 reason);
		snprintf(remedy, sizeof(remedy),
			 "forward another port, or leave the client out: from = except \"%s\"",
			 telling->client);
	} else {
		snprintf(text, sizeof(text), "%s would %s %s: %s", culprit->where, culprit->verb,
			 what, reason);
		if (verdict->stage == MG_PROBE_CONNECT)
			remedy_for_connection(telling, culprit, remedy, sizeof(remedy));
		else if (strcmp(culprit->image->table, "filter") != 0 || culprit->entry)
			snprintf(remedy, sizeof(remedy), "allow_established(), before that rule");
		else
			help = "allow_established()";
	}
	return note(telling, MG_REFUSAL, culprit->place, help, text);
}

/* An open session of which conntrack has not heard is new to it, in the middle of itself. */
static int note_untracked(struct telling *telling, const struct mg_probe_result *result)
{
	const struct mg_probe_verdict *verdict = &result->session;
	struct culprit culprit;
	char reason[288], text[640];
	int err;

	if (verdict->fate == MG_PROBE_OPEN && result->speaks_first)
		return 0;
	if (verdict->fate == MG_PROBE_OPEN) {
		snprintf(text, sizeof(text),
			 "conntrack has not been following your ssh session from %s, so the new "
			 "rules do not know it: it hangs after the commit until you type something",
			 telling->client);
		return note(telling, MG_WARNING, NULL, NULL, text);
	}
	if (!verdict->has_place)
		return 0;
	find_culprit(telling, &verdict->place, &culprit);
	give_reason(&culprit, reason, sizeof(reason));
	snprintf(text, sizeof(text),
		 "conntrack has not been following your ssh session from %s, so the new rules do "
		 "not know it, and it dies at the commit: %s would %s its packets: %s",
		 telling->client, culprit.where, culprit.verb, reason);
	err = note(telling, MG_WARNING, culprit.place,
		   "open a new connection then, to confirm; else the guard takes it back", text);
	free(culprit.place);
	return err;
}

static int note_session(struct telling *telling, const struct mg_probe *probe,
			const struct mg_probe_result *result)
{
	const struct mg_probe_verdict *verdict = &result->session;
	struct culprit culprit;
	int err;

	if (!telling->way->lives || verdict->fate == MG_PROBE_NOT_JUDGED)
		return 0;
	if (!telling->way->tracked &&
	    mg_probe_asks_conntrack(probe, telling->way->connection.family))
		return note_untracked(telling, result);
	if (verdict->fate != MG_PROBE_SHUT)
		return 0;
	find_culprit(telling, &verdict->place, &culprit);
	err = note_shut(telling, verdict, &culprit, true);
	free(culprit.place);
	return err;
}

static int note_unjudged_way(struct telling *telling, int err)
{
	char text[512];

	snprintf(text, sizeof(text),
		 "%s could not be judged by the kernel: %s; what was said about it is by analysis "
		 "of the policy's own rules in table filter alone",
		 telling->connection,
		 err == -ENOMSG
			 ? "it did not get through, and no rule of the tables was seen to stop it"
		 : err == -EPROTO ? "the private namespace did not let it in even without any rule"
				  : strerror(-err));
	return note(telling, MG_WARNING, NULL, NULL, text);
}

static int tell_verdict(struct telling *telling, const struct mg_probe *probe,
			const struct mg_probe_result *result)
{
	const struct mg_probe_verdict *verdict = &result->connection;
	struct culprit culprit;
	char text[320];
	int err = 0;

	switch (verdict->fate) {
	case MG_PROBE_NOT_JUDGED: return note_unjudged_way(telling, verdict->err);
	case MG_PROBE_OPEN:
		snprintf(text, sizeof(text), "the kernel lets %s in, and its answers out",
			 telling->connection);
		err = note(telling, MG_INFO, NULL, NULL, text);
		break;
	case MG_PROBE_SHUT:
	case MG_PROBE_UNSURE:
		find_culprit(telling, &verdict->place, &culprit);
		err = verdict->fate == MG_PROBE_SHUT ? note_shut(telling, verdict, &culprit, false)
						     : note_unsure(telling, verdict, &culprit);
		free(culprit.place);
		break;
	}
	return err ? err : note_session(telling, probe, result);
}

/* By two interfaces, of which nobody knows the right one, there are two answers. */
static int tell_doubt(struct telling *telling, const struct mg_probe_way *other,
		      const struct mg_probe_verdict *verdict)
{
	struct culprit culprit = { .place = NULL };
	char text[640], reason[288] = "";
	int err;

	if (verdict->has_place) {
		find_culprit(telling, &verdict->place, &culprit);
		give_reason(&culprit, reason, sizeof(reason));
	}
	snprintf(text, sizeof(text),
		 "%s would not get through, but one by %s would, and it is not known by which "
		 "interface you come: %s",
		 telling->connection, other->in, reason);
	err = note(telling, MG_WARNING, culprit.place, NULL, text);
	free(culprit.place);
	return err;
}

static int tell_way(struct telling *telling, const struct mg_probe *probe, size_t index)
{
	const struct mg_probe_order *order = telling->order;
	struct mg_probe_result one, two;
	const bool pair = index + 1 < order->way_count &&
			  order->ways[index + 1].number == order->ways[index].number;
	int err = mg_probe_result(probe, index, &one);

	telling->way = &order->ways[index];
	name_way(telling);
	if (err)
		return 0;
	if (!pair || mg_probe_result(probe, index + 1, &two) ||
	    two.connection.fate == one.connection.fate)
		return tell_verdict(telling, probe, &one);
	if (one.connection.fate == MG_PROBE_SHUT)
		return tell_doubt(telling, &order->ways[index + 1], &one.connection);
	if (two.connection.fate == MG_PROBE_OPEN || one.connection.fate == MG_PROBE_NOT_JUDGED)
		return tell_verdict(telling, probe, &one);
	telling->way = &order->ways[index + 1];
	name_way(telling);
	if (two.connection.fate != MG_PROBE_SHUT)
		return tell_verdict(telling, probe, &two);
	return tell_doubt(telling, &order->ways[index], &two.connection);
}

/* Take away what analysis thought of a connection. */
static void forget_analysis(struct mg_engine *engine, size_t number)
{
	struct mg_notes *notes = &engine->notes;
	size_t *ends = engine->way_note_ends, first, last, i;

	if (!ends)
		return;
	first = number ? ends[number - 1] : engine->first_way_note;
	last = ends[number];
	if (first == last)
		return;
	for (i = first; i < last; i++) {
		free(notes->items[i].place);
		free(notes->items[i].text);
		free(notes->items[i].remedy);
	}
	memmove(notes->items + first, notes->items + last,
		(notes->count - last) * sizeof(*notes->items));
	notes->count -= last - first;
	for (i = number; i < engine->operator.count; i++)
		ends[i] -= last - first;
}

int mg_preflight_note_unjudged(struct mg_engine *engine, const char *reason, const char *remedy,
			       struct mg_error *error)
{
	return mg_note(&engine->notes, MG_WARNING, NULL, remedy,
		       "whether a new ssh connection of yours gets in could not be judged by the "
		       "kernel: %s; it was judged by analysis of the policy's own rules in table "
		       "filter alone",
		       reason)
		       ? mg_engine_no_memory(error)
		       : 0;
}

/* Why nothing was judged at all. */
static int note_nothing(struct mg_engine *engine, int err, struct mg_error *error)
{
	char reason[160];
	const bool device = err == -ENOENT || err == -ENXIO || err == -ENODEV || err == -EACCES ||
			    err == -EPERM;

	snprintf(reason, sizeof(reason), "%s%s",
		 device ? "no TUN device is to be had (/dev/net/tun): " : "", strerror(-err));
	return mg_preflight_note_unjudged(engine, reason,
					  device && err != -EACCES && err != -EPERM ? "modprobe tun"
										    : NULL,
					  error);
}

/* Of the ways of one connection; another one is by another interface. */
static bool is_first(const struct mg_probe_order *order, size_t index)
{
	return !index || order->ways[index].number != order->ways[index - 1].number;
}

int mg_preflight_notes(struct mg_engine *engine, const struct mg_probe *probe,
		       const struct mg_probe_order *order, struct mg_error *error)
{
	struct telling telling = { .engine = engine, .order = order, .error = error };
	struct mg_probe_result result;
	size_t first, i;
	int err = mg_probe_result(probe, 0, &result);

	if (err)
		return note_nothing(engine, err, error);
	/* before the same is said again, which a list of notes would not take twice */
	for (i = 0; i < order->way_count; i++)
		if (mg_probe_result(probe, i, &result) == 0 &&
		    result.connection.fate != MG_PROBE_NOT_JUDGED && is_first(order, i))
			forget_analysis(engine, order->ways[i].number);
	first = engine->notes.count;
	for (i = 0; i < order->way_count && !err; i++)
		if (is_first(order, i))
			err = tell_way(&telling, probe, i);
	mg_engine_allow(engine, first, engine->request.force);
	return err;
}
