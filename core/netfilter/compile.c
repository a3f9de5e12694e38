/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One rule: its words go to the base options or straight to the plugin that
 * owns them, each on a private copy of the plugin's structure, so that
 * libxtables' own never hold the state of a rule: no clones, no merging of
 * option tables, nothing to free.
 */
#include <errno.h>
#include <getopt.h>
#include <linux/netfilter/xt_comment.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "making.h"
#include "meant.h"
#include "ruleset/failure.h"
#include "session.h"
#include "set_rules.h"

/*
 * Names are never resolved behind the policy's back. Plugins that take an
 * address say so in their option tables, and libxtables hands the host part to
 * getaddrinfo(3) before it looks at the mask: so this asks the same function.
 */
static void require_numeric(struct mg_making *making, const struct mg_option *option,
			    const char *value)
{
	const struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST,
		.ai_family = making->ops->nfproto,
		.ai_socktype = SOCK_DGRAM,
	};
	struct addrinfo *found;
	char *host;

	if (!option->entry ||
	    (option->entry->type != XTTYPE_HOST && option->entry->type != XTTYPE_HOSTMASK))
		return;
	host = mg_arena_string(&making->scratch, value);
	if (!host)
		mg_refuse("out of memory");
	if (option->entry->type == XTTYPE_HOSTMASK)
		*strchrnul(host, '/') = '\0';
	if (getaddrinfo(host, NULL, &hints, &found) != 0)
		mg_refuse("--%s: `%s' is not a numeric %s address, and names are not resolved",
			  option->name, value, making->ops->name);
	freeaddrinfo(found);
}

void mg_making_note_hole(struct mg_making *making, enum mg_hole_kind kind, const char *value,
			 int match, size_t offset)
{
	/* more than there is room for: the rule is no pattern */
	const uint32_t index = making->hole_count++;

	if (index >= MG_MOST_HOLES)
		return;
	/* "-s192.0.2.1" and "--source=192.0.2.1" are no words of their own */
	if (value != making->argv[making->next - 1]) {
		making->hole_count--;
		return;
	}
	making->holes[index] = (struct mg_hole){
		.kind = kind,
		.word = (uint32_t)making->next - 1,
		.offset = (uint32_t)offset,
	};
	making->hole_match[index] = match;
}

/* Ports as one plain number, which the plugin has read as such. */
static bool is_plain_port(const char *value, const uint16_t ports[2])
{
	char *end;
	const unsigned long number = strtoul(value, &end, 10);

	return *value >= '1' && *value <= '9' && !*end && ports[0] == number && ports[1] == number;
}

/* Behind the plugin: did it put the value into its data as it is? */
static void find_hole(struct mg_making *making, const struct mg_option *option, const char *value,
		      int owner)
{
	const struct xt_entry_match *match;
	size_t ports;

	if (owner == MG_TARGET_OWNER || !value)
		return;
	match = making->matches[owner].m;
	if (strcmp(match->u.user.name, "comment") == 0 && option->entry) {
		mg_making_note_hole(making, MG_HOLE_COMMENT, value, owner,
				    offsetof(struct xt_comment_info, comment));
		return;
	}
	if (strcmp(match->u.user.name, "tcp") == 0)
		ports = option->value == '1' ? offsetof(struct xt_tcp, spts)
					     : offsetof(struct xt_tcp, dpts);
	else if (strcmp(match->u.user.name, "udp") == 0)
		ports = option->value == '1' ? offsetof(struct xt_udp, spts)
					     : offsetof(struct xt_udp, dpts);
	else
		return;
	if ((option->value == '1' || option->value == '2') && !option->entry &&
	    is_plain_port(value, (const void *)(match->data + ports)))
		mg_making_note_hole(making, MG_HOLE_PORTS, value, owner, ports);
}

