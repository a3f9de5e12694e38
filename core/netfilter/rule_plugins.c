/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The matches and the target of a rule: each a private copy of the plugin's
 * structure, with memory of its own for the kernel's part.
 */
#include <netdb.h>
#include <string.h>

#include "making.h"
#include "meant.h"
#include "session.h"

void *mg_making_take(struct mg_making *making, size_t size)
{
	void *piece = mg_arena_take(&making->scratch, size);

	if (!piece)
		mg_refuse("out of memory");
	return memset(piece, 0, size);
}

/* A later instance of a plugin takes over the options of the one before. */
static void add_source(struct mg_making *making, const void *plugin,
		       const struct xt_option_entry *entries, const struct option *options,
		       int owner)
{
	int i;

	for (i = 0; i < making->source_count; i++)
		if (making->plugin[i] == plugin)
			break;
	if (i == making->source_count)
		making->source_count++;
	making->plugin[i] = plugin;
	making->sources[i] = (struct mg_option_source){ entries, options };
	making->owner[i] = owner;
}

static void add_match(struct mg_making *making, const struct xtables_match *found, bool by_protocol)
{
	size_t size = XT_ALIGN(sizeof(struct xt_entry_match)) + found->size;
	struct xtables_match *match;

	if (making->match_count == MG_MAX_INSTANCES)
		mg_refuse("more than %d matches in one rule", MG_MAX_INSTANCES);
	match = &making->matches[making->match_count];
	*match = *found;
	match->option_offset = 0;
	match->mflags = 0;
	match->m = mg_making_take(making, size);
	match->m->u.match_size = (uint16_t)size;
	/* an alias (state for conntrack) goes to the kernel by its real name */
	strcpy(match->m->u.user.name,
	       found->real_name && !by_protocol ? found->real_name : found->name);
	match->m->u.user.revision = found->revision;
	match->udata = found->udata_size ? mg_making_take(making, found->udata_size) : NULL;
	if (match->init)
		match->init(match->m);
	add_source(making, found, found->x6_options, found->extra_opts, making->match_count);
	making->match_count++;
}

void mg_making_match(struct mg_making *making, const char *name)
{
	const struct xtables_match *found = mg_find_match(name);

	if (!found)
		mg_refuse("no match extension is called `%s'%s", name,
			  mg_meant_match(making, name));
	add_match(making, found, false);
}

/* "6" is tcp: the plugin of a protocol goes by its name. */
static const char *protocol_name(const char *protocol)
{
	unsigned int number, i;
	const struct protoent *entry;

	if (!xtables_strtoui(protocol, NULL, &number, 0, UINT8_MAX))
		return protocol;
	for (i = 0; xtables_chain_protos[i].name; i++)
		if (xtables_chain_protos[i].num == number)
			return xtables_chain_protos[i].name;
	entry = number ? getprotobynumber((int)number) : NULL;
	return entry ? entry->p_name : NULL;
}

bool mg_making_load_protocol(struct mg_making *making)
{
	const struct xtables_match *found;
	const char *name;

	if (!making->protocol || making->protocol_loaded)
		return false;
	name = protocol_name(making->protocol);
	found = name ? mg_find_match(name) : NULL;
	if (!found)
		return false;
	making->protocol_loaded = true;
	add_match(making, found, true);
	return true;
}

void mg_making_standard_target(struct mg_making *making, const char *name)
{
	const struct xtables_target *standard = mg_find_target("standard");
	size_t size;

	if (!standard)
		mg_refuse("the target extension `standard' is missing: is iptables installed?");
	size = XT_ALIGN(sizeof(struct xt_entry_target)) + standard->size;
	/* the commit replaces the name by the verdict or the jump's offset */
	making->target = *standard;
	making->target.t = mg_making_take(making, size);
	making->target.t->u.target_size = (uint16_t)size;
	strcpy(making->target.t->u.user.name, name);
	making->has_target = true;
	making->out->standard = true;
}

void mg_making_extension_target(struct mg_making *making, const char *name)
{
	const struct xtables_target *found = mg_find_target(name);
	struct xtables_target *target = &making->target;
	size_t size;

	if (!found)
		mg_refuse("no chain and no target extension is called `%s'%s", name,
			  mg_meant_target(making, name));
	size = XT_ALIGN(sizeof(struct xt_entry_target)) + found->size;
	*target = *found;
	target->option_offset = 0;
	target->tflags = 0;
	target->t = mg_making_take(making, size);
	target->t->u.target_size = (uint16_t)size;
	strcpy(target->t->u.user.name, found->real_name ? found->real_name : name);
	target->t->u.user.revision = found->revision;
	target->udata = found->udata_size ? mg_making_take(making, found->udata_size) : NULL;
	if (target->init)
		target->init(target->t);
	making->has_target = true;
	add_source(making, found, found->x6_options, found->extra_opts, MG_TARGET_OWNER);
}
