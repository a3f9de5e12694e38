/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One rule: its words go to the base options or straight to the plugin that
 * owns them, each on a private copy of the plugin's structure, so that
 * libxtables' own never hold the state of a rule: no clones, no merging of
 * option tables, nothing to free.
 */
#include "compile.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fence.h"
#include "options.h"
#include "ruleset/failure.h"
#include "session.h"

enum { MAX_INSTANCES = 64, MAX_WORDS = 1024 };

/* xtables_error() with the class that all mistakes in a rule have */
#define refuse(...) mg_fence_error(PARAMETER_PROBLEM, __VA_ARGS__)

/* A rule in the making. It is reachable from outside the fence. */
struct making {
	const struct mg_family_ops *ops;
	const struct mg_compile_context *context;
	struct mg_arena *arena;
	struct mg_compiled_rule *out;

	int argc;
	char *argv[MAX_WORDS + 1]; /* a private copy: plugins write into it */
	int next;		   /* the word to read next */
	bool inverse;		   /* a "!" was read */

	_Alignas(16) unsigned char head[256]; /* the entry without its elements */
	struct mg_entry_view view;
	char given[16]; /* letters of the base options seen so far */

	struct xtables_match matches[MAX_INSTANCES];
	int match_count;
	struct xtables_target target;
	bool has_target;
	const char *jump; /* "" without -j and -g */

	/* option tables in the order in which the rule named them */
	struct mg_option_source sources[MAX_INSTANCES + 1];
	int owner[MAX_INSTANCES + 1]; /* newest instance, or TARGET */
	const void *plugin[MAX_INSTANCES + 1];
	int source_count;

	char *protocol;
	bool protocol_loaded;
	const char *source_text, *destination_text;
};

enum { TARGET = -1 };

static void *take(struct making *making, size_t size)
{
	void *piece = mg_arena_take(making->arena, size);

	if (!piece)
		refuse("out of memory");
	return memset(piece, 0, size);
}