static void plugin_option(struct mg_making *making, const struct mg_option *option, char *value)
{
	int owner = making->owner[option->source];

	/* the plugins look at getopt's variables, and at the words behind them */
	optarg = value;
	optind = making->next;
	require_numeric(making, option, value ? value : "");
	if (mg_making_set_option(making, option, value, owner))
		return;
	if (owner == MG_TARGET_OWNER)
		xtables_option_tpcall((unsigned int)option->value, making->argv, making->inverse,
				      &making->target, making->head);
	else
		xtables_option_mpcall((unsigned int)option->value, making->argv, making->inverse,
				      &making->matches[owner], making->head);
	find_hole(making, option, value, owner);
	if (optind > making->next && optind <= making->argc)
		making->next = optind; /* some take more than one word */
}

static char *take_value(struct mg_making *making, const char *word)
{
	if (making->next == making->argc)
		mg_refuse("option \"%s\" requires an argument", word);
	return making->argv[making->next++];
}

static void long_option(struct mg_making *making, char *word)
{
	char *equals = strchr(word, '=');
	size_t length = equals ? (size_t)(equals - word) - 2 : strlen(word) - 2;
	const bool fragments = making->ops->fragment_flag;
	struct mg_option option;
	enum mg_option_result result;
	char *value = NULL;

	result = mg_option_find(word + 2, length, making->sources, making->source_count, fragments,
				&option);
	if (result != MG_OPTION_FOUND && mg_making_load_protocol(making))
		result = mg_option_find(word + 2, length, making->sources, making->source_count,
					fragments, &option);
	if (result == MG_OPTION_AMBIGUOUS)
		mg_refuse("option \"%s\" is ambiguous%s", word,
			  mg_meant_options(making, word + 2, length));
	if (result == MG_OPTION_UNKNOWN)
		mg_refuse("unknown option \"%s\"%s", word,
			  mg_meant_option(making, word + 2, length));
	if (option.source == MG_OPTION_BASE && !mg_option_in_rule(option.value))
		mg_refuse("option \"%s\" does not belong in a rule", word);
	if (equals && option.has_arg == no_argument)
		mg_refuse("option \"%s\" takes no argument", word);
	if (equals)
		value = equals + 1;
	else if (option.has_arg == required_argument)
		value = take_value(making, word);
	if (option.source == MG_OPTION_BASE)
		mg_making_base_option(making, option.value, value);
	else
		plugin_option(making, &option, value);
}

static void short_option(struct mg_making *making, char *word)
{
	char *value = NULL;

	if (!mg_option_in_rule(word[1]))
		mg_refuse("option \"%s\" does not belong in a rule", word);
	if (word[1] == 'f') {
		if (word[2])
			mg_refuse("option \"-f\" takes no argument");
	} else {
		value = word[2] ? word + 2 : take_value(making, word);
	}
	mg_making_base_option(making, word[1], value);
}

static void read_words(struct mg_making *making)
{
	while (making->next < making->argc) {
		char *word = making->argv[making->next++];

		if (strcmp(word, "!") == 0) {
			if (making->inverse)
				mg_refuse("multiple consecutive ! not allowed");
			making->inverse = true;
			*word = '\0'; /* so that a plugin that looks back sees no value */
			continue;
		}
		if (strncmp(word, "--", 2) == 0 && word[2])
			long_option(making, word);
		else if (word[0] == '-' && word[1])
			short_option(making, word);
		else
			mg_refuse("Bad argument `%s'%s", word,
				  strchr(word, '\'') ? ": quotes are double ones here" : "");
		making->inverse = false;
	}
	if (making->inverse)
		mg_refuse("nothing appropriate following !");
}

