/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ports that Docker publishes: they are forwarded to a container before INPUT,
 * so that a policy which denies them there denies nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "engine.h"
#include "netfilter/print.h"
#include "ruleset/failure.h"
#include "ruleset/keep.h"

enum { MOST_NAMED = 8 };

/* Ports as "8080/tcp, 53/udp". */
struct ports {
	char text[256];
	size_t count;
};

/* What stands behind an option of a rule's text, up to a blank; false if it has none. */
static bool value_of(const char *text, const char *option, char *out, size_t size)
{
	const char *at = strstr(text, option);
	size_t length;

	if (!at)
		return false;
	at += strlen(option);
	length = strcspn(at, " ");
	if (length >= size)
		return false;
	memcpy(out, at, length);
	out[length] = '\0';
	return true;
}

/* Has the list this port already? Families publish the same ones. */
static bool has_port(const struct ports *ports, const char *port)
{
	const size_t length = strlen(port);
	const char *at = ports->text;

	while ((at = strstr(at, port))) {
		if ((at == ports->text || at[-1] == ' ') &&
		    (at[length] == ',' || at[length] == '\0'))
			return true;
		at += length;
	}
	return false;
}

static void add_port(struct ports *ports, const char *text)
{
	char protocol[16], number[16], port[40];
	const size_t used = strlen(ports->text);

	if (!value_of(text, "-p ", protocol, sizeof(protocol)) ||
	    !value_of(text, "--dport ", number, sizeof(number)))
		return;
	snprintf(port, sizeof(port), "%s/%s", number, protocol);
	if (has_port(ports, port))
		return;
	ports->count++;
	if (ports->count <= MOST_NAMED)
		snprintf(ports->text + used, sizeof(ports->text) - used, "%s%s", used ? ", " : "",
			 port);
}

/* The rules of Docker's chain with this target; what is for the loopback is not published. */
static int find_ports(const struct mg_image *image, const char *target, struct ports *ports,
		      struct mg_error *error)
{
	const struct mg_image_chain *chain = mg_image_find(image, "DOCKER");
	const char *text;
	uint32_t i;
	int err = 0;

	for (i = 0; chain && i < chain->count && !err; i++) {
		const struct mg_entry *entry = &image->entries[chain->first + i];

		err = mg_entry_text(mg_family_ops(image->family), entry, &text, error);
		if (!err && strstr(text, target) && strncmp(text, "-d 127.", 7) != 0)
			add_port(ports, text);
	}
	return err;
}

/* @table: in all families that are managed */
static int read_ports(struct mg_engine *engine, const char *table, const char *target,
		      struct ports *ports, struct mg_error *error)
{
	struct mg_image *image;
	int family, err = 0;

	for (family = 0; family < MG_FAMILIES && !err; family++) {
		if (!(engine->families & 1U << family) ||
		    mg_table_exists((enum mg_family)family, table) != 1)
			continue;
		err = mg_table_read((enum mg_family)family, table, &image, error);
		if (err)
			break;
		err = find_ports(image, target, ports, error);
		mg_image_free(image);
	}
	return err;
}

int mg_engine_tell_kept_published(struct mg_engine *engine, struct mg_error *error)
{
	const struct mg_ruleset *ruleset = engine->ruleset;
	const uint32_t count = mg_ruleset_keep_count(ruleset);
	bool keeps = false, rules = false;
	struct mg_chain_view chain;
	struct mg_keep keep;
	uint32_t i;
	int family;

	for (i = 0; i < count && !keeps; i++) {
		mg_ruleset_keep_at(ruleset, i, &keep);
		keeps = strcmp(keep.owner, "docker") == 0;
	}
	for (family = 0; keeps && family < MG_FAMILIES; family++) {
		i = mg_ruleset_find_chain(ruleset, (enum mg_family)family, "filter", "DOCKER-USER");
		if (i == UINT32_MAX)
			continue;
		mg_ruleset_chain_at(ruleset, i, &chain);
		rules |= chain.count > 0;
	}
	if (!keeps)
		return 0;
	/* whoever has rules there knows */
	return mg_engine_tell_published(engine, rules ? MG_INFO : MG_WARNING, error);
}

int mg_engine_tell_published(struct mg_engine *engine, enum mg_severity severity,
			     struct mg_error *error)
{
	struct ports ports = { .count = 0 };
	int err = read_ports(engine, "nat", " -j DNAT ", &ports, error);

	if (!err && !ports.count) /* routed to, not translated */
		err = read_ports(engine, "filter", " -j ACCEPT", &ports, error);
	if (err || !ports.count)
		return err;
	if (mg_note(&engine->notes, severity, NULL,
		    "chain(\"filter\", \"DOCKER-USER\") is where rules about them go",
		    "Docker publishes %s%s: what comes for published ports is forwarded, and "
		    "rules of INPUT do not see it",
		    ports.text, ports.count > MOST_NAMED ? " and more" : ""))
		return mg_engine_no_memory(error);
	return 0;
}
