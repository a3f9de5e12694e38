/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Suggestions for names in a rule. See meant.h.
 *
 * Owns nothing: texts and lists are the rule's scratch memory. Loads no plugin.
 */
#include "meant.h"

#include <ctype.h>
#include <moongate.h>
#include <stdio.h>
#include <string.h>

#include "extensions.h"
#include "verdicts.h"

/* Names to choose from; NULL behind the last one. */
struct choice {
	const char **names;
	size_t count, room;
};

static void start(struct mg_making *making, struct choice *choice, size_t room)
{
	choice->names = mg_making_take(making, (room + 1) * sizeof(*choice->names));
	choice->room = room;
	choice->count = 0;
}

static void add(struct choice *choice, const char *name)
{
	if (choice->count < choice->room)
		choice->names[choice->count++] = name;
}

/* ": did you mean `NAME'?", or nothing without a name. */
static const char *told(struct mg_making *making, const char *before, const char *name)
{
	static const char form[] = ": did you mean `%s%s'?";
	size_t size;
	char *text;

	if (!name)
		return "";
	size = sizeof(form) + strlen(before) + strlen(name);
	text = mg_making_take(making, size);
	snprintf(text, size, form, before, name);
	return text;
}

/* Names that differ in case only come first: "accept" is ACCEPT. */
static const char *nearest(const struct choice *choice, const char *name)
{
	size_t i;

	for (i = 0; i < choice->count; i++)
		if (strcasecmp(choice->names[i], name) == 0)
			return choice->names[i];
	return mg_nearest(name, choice->names);
}

/* Targets have names in capital letters, matches in small ones. */
static void add_extensions(struct mg_making *making, struct choice *choice, bool targets)
{
	struct mg_extensions list = { 0 };
	size_t i;

	if (mg_extensions_list(&list))
		return;
	for (i = 0; i < list.count; i++) {
		const char *name = list.items[i].name;
		char *copy;

		if (strcmp(name, "standard") == 0 ||
		    (isupper((unsigned char)*name) != 0) != targets)
			continue;
		copy = mg_arena_string(&making->scratch, name);
		if (copy)
			add(choice, copy);
	}
	mg_extensions_clear(&list);
}

static void add_chains(const struct mg_making *making, struct choice *choice)
{
	const struct mg_compile_context *context = making->context;
	const char *name;
	size_t i;

	for (i = 0; context->chain_at && (name = context->chain_at(context->data, i)); i++)
		add(choice, name);
}

/* More than any host has of each. */
enum { ROOM = 1024 };

/* A plugin of this very name is there, and was not found. */
static const char *told_elsewhere(struct mg_making *making, const struct choice *choice,
				  const char *name)
{
	static const char form[] = ": the plugin of this name is none for %s";
	const size_t size = sizeof(form) + strlen(making->ops->name);
	size_t i;
	char *text;

	for (i = 0; i < choice->count; i++)
		if (strcmp(choice->names[i], name) == 0)
			break;
	if (i == choice->count)
		return NULL;
	text = mg_making_take(making, size);
	snprintf(text, size, form, making->ops->name);
	return text;
}

const char *mg_meant_match(struct mg_making *making, const char *name)
{
	const char *elsewhere;
	struct choice choice;

	start(making, &choice, ROOM);
	add_extensions(making, &choice, false);
	elsewhere = told_elsewhere(making, &choice, name);
	if (elsewhere)
		return elsewhere;
	return told(making, "", nearest(&choice, name));
}

const char *mg_meant_target(struct mg_making *making, const char *name)
{
	const char *elsewhere;
	struct choice choice;
	size_t i;

	start(making, &choice, ROOM);
	for (i = 0; mg_verdict_at(i); i++)
		add(&choice, mg_verdict_at(i));
	add_chains(making, &choice);
	add_extensions(making, &choice, true);
	elsewhere = told_elsewhere(making, &choice, name);
	if (elsewhere)
		return elsewhere;
	return told(making, "", nearest(&choice, name));
}

const char *mg_meant_chain(struct mg_making *making, const char *name)
{
	struct choice choice;

	start(making, &choice, ROOM);
	add_chains(making, &choice);
	return told(making, "", nearest(&choice, name));
}