/* What iptables checks when it has read all words. */
static void check_whole(struct mg_making *making)
{
	const char *chain = making->context->chain;
	int i;

	if (strcmp(making->context->table, "nat") == 0 && strcmp(making->jump, "DROP") == 0)
		mg_refuse("The \"nat\" table is not intended for filtering, "
			  "the use of DROP is therefore inhibited.");
	for (i = 0; i < making->match_count; i++)
		xtables_option_mfcall(&making->matches[i]);
	if (making->has_target)
		xtables_option_tfcall(&making->target);
	if (strchr(making->given, 'o') &&
	    (strcmp(chain, "PREROUTING") == 0 || strcmp(chain, "INPUT") == 0))
		mg_refuse("Can't use -o with %s", chain);
	if (strchr(making->given, 'i') &&
	    (strcmp(chain, "POSTROUTING") == 0 || strcmp(chain, "OUTPUT") == 0))
		mg_refuse("Can't use -i with %s", chain);
}

/* A comma-separated list of addresses; NULL is any. */
struct addresses {
	unsigned int count;
	unsigned char (*address)[16];
	unsigned char (*mask)[16];
};

static void read_address(const struct mg_making *making, const char *text, unsigned char *address,
			 unsigned char *mask)
{
	int err = making->ops->parse_address(text, address, mask);

	if (err == -ERANGE)
		mg_refuse("invalid mask in `%s'", text);
	if (err)
		mg_refuse("`%s' is not a numeric %s address or network, and names are not resolved",
			  text, making->ops->name);
}

static void read_addresses(struct mg_making *making, const char *list, struct addresses *out)
{
	unsigned int count = 1;
	const char *c;
	char *rest, *item;

	for (c = list; c && *c; c++)
		count += *c == ',';
	out->address = mg_making_take(making, count * sizeof(*out->address));
	out->mask = mg_making_take(making, count * sizeof(*out->mask));
	out->count = count;
	if (!list)
		return;
	rest = mg_arena_string(&making->scratch, list);
	if (!rest)
		mg_refuse("out of memory");
	for (count = 0; (item = strsep(&rest, ",")); count++) {
		item += strspn(item, " \t");
		read_address(making, item, out->address[count], out->mask[count]);
	}
}

static size_t elements_size(const struct mg_making *making)
{
	size_t size = making->target.t->u.target_size;
	int i;

	for (i = 0; i < making->match_count; i++)
		size += making->matches[i].m->u.match_size;
	return size;
}

static void *assemble(struct mg_making *making, size_t size)
{
	unsigned char *entry = mg_arena_take(making->arena, size);
	unsigned char *at;
	int i;

	if (!entry)
		mg_refuse("out of memory");
	at = entry + making->ops->entry_size;
	*making->view.next_offset = (uint16_t)size;
	*making->view.target_offset = (uint16_t)(size - making->target.t->u.target_size);
	memcpy(entry, making->head, making->ops->entry_size);
	for (i = 0; i < making->match_count; i++) {
		memcpy(at, making->matches[i].m, making->matches[i].m->u.match_size);
		at += making->matches[i].m->u.match_size;
	}
	memcpy(at, making->target.t, making->target.t->u.target_size);
	return entry;
}

/* Where the holes of the matches lie in the whole entry. */
static void place_holes(struct mg_making *making)
{
	struct mg_compiled_rule *out = making->out;
	uint32_t i;
	int before;

	out->argc = (uint32_t)making->argc;
	out->hole_count = making->hole_count <= MG_MOST_HOLES ? making->hole_count : 0;
	for (i = 0; i < out->hole_count; i++) {
		out->holes[i] = making->holes[i];
		if (making->hole_match[i] < 0)
			continue;
		out->holes[i].offset +=
			(uint32_t)(making->ops->entry_size + sizeof(struct xt_entry_match));
		for (before = 0; before < making->hole_match[i]; before++)
			out->holes[i].offset += making->matches[before].m->u.match_size;
	}
}