/* A later instance of a plugin takes over the options of the one before. */
static void add_source(struct making *making, const void *plugin,
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

static void add_match(struct making *making, const struct xtables_match *found, bool by_protocol)
{
	size_t size = XT_ALIGN(sizeof(struct xt_entry_match)) + found->size;
	struct xtables_match *match;

	if (making->match_count == MAX_INSTANCES)
		refuse("more than %d matches in one rule", MAX_INSTANCES);
	match = &making->matches[making->match_count];
	*match = *found;
	match->option_offset = 0;
	match->mflags = 0;
	match->m = take(making, size);
	match->m->u.match_size = (uint16_t)size;
	/* an alias (state for conntrack) goes to the kernel by its real name */
	strcpy(match->m->u.user.name,
	       found->real_name && !by_protocol ? found->real_name : found->name);
	match->m->u.user.revision = found->revision;
	match->udata = found->udata_size ? take(making, found->udata_size) : NULL;
	if (match->init)
		match->init(match->m);
	add_source(making, found, found->x6_options, found->extra_opts, making->match_count);
	making->match_count++;
}

static void read_match(struct making *making, const char *name)
{
	const struct xtables_match *found = mg_find_match(name);

	if (!found)
		refuse("no match extension is called `%s'", name);
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

/* "-p tcp --dport 22" means "-p tcp -m tcp --dport 22": at the first unknown option. */
static bool load_protocol(struct making *making)
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

static void fill_standard_target(struct making *making, const char *name)
{
	const struct xtables_target *standard = mg_find_target("standard");
	size_t size;

	if (!standard)
		refuse("the target extension `standard' is missing: is iptables installed?");
	size = XT_ALIGN(sizeof(struct xt_entry_target)) + standard->size;
	/* libiptc replaces the name by the verdict or the jump's offset */
	making->target = *standard;
	making->target.t = take(making, size);
	making->target.t->u.target_size = (uint16_t)size;
	strcpy(making->target.t->u.user.name, name);
	making->has_target = true;
	making->out->standard = true;
}

static bool is_verdict(const char *name)
{
	return strcmp(name, "ACCEPT") == 0 || strcmp(name, "DROP") == 0 ||
	       strcmp(name, "QUEUE") == 0 || strcmp(name, "RETURN") == 0;
}

static void fill_extension_target(struct making *making, const char *name)
{
	const struct xtables_target *found = mg_find_target(name);
	struct xtables_target *target = &making->target;
	size_t size;

	if (!found)
		refuse("no chain and no target extension is called `%s'", name);
	size = XT_ALIGN(sizeof(struct xt_entry_target)) + found->size;
	*target = *found;
	target->option_offset = 0;
	target->tflags = 0;
	target->t = take(making, size);
	target->t->u.target_size = (uint16_t)size;
	strcpy(target->t->u.user.name, found->real_name ? found->real_name : name);
	target->t->u.user.revision = found->revision;
	target->udata = found->udata_size ? take(making, found->udata_size) : NULL;
	if (target->init)
		target->init(target->t);
	making->has_target = true;
	add_source(making, found, found->x6_options, found->extra_opts, TARGET);
}

static void check_target_name(const char *name)
{
	if (!*name)
		refuse("a target needs a name");
	if (strlen(name) >= XT_EXTENSION_MAXNAMELEN)
		refuse("target name `%s' is longer than %d characters", name,
		       XT_EXTENSION_MAXNAMELEN - 1);
}

static void read_jump(struct making *making, const char *name, bool go_to)
{
	check_target_name(name);
	making->jump = name;
	if (mg_is_builtin_chain(making->context->table, name))
		refuse("`%s' is a built-in chain: no rule can jump to it", name);
	if (making->context->is_chain(making->context->data, name) || is_verdict(name)) {
		if (go_to && is_verdict(name))
			refuse("goto `%s' is not a chain", name);
		fill_standard_target(making, name);
	} else if (go_to) {
		refuse("goto `%s' is not a chain", name);
	} else {
		fill_extension_target(making, name);
	}
	if (go_to)
		*making->view.flags |= making->ops->goto_flag;
}

/* RFC 8200 extension headers: the kernel never sees them as a protocol */
static void warn_never_matched(const struct making *making)
{
	uint16_t protocol = *making->view.protocol;

	if (making->ops->protocol_flag && !making->inverse &&
	    (protocol == IPPROTO_ROUTING || protocol == IPPROTO_FRAGMENT ||
	     protocol == IPPROTO_AH || protocol == IPPROTO_DSTOPTS))
		fprintf(stderr, "protocol %s never matches in IPv6; use the extension match",
			making->protocol);
}

static void read_protocol(struct making *making, char *value)
{
	char *c;

	for (c = value; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	making->protocol = value;
	*making->view.protocol = xtables_parse_protocol(value);
	if (*making->view.protocol == 0 && making->inverse)
		refuse("rule would never match protocol");
	*making->view.flags |= making->ops->protocol_flag;
	warn_never_matched(making);
}

static void read_interface(const char *value, char *name, unsigned char *mask)
{
	if (!*value)
		refuse("Empty interface is likely to be undesired");
	xtables_parse_interface(value, name, mask);
}

static void read_counters(struct making *making, const char *value)
{
	unsigned long long packets, bytes;
	const char *second = strpbrk(value, ",");
	char *end;

	if (second)
		second++;
	else if (making->next < making->argc && isdigit((unsigned char)*making->argv[making->next]))
		second = making->argv[making->next++];
	else
		refuse("-c requires packet and byte counter");
	packets = strtoull(value, &end, 10);
	if (end == value)
		refuse("-c packet counter not numeric");
	bytes = strtoull(second, &end, 10);
	if (end == second)
		refuse("-c byte counter not numeric");
	making->view.counters->pcnt = packets;
	making->view.counters->bcnt = bytes;
}

/* Each base option once; "!" only where it has a meaning. */
static void note_given(struct making *making, int letter)
{
	static const struct {
		char letter;
		uint8_t flag;
	} inverse[] = {
		{ 's', MG_NOT_SOURCE }, { 'd', MG_NOT_DESTINATION }, { 'p', MG_NOT_PROTOCOL },
		{ 'i', MG_NOT_IN },	{ 'o', MG_NOT_OUT },	     { 'f', MG_NOT_FRAGMENT },
	};
	const char as_given = (char)(letter == 'g' ? 'j' : letter);
	size_t i;

	if (strchr(making->given, as_given))
		refuse("multiple -%c flags not allowed", letter);
	strncat(making->given, &as_given, 1);
	if (!making->inverse)
		return;
	for (i = 0; i < sizeof(inverse) / sizeof(*inverse); i++) {
		if (inverse[i].letter == letter) {
			*making->view.inverse |= inverse[i].flag;
			return;
		}
	}
	refuse("cannot have ! before -%c", letter);
}

static void base_option(struct making *making, int letter, char *value)
{
	if (letter != 'm')
		note_given(making, letter);
	else if (making->inverse)
		refuse("unexpected ! flag before --match");
	switch (letter) {
	case 's': making->source_text = value; break;
	case 'd': making->destination_text = value; break;
	case 'p': read_protocol(making, value); break;
	case 'i': read_interface(value, making->view.in, making->view.in_mask); break;
	case 'o': read_interface(value, making->view.out, making->view.out_mask); break;
	case 'j':
	case 'g': read_jump(making, value, letter == 'g'); break;
	case 'm': read_match(making, value); break;
	case 'f':
		if (!making->ops->fragment_flag)
			refuse("`-f' is not supported in IPv6, use -m frag instead");
		*making->view.flags |= making->ops->fragment_flag;
		break;
	case 'c': read_counters(making, value); break;
	}
}

/*
 * Names are never resolved behind the policy's back. Plugins that take an
 * address say so in their option tables.
 */
static void require_numeric(const struct making *making, const struct mg_option *option,
			    const char *value)
{
	unsigned char address[16], mask[16];

	if (!option->entry ||
	    (option->entry->type != XTTYPE_HOST && option->entry->type != XTTYPE_HOSTMASK))
		return;
	if (making->ops->parse_address(value, address, mask) == -EINVAL)
		refuse("--%s: `%s' is not a numeric %s address, and names are not resolved",
		       option->name, value, making->ops->name);
}

static void plugin_option(struct making *making, const struct mg_option *option, char *value)
{
	int owner = making->owner[option->source];

	/* the plugins look at getopt's variables, and at the words behind them */
	optarg = value;
	optind = making->next;
	require_numeric(making, option, value ? value : "");
	if (owner == TARGET)
		xtables_option_tpcall((unsigned int)option->value, making->argv, making->inverse,
				      &making->target, making->head);
	else
		xtables_option_mpcall((unsigned int)option->value, making->argv, making->inverse,
				      &making->matches[owner], making->head);
	if (optind > making->next && optind <= making->argc)
		making->next = optind; /* some take more than one word */
}

static char *take_value(struct making *making, const char *word)
{
	if (making->next == making->argc)
		refuse("option \"%s\" requires an argument", word);
	return making->argv[making->next++];
}

static void long_option(struct making *making, char *word)
{
	char *equals = strchr(word, '=');
	size_t length = equals ? (size_t)(equals - word) - 2 : strlen(word) - 2;
	struct mg_option option;
	enum mg_option_result result;
	char *value = NULL;

	result = mg_option_find(word + 2, length, making->sources, making->source_count, &option);
	if (result != MG_OPTION_FOUND && load_protocol(making))
		result = mg_option_find(word + 2, length, making->sources, making->source_count,
					&option);
	if (result == MG_OPTION_AMBIGUOUS)
		refuse("option \"%s\" is ambiguous", word);
	if (result == MG_OPTION_UNKNOWN)
		refuse("unknown option \"%s\"", word);
	if (option.source == MG_OPTION_BASE && !mg_option_in_rule(option.value))
		refuse("option \"%s\" does not belong in a rule", word);
	if (equals && option.has_arg == no_argument)
		refuse("option \"%s\" takes no argument", word);
	if (equals)
		value = equals + 1;
	else if (option.has_arg == required_argument)
		value = take_value(making, word);
	if (option.source == MG_OPTION_BASE)
		base_option(making, option.value, value);
	else
		plugin_option(making, &option, value);
}

static void short_option(struct making *making, char *word)
{
	char *value = NULL;

	if (!mg_option_in_rule(word[1]))
		refuse("option \"%s\" does not belong in a rule", word);
	if (word[1] == 'f') {
		if (word[2])
			refuse("option \"-f\" takes no argument");
	} else {
		value = word[2] ? word + 2 : take_value(making, word);
	}
	base_option(making, word[1], value);
}

static void read_words(struct making *making)
{
	while (making->next < making->argc) {
		char *word = making->argv[making->next++];

		if (strcmp(word, "!") == 0) {
			if (making->inverse)
				refuse("multiple consecutive ! not allowed");
			making->inverse = true;
			*word = '\0'; /* so that a plugin that looks back sees no value */
			continue;
		}
		if (strncmp(word, "--", 2) == 0 && word[2])
			long_option(making, word);
		else if (word[0] == '-' && word[1])
			short_option(making, word);
		else
			refuse("Bad argument `%s'", word);
		making->inverse = false;
	}
	if (making->inverse)
		refuse("nothing appropriate following !");
}

/* What iptables checks when it has read all words. */
static void check_whole(struct making *making)
{
	const char *chain = making->context->chain;
	int i;

	if (strcmp(making->context->table, "nat") == 0 && strcmp(making->jump, "DROP") == 0)
		refuse("The \"nat\" table is not intended for filtering, "
		       "the use of DROP is therefore inhibited.");
	for (i = 0; i < making->match_count; i++)
		xtables_option_mfcall(&making->matches[i]);
	if (making->has_target)
		xtables_option_tfcall(&making->target);
	if (strchr(making->given, 'o') &&
	    (strcmp(chain, "PREROUTING") == 0 || strcmp(chain, "INPUT") == 0))
		refuse("Can't use -o with %s", chain);
	if (strchr(making->given, 'i') &&
	    (strcmp(chain, "POSTROUTING") == 0 || strcmp(chain, "OUTPUT") == 0))
		refuse("Can't use -i with %s", chain);
}

/* A comma-separated list of addresses; NULL is any. */
struct addresses {
	unsigned int count;
	unsigned char (*address)[16];
	unsigned char (*mask)[16];
};

static void read_address(const struct making *making, const char *text, unsigned char *address,
			 unsigned char *mask)
{
	int err = making->ops->parse_address(text, address, mask);

	if (err == -ERANGE)
		refuse("invalid mask in `%s'", text);
	if (err)
		refuse("`%s' is not a numeric %s address or network, and names are not resolved",
		       text, making->ops->name);
}

static void read_addresses(struct making *making, const char *list, struct addresses *out)
{
	unsigned int count = 1;
	const char *c;
	char *rest, *item;

	for (c = list; c && *c; c++)
		count += *c == ',';
	out->address = take(making, count * sizeof(*out->address));
	out->mask = take(making, count * sizeof(*out->mask));
	out->count = count;
	if (!list)
		return;
	rest = mg_arena_string(making->arena, list);
	if (!rest)
		refuse("out of memory");
	for (count = 0; (item = strsep(&rest, ",")); count++) {
		item += strspn(item, " \t");
		read_address(making, item, out->address[count], out->mask[count]);
	}
}

static size_t elements_size(const struct making *making)
{
	size_t size = making->target.t->u.target_size;
	int i;

	for (i = 0; i < making->match_count; i++)
		size += making->matches[i].m->u.match_size;
	return size;
}

static void *assemble(struct making *making, size_t size)
{
	unsigned char *entry = take(making, size);
	unsigned char *at = entry + making->ops->entry_size;
	int i;

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

/* One entry for each pair of a source and a destination. */
static void finish(struct making *making)
{
	size_t size = making->ops->entry_size + elements_size(making);
	struct addresses sources, destinations;
	unsigned int i, j, n = 0;

	if (size > UINT16_MAX)
		refuse("the rule is larger than the kernel allows");
	read_addresses(making, making->source_text, &sources);
	read_addresses(making, making->destination_text, &destinations);
	if ((sources.count > 1 || destinations.count > 1) &&
	    *making->view.inverse & (MG_NOT_SOURCE | MG_NOT_DESTINATION))
		refuse("! not allowed with multiple source or destination IP addresses");
	making->out->count = sources.count * destinations.count;
	making->out->entries = take(making, making->out->count * sizeof(void *));
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

static int make(void *context)
{
	struct making *making = context;

	read_words(making);
	if (!making->has_target)
		fill_standard_target(making, "");
	check_whole(making);
	finish(making);
	making->out->target = mg_arena_string(making->arena, making->target.t->u.user.name);
	if (!making->out->target)
		refuse("out of memory");
	return 0;
}

static int copy_words(struct making *making, const char *args, uint32_t argc,
		      struct mg_error *error)
{
	const char *end = args;
	char *copy;
	uint32_t i;

	if (argc > MAX_WORDS)
		return mg_fail(error, -E2BIG, MG_INVALID, "more than %d words in one rule",
			       MAX_WORDS);
	for (i = 0; i < argc; i++)
		end = mg_arg_next(end);
	copy = mg_arena_take(making->arena, (size_t)(end - args) + 1);
	if (!copy)
		return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for a rule");
	memcpy(copy, args, (size_t)(end - args));
	for (i = 0; i < argc; i++, copy += strlen(copy) + 1)
		making->argv[i] = copy;
	making->argv[argc] = NULL;
	making->argc = (int)argc;
	return 0;
}

int mg_compile_rule(enum mg_family family, const struct mg_compile_context *context,
		    const char *args, uint32_t argc, struct mg_arena *arena,
		    struct mg_compiled_rule *out, struct mg_error *error)
{
	/* large, and one rule at a time: the process has one libxtables anyway */
	static struct making making;
	int err;

	making.ops = mg_family_ops(family);
	making.context = context;
	making.arena = arena;
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
	making.source_text = NULL;
	making.destination_text = NULL;
	making.given[0] = '\0';
	memset(making.head, 0, sizeof(making.head));
	making.ops->view(making.head, &making.view);
	err = copy_words(&making, args, argc, error);
	if (err)
		return err;
	mg_session_family(family);
	return mg_fence_run(make, &making, error);
}