/* Options that many know better than the extension that they are of. */
static const struct {
	const char *option, *owner;
} owners[] = {
	{ "ctstate", "-m conntrack" },
	{ "state", "-m state" },
	{ "limit", "-m limit" },
	{ "limit-burst", "-m limit" },
	{ "comment", "-m comment" },
	{ "dports", "-m multiport" },
	{ "sports", "-m multiport" },
	{ "ports", "-m multiport" },
	{ "mac-source", "-m mac" },
	{ "src-range", "-m iprange" },
	{ "dst-range", "-m iprange" },
	{ "src-type", "-m addrtype" },
	{ "dst-type", "-m addrtype" },
	{ "match-set", "-m set" },
	{ "uid-owner", "-m owner" },
	{ "gid-owner", "-m owner" },
	{ "mark", "-m mark" },
	{ "physdev-in", "-m physdev" },
	{ "physdev-out", "-m physdev" },
	{ "string", "-m string" },
	{ "rcheck", "-m recent" },
	{ "hitcount", "-m recent" },
	{ "connlimit-above", "-m connlimit" },
	{ "hashlimit-name", "-m hashlimit" },
	{ "dport", "-p tcp" },
	{ "sport", "-p tcp" },
	{ "destination-port", "-p tcp" },
	{ "source-port", "-p tcp" },
	{ "syn", "-p tcp" },
	{ "tcp-flags", "-p tcp" },
	{ "icmp-type", "-p icmp" },
	{ "icmpv6-type", "-p ipv6-icmp" },
	{ "to-destination", "-j DNAT" },
	{ "to-source", "-j SNAT" },
	{ "to-ports", "-j REDIRECT" },
	{ "reject-with", "-j REJECT" },
	{ "log-prefix", "-j LOG" },
	{ "log-level", "-j LOG" },
	{ "nflog-group", "-j NFLOG" },
	{ "nflog-prefix", "-j NFLOG" },
	{ "set-mark", "-j MARK" },
	{ "set-mss", "-j TCPMSS" },
	{ "clamp-mss-to-pmtu", "-j TCPMSS" },
};

static const char *owner_of(struct mg_making *making, const char *name)
{
	static const char form[] = ": it belongs to \"%s\", and stands behind it";
	size_t i;

	for (i = 0; i < sizeof(owners) / sizeof(*owners); i++) {
		const size_t size = sizeof(form) + strlen(owners[i].owner);
		char *text;

		if (strcmp(owners[i].option, name) != 0)
			continue;
		text = mg_making_take(making, size);
		snprintf(text, size, form, owners[i].owner);
		return text;
	}
	return NULL;
}

static void add_options(struct mg_making *making, struct choice *choice)
{
	start(making, choice, ROOM);
	choice->count = mg_option_names(making->sources, making->source_count, choice->names, ROOM);
	if (choice->count > ROOM)
		choice->count = ROOM;
}

static char *first_bytes(struct mg_making *making, const char *name, size_t length)
{
	return memcpy(mg_making_take(making, length + 1), name, length);
}

const char *mg_meant_option(struct mg_making *making, const char *name, size_t length)
{
	char *wanted = first_bytes(making, name, length);
	const char *owner = owner_of(making, wanted), *found;
	struct choice choice;

	add_options(making, &choice);
	found = nearest(&choice, wanted);
	/* beside -m conntrack, --state is --ctstate */
	return owner && !(found && strstr(found, wanted)) ? owner : told(making, "--", found);
}

const char *mg_meant_options(struct mg_making *making, const char *name, size_t length)
{
	struct choice choice;
	size_t size = 1, i;
	char *text, *end;

	add_options(making, &choice);
	for (i = 0; i < choice.count; i++)
		size += strlen(choice.names[i]) + sizeof(", --");
	text = mg_making_take(making, size);
	end = text;
	for (i = 0; i < choice.count; i++)
		if (strncmp(choice.names[i], name, length) == 0)
			end += sprintf(end, "%s--%s", end == text ? ": " : ", ", choice.names[i]);
	return text;
}