/* One entry for each pair of a source and a destination. */
static void finish(struct mg_making *making)
{
	size_t size = making->ops->entry_size + elements_size(making);
	struct addresses sources, destinations;
	unsigned int i, j, n = 0;

	if (size > UINT16_MAX)
		mg_refuse("the rule is larger than the kernel allows");
	read_addresses(making, making->source_text, &sources);
	read_addresses(making, making->destination_text, &destinations);
	if ((sources.count > 1 || destinations.count > 1) &&
	    *making->view.inverse & (MG_NOT_SOURCE | MG_NOT_DESTINATION))
		mg_refuse("! not allowed with multiple source or destination IP addresses");
	if ((uint64_t)sources.count * destinations.count > MG_MAX_ENTRIES)
		mg_refuse("the rule's addresses make more than %d rules", MG_MAX_ENTRIES);
	making->out->count = sources.count * destinations.count;
	/* the list of them is read before the next rule is compiled */
	making->out->entries = mg_making_take(making, making->out->count * sizeof(void *));
	for (i = 0; i < sources.count; i++) {
		for (j = 0; j < destinations.count; j++) {
			const size_t length = making->ops->address_size;

			memcpy(making->view.source, sources.address[i], length);
			memcpy(making->view.source_mask, sources.mask[i], length);
			memcpy(making->view.destination, destinations.address[j], length);
			memcpy(making->view.destination_mask, destinations.mask[j], length);
			making->out->entries[n++] = assemble(making, size);
		}
	}
}

/* The verdicts' names are everywhere: they need no copies. */
static const char *keep_name(const struct mg_making *making, const char *name)
{
	static const char *const common[] = { "ACCEPT", "DROP", "RETURN", "" };
	size_t i;

	for (i = 0; i < sizeof(common) / sizeof(*common); i++)
		if (strcmp(common[i], name) == 0)
			return common[i];
	return mg_arena_string(making->arena, name);
}

static int make(void *context)
{
	struct mg_making *making = context;

	read_words(making);
	if (!making->has_target)
		mg_making_standard_target(making, "");
	check_whole(making);
	finish(making);
	place_holes(making);
	making->out->target = keep_name(making, making->target.t->u.user.name);
	if (!making->out->target)
		mg_refuse("out of memory");
	return 0;
}

static int copy_words(struct mg_making *making, const char *args, uint32_t argc, size_t size,
		      struct mg_error *error)
{
	char *copy;
	uint32_t i;

	if (argc > MG_MAX_WORDS)
		return mg_fail(error, -E2BIG, MG_INVALID, "more than %d words in one rule",
			       MG_MAX_WORDS);
	copy = mg_arena_take(&making->scratch, size + 1);
	if (!copy)
		return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for a rule");
	memcpy(copy, args, size);
	for (i = 0; i < argc; i++, copy += strlen(copy) + 1)
		making->argv[i] = copy;
	making->argv[argc] = NULL;
	making->argc = (int)argc;
	return 0;
}

int mg_compile_rule(enum mg_family family, const struct mg_compile_context *context,
		    const char *args, uint32_t argc, size_t size, struct mg_arena *arena,
		    struct mg_compiled_rule *out, struct mg_error *error)
{
	/* large, and one rule at a time: the process has one libxtables anyway */
	static struct mg_making making;
	int err;

	making.ops = mg_family_ops(family);
	making.context = context;
	making.arena = arena;
	mg_arena_reset(&making.scratch);
	making.out = out;
	out->standard = false;
	making.next = 0;
	making.inverse = false;
	making.match_count = 0;
	making.source_count = 0;
	making.has_target = false;
	making.jump = "";
	making.protocol = NULL;
	making.protocol_loaded = false;
	making.hole_count = 0;
	making.source_text = NULL;
	making.destination_text = NULL;
	making.given[0] = '\0';
	memset(making.head, 0, sizeof(making.head));
	making.ops->view(making.head, &making.view);
	err = copy_words(&making, args, argc, size, error);
	if (err)
		return err;
	mg_session_family(family);
	return mg_fence_run(make, &making, error);
}
