/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Applying a plan, and the record of who did.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine.h"
#include "flows.h"
#include "netfilter/beside.h"
#include "netfilter/lock.h"
#include "plan/ssh_connection.h"
#include "ruleset/crossing.h"
#include "ruleset/failure.h"

void mg_engine_user(char *out, size_t size)
{
	const char *name = getenv("SUDO_USER");
	const struct passwd *entry;

	/* it is shown to whoever asks for the history, whose terminal must not obey it */
	if (name && *name && mg_find_control(name, strlen(name)) == strlen(name)) {
		snprintf(out, size, "%s", name);
		return;
	}
	entry = getpwuid(getuid());
	if (entry)
		snprintf(out, size, "%s", entry->pw_name);
	else
		snprintf(out, size, "%u", getuid());
}

/* Where the operators come from, so that the minimal rules of a boot let them in. */
static void list_operators(const struct mg_engine *engine, char *out, size_t size)
{
	char client[INET6_ADDRSTRLEN];
	size_t used = 0, i;

	*out = '\0';
	for (i = 0; i < engine->operator.count; i++) {
		const struct mg_connection *connection = &engine->operator.connections[i];

		if (mg_connection_is_local(connection) || used + sizeof(client) + 8 > size)
			continue;
		inet_ntop(connection->family == MG_IPV4 ? AF_INET : AF_INET6, connection->client,
			  client, sizeof(client));
		used += (size_t)snprintf(out + used, size - used, "%s %u\n", client,
					 connection->server_port);
	}
}

/* The connections by which they come, for the record of what waits. */
static void list_connections(const struct mg_engine *engine, char *out, size_t size)
{
	char words[MG_SSH_CONNECTION_SIZE];
	size_t used = 0, i;

	*out = '\0';
	for (i = 0; i < engine->operator.count && used + sizeof(words) + 1 < size; i++) {
		mg_ssh_connection_write(&engine->operator.connections[i], words);
		used += (size_t)snprintf(out + used, size - used, "%s\n", words);
	}
}

/* What an order points to. */
struct record {
	char user[256], connections[4096], peer[256], operators[4096];
	char policy[4096];
	struct mg_generation story; /* to be freed */
};

static int make_order(struct mg_engine *engine, double seconds, struct record *texts,
		      struct mg_apply_order *out, struct mg_error *error)
{
	mg_engine_user(texts->user, sizeof(texts->user));
	list_connections(engine, texts->connections, sizeof(texts->connections));
	list_operators(engine, texts->operators, sizeof(texts->operators));
	if (!realpath(engine->request.policy, texts->policy))
		snprintf(texts->policy, sizeof(texts->policy), "%s", engine->request.policy);
	*out = (struct mg_apply_order){
		.state = engine->state,
		.plan = engine->plan,
		.before = engine->confirmed,
		.policy = texts->policy,
		.user = texts->user,
		.connections = texts->connections,
		.operators = *texts->operators ? texts->operators : NULL,
		.story = &texts->story,
		.seconds = seconds,
		.notes = &engine->notes,
	};
	mg_engine_flows_to_end(engine, &out->flows, &out->flow_count);
	snprintf(texts->peer, sizeof(texts->peer), "%.*s", (int)strcspn(texts->connections, " \n"),
		 texts->connections);
	return mg_engine_make_story(engine, texts->peer, &texts->story, error);
}

static int check_ready(const struct mg_engine *engine, const char *function, struct mg_error *error)
{
	if (!engine->begun)
		return mg_engine_too_early(function, "mg_engine_begin", error);
	return engine->planned ? 0 : mg_engine_too_early(function, "mg_engine_plan", error);
}

/* The first generation: is it going to be loaded at boot? */
static int tell_boot(struct mg_engine *engine, struct mg_error *error)
{
	if (engine->confirmed || access("/run/systemd/system", F_OK) ||
	    mg_boot_is_enabled("/", "moongate.service"))
		return 0;
	return mg_note(&engine->notes, MG_WARNING, NULL, "systemctl enable moongate",
		       "nothing loads these rules at boot yet")
		       ? mg_engine_no_memory(error)
		       : 0;
}

static int apply_locked(struct mg_engine *engine, double seconds, struct mg_transaction **out,
			struct mg_error *error)
{
	struct record texts;
	struct mg_apply_order order;
	int err = 0;

	/* planning read it if it had to, and nobody has changed it: the lock is ours */
	if (!engine->confirmed)
		err = mg_engine_read_confirmed(engine, error);
	if (!err)
		err = tell_boot(engine, error);
	if (err)
		return err;
	err = make_order(engine, seconds, &texts, &order, error);
	if (!err)
		err = mg_apply(&order, out, error);
	mg_engine_free_story(&texts.story);
	return err;
}

int mg_engine_apply(struct mg_engine *engine, double seconds, struct mg_transaction **out,
		    struct mg_error *error)
{
	int lock = -1, err = check_ready(engine, "mg_engine_apply", error);

	if (err)
		return err;
	if (mg_engine_refusals(engine))
		return mg_fail(error, -EPERM, MG_UNSAFE, "refused for safety; nothing was changed");
	err = mg_xtables_lock(engine->request.wait, &lock, error);
	if (!err)
		err = apply_locked(engine, seconds, out, error);
	mg_xtables_unlock(lock);
	return err;
}

int mg_engine_record(struct mg_engine *engine, struct mg_error *error)
{
	struct record texts;
	struct mg_apply_order order;
	int err = check_ready(engine, "mg_engine_record", error);

	if (!err && engine->is_elsewhere)
		err = mg_fail(error, -EPERM, MG_UNSAFE,
			      "refused for safety: what is asked for is for another host");
	/* nothing would change now, but at the next boot */
	else if (!err && mg_engine_refusals(engine))
		err = mg_fail(error, -EPERM, MG_UNSAFE, "refused for safety; nothing was recorded");
	if (!err)
		err = mg_engine_read_confirmed(engine, error);
	if (!err)
		err = tell_boot(engine, error);
	if (err)
		return err;
	err = make_order(engine, 0, &texts, &order, error);
	if (!err)
		err = mg_apply_record(&order, error);
	if (!err && order.flow_count)
		mg_flows_end(order.flows, order.flow_count);
	mg_engine_free_story(&texts.story);
	return err;
}
