/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which host a request is about: this one, or the one of a facts file.
 */
#include "facts.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "engine.h"
#include "netfilter/host.h"
#include "ruleset/failure.h"

/* Is the file about this host? Names of hosts know no upper case. */
static bool is_about_this_host(const struct mg_host *given)
{
	char name[sizeof(given->name)];

	mg_host_read_name(name, sizeof(name));
	return *name && strcasecmp(name, given->name) == 0;
}

/*
 * Half of the facts of this host may come from a file that says more about it
 * than the kernel does, but who is at the keyboard, and whether there is IPv6
 * to be managed, is only to be found here.
 */
static int learn_machine(struct mg_engine *engine, struct mg_error *error)
{
	struct mg_operator_view view = { 0 };
	struct mg_host *machine;
	int err = mg_host_read(&machine, error);

	if (err)
		return err;
	view.host = machine;
	if (!engine->is_elsewhere)
		err = mg_operator_find(&view, &engine->operator, error);
	engine->have_ipv6 = machine->has_ipv6 && (!engine->host || engine->host->has_ipv6);
	if (engine->host)
		mg_host_free(machine);
	else
		engine->host = machine;
	return err;
}

int mg_engine_learn_host(struct mg_engine *engine, struct mg_error *error)
{
	const char *file = engine->request.facts;
	char sha256[MG_SHA256_SIZE];
	int err;

	engine->is_elsewhere = engine->request.elsewhere;
	if (!file)
		return learn_machine(engine, error);
	err = mg_facts_read(file, &engine->host, sha256, error);
	if (!err)
		err = mg_sources_note(&engine->sources, MG_SOURCE_FACTS, file, sha256, error);
	if (err)
		return err;
	engine->is_other_host = !is_about_this_host(engine->host);
	/* who forces the facts of another host on this one still sits here */
	engine->is_elsewhere |= engine->is_other_host && !engine->request.force;
	if (!engine->is_elsewhere)
		return learn_machine(engine, error);
	engine->have_ipv6 = engine->host->has_ipv6;
	return 0;
}

int mg_engine_refuse_other_host(struct mg_engine *engine, struct mg_error *error)
{
	char name[sizeof(engine->host->name)];
	const bool allowed = engine->request.force;

	if (!engine->is_other_host)
		return 0;
	mg_host_read_name(name, sizeof(name));
	if (mg_note(&engine->notes, allowed ? MG_WARNING : MG_REFUSAL, NULL,
		    allowed ? NULL
			    : "`moongate check' and `moongate export' are for other hosts; if this "
			      "one is meant, give its name in the file or leave --facts out",
		    *engine->host->name ? "%s has the facts of host `%s', and this is `%s'"
					: "%s does not say whose facts it has%s, and this is `%s'",
		    engine->request.facts, engine->host->name, name))
		return mg_engine_no_memory(error);
	return 0;
}

int mg_engine_facts(const struct mg_engine *engine, char **out, struct mg_error *error)
{
	return mg_facts_write(engine->host, out, error);
}
