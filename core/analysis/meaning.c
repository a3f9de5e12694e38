/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading a rule's arguments into clauses. See meaning.h.
 *
 * The options are those of iptables(8) and iptables-extensions(8), found the
 * way getopt_long(3) finds them: as "--name value", "--name=value" or an
 * unambiguous beginning; short ones with the value attached or behind.
 *
 * Must not touch the kernel, libxtables or Lua.
 */
#include "analysis/meaning.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "analysis/values.h"
#include "analysis/vocabulary.h"
#include "ruleset/growable.h"

/* Where the reading of one rule stands. */
struct reader {
	const struct mg_ruleset *ruleset;
	enum mg_family family;
	struct mg_clauses *clauses;
	struct mg_meaning *meaning;
	const char *arg;     /* the next argument */
	uint32_t left;	     /* how many are left, this one included */
	unsigned int loaded; /* matches, as bits of enum mg_word_owner */
	uint8_t protocol;    /* of -p; 0: none, or negated */
	bool negated;	     /* a "!" stands before the option */
	bool jumps;	     /* -j or -g was read: unknown options are the target's */
	uint32_t recent;     /* clause of the newest -m recent */
	uint32_t set;	     /* the same of the newest --match-set */
	bool unsure_of_set;  /* its match has an option that makes it opaque */
};

void mg_clauses_clear(struct mg_clauses *clauses)
{
	free(clauses->clauses);
	free(clauses->alternatives);
	memset(clauses, 0, sizeof(*clauses));
}

static int add_clause(struct reader *reader, enum mg_clause_kind kind)
{
	struct mg_clauses *to = reader->clauses;
	int err;

	err = mg_make_room((void **)&to->clauses, &to->clause_capacity, to->clause_count + 1ul,
			   sizeof(*to->clauses));
	if (err)
		return err;
	to->clauses[to->clause_count++] = (struct mg_clause){
		.kind = (uint8_t)kind,
		.negated = reader->negated,
		.first = to->alternative_count,
	};
	reader->meaning->count++;
	return 0;
}

/* Give the newest clause one alternative more. */
static int add_alternative(struct reader *reader, const union mg_alternative *alternative)
{
	struct mg_clauses *to = reader->clauses;
	int err;

	err = mg_make_room((void **)&to->alternatives, &to->alternative_capacity,
			   to->alternative_count + 1ul, sizeof(*to->alternatives));
	if (err)
		return err;
	to->alternatives[to->alternative_count++] = *alternative;
	to->clauses[to->clause_count - 1].count++;
	return 0;
}

/* A value that holds one alternative, of which @understood says whether it was read. */
static int add_single(struct reader *reader, enum mg_clause_kind kind, bool understood,
		      const union mg_alternative *alternative)
{
	int err = add_clause(reader, understood ? kind : MG_CLAUSE_OPAQUE);

	if (err == 0 && understood)
		err = add_alternative(reader, alternative);
	return err;
}

/* Fill @is from one word of a list. */
static bool read_word(const struct reader *reader, enum mg_clause_kind kind, const char *word,
		      union mg_alternative *is)
{
	switch (kind) {
	case MG_CLAUSE_SOURCE:
	case MG_CLAUSE_DESTINATION:
		return mg_value_network(reader->family, word, is->network.address,
					is->network.mask);
	default: return mg_value_ports(word, reader->protocol, &is->ports);
	}
}

/*
 * "10.0.0.0/8,192.0.2.1" or "22,8000:8010": any of them. A word that cannot
 * be read makes the whole clause opaque.
 */
static int add_list(struct reader *reader, enum mg_clause_kind kind, const char *value)
{
	int err = add_clause(reader, kind);
	bool more = true;

	while (err == 0 && more) {
		const size_t length = strcspn(value, ",");
		union mg_alternative is = { 0 };
		char word[128];

		more = value[length] == ',';
		if (length < sizeof(word)) {
			memcpy(word, value, length);
			word[length] = '\0';
		}
		if (length >= sizeof(word) || !read_word(reader, kind, word, &is)) {
			reader->clauses->clauses[reader->clauses->clause_count - 1].kind =
				MG_CLAUSE_OPAQUE;
			return 0;
		}
		err = add_alternative(reader, &is);
		value += length + 1;
	}
	return err;
}

/* "192.0.2.1-192.0.2.9", as iprange takes it. */
static int add_range(struct reader *reader, enum mg_clause_kind kind, const char *value)
{
	const char *dash = strchr(value, '-');
	union mg_alternative is = { 0 };
	char low[64] = "";
	bool understood = false;

	if (dash && (size_t)(dash - value) < sizeof(low)) {
		memcpy(low, value, (size_t)(dash - value));
		understood = mg_value_address(reader->family, low, is.network.address) &&
			     mg_value_address(reader->family, dash + 1, is.network.mask);
	}
	return add_single(reader, kind, understood, &is);
}

static int add_interface(struct reader *reader, enum mg_clause_kind kind, const char *value)
{
	union mg_alternative is = { 0 };
	size_t length = strlen(value);

	if (length == 0 || length >= sizeof(is.interface.name))
		return add_clause(reader, MG_CLAUSE_OPAQUE);
	is.interface.wildcard = value[length - 1] == '+';
	length -= is.interface.wildcard;
	memcpy(is.interface.name, value, length);
	is.interface.length = (uint8_t)length;
	return add_single(reader, kind, true, &is);
}

static int add_protocol(struct reader *reader, const char *value)
{
	union mg_alternative is = { 0 };
	const bool understood = mg_value_protocol(value, &is.protocol);

	reader->protocol = understood && !reader->negated ? is.protocol : 0;
	return add_single(reader, MG_CLAUSE_PROTOCOL, understood, &is);
}

static int add_flags(struct reader *reader, const char *mask, const char *set)
{
	union mg_alternative is = { 0 };
	const bool understood = mg_value_tcp_flags(mask, &is.flags.mask) &&
				mg_value_tcp_flags(set, &is.flags.set);

	return add_single(reader, MG_CLAUSE_TCP_FLAGS, understood, &is);
}

static int add_hop_limit(struct reader *reader, enum mg_word_id id, const char *value)
{
	union mg_alternative is = { .hop_limit = { 0, 255 } };
	unsigned long number = 0;
	const bool understood = mg_value_number(value, 255, &number);

	if (id != MG_WORD_HOPS_LESS)
		is.hop_limit.low = (int)number + (id == MG_WORD_HOPS_MORE);
	if (id != MG_WORD_HOPS_MORE)
		is.hop_limit.high = (int)number - (id == MG_WORD_HOPS_LESS);
	return add_single(reader, MG_CLAUSE_HOP_LIMIT, understood, &is);
}

/*
 * What is in a set of the policy's is known; of somebody else's nothing is, nor
 * of a look-up of more than one address.
 */
static int add_set(struct reader *reader, const char *name, const char *directions)
{
	const struct mg_sets *sets = mg_ruleset_sets_const(reader->ruleset);
	const uint32_t index = mg_sets_find(sets, reader->family, name);
	const bool source = strcmp(directions, "src") == 0;
	union mg_alternative is = { 0 };
	struct mg_set_view set;

	reader->set = reader->clauses->clause_count;
	if (reader->unsure_of_set || index == UINT32_MAX ||
	    (!source && strcmp(directions, "dst") != 0))
		return add_clause(reader, MG_CLAUSE_OPAQUE);
	mg_sets_at(sets, index, &set);
	is.set.members = set.members;
	is.set.count = set.count;
	return add_single(reader, source ? MG_CLAUSE_SOURCE_SET : MG_CLAUSE_DESTINATION_SET, true,
			  &is);
}

/*
 * "--return-nomatch" finds what is no member, where the set's type has exceptions;
 * and counters decide as well: what is not found then matches a "!".
 */
static int doubt_set(struct reader *reader)
{
	reader->unsure_of_set = true;
	if (reader->set != UINT32_MAX)
		reader->clauses->clauses[reader->set].kind = MG_CLAUSE_OPAQUE;
	return 0;
}

/*
 * recent: "--set" always matches; "--update" with a hit count cannot on a
 * quiet day; all else depends on who came by before.
 */
static void refine_recent(struct reader *reader, enum mg_word_id id, const char *value)
{
	unsigned long hits;
	struct mg_clause *clause;

	if (reader->recent == UINT32_MAX)
		return;
	clause = &reader->clauses->clauses[reader->recent];
	if (id == MG_WORD_RECENT_HITS) {
		if (clause->kind == MG_CLAUSE_OPAQUE && mg_value_number(value, 255, &hits) &&
		    hits > 1)
			clause->kind = MG_CLAUSE_OVER;
		return;
	}
	clause->negated = reader->negated;
	if (id == MG_WORD_RECENT_SET)
		clause->kind = MG_CLAUSE_ALWAYS;
}

static void read_target(struct reader *reader, enum mg_word_id id, const char *name)
{
	static const char *const going_on[] = {
		"LOG",	    "NFLOG", "ULOG",	    "MARK",	 "CONNMARK", "SET",   "TRACE",
		"TOS",	    "DSCP",  "CLASSIFY",    "AUDIT",	 "SECMARK",  "TEE",   "TCPMSS",
		"CHECKSUM", "LED",   "RATEEST",	    "IDLETIMER", "HMARK",    "TTL",   "HL",
		"ECN",	    "CT",    "TCPOPTSTRIP", "NOTRACK",	 "ACCOUNT",  "SYSRQ", "CONNSECMARK",
	};
	struct mg_meaning *meaning = reader->meaning;

	reader->jumps = true;
	if (id == MG_WORD_JUMP)
		meaning->jump = name;
	meaning->target = MG_TARGET_OPAQUE;
	if (id == MG_WORD_JUMP && strcmp(name, "ACCEPT") == 0) {
		meaning->target = MG_TARGET_ACCEPT;
		return;
	}
	if (id == MG_WORD_JUMP && strcmp(name, "DROP") == 0) {
		meaning->target = MG_TARGET_DROP;
		return;
	}
	if (id == MG_WORD_JUMP && strcmp(name, "RETURN") == 0) {
		meaning->target = MG_TARGET_RETURN;
		return;
	}
	meaning->chain = mg_ruleset_find_chain(reader->ruleset, reader->family, "filter", name);
	if (meaning->chain != UINT32_MAX) {
		meaning->target = id == MG_WORD_JUMP ? MG_TARGET_JUMP : MG_TARGET_GOTO;
		return;
	}
	if (strcmp(name, "REJECT") == 0)
		meaning->target = MG_TARGET_REJECT;
	for (size_t i = 0; i < sizeof(going_on) / sizeof(going_on[0]); i++)
		if (strcmp(name, going_on[i]) == 0)
			meaning->target = MG_TARGET_NEXT;
}

static int load_match(struct reader *reader, const char *name)
{
	const enum mg_word_owner owner = mg_word_owner(name);

	reader->loaded |= 1U << owner;
	if (owner == MG_WORD_OF_RECENT) {
		reader->recent = reader->clauses->clause_count;
		return add_clause(reader, MG_CLAUSE_OPAQUE);
	}
	if (owner == MG_WORD_OF_SET) {
		reader->set = UINT32_MAX;
		reader->unsure_of_set = false;
	}
	if (owner == MG_WORD_OF_UNKNOWN)
		return add_clause(reader, MG_CLAUSE_OPAQUE);
	return 0;
}

/* What the options of matches mean. @value, @second: "" where it has none. */
static int read_match_option(struct reader *reader, enum mg_word_id id, const char *value,
			     const char *second)
{
	union mg_alternative is = { 0 };
	bool understood;

	switch (id) {
	case MG_WORD_SOURCE_PORT: return add_list(reader, MG_CLAUSE_SOURCE_PORT, value);
	case MG_WORD_DESTINATION_PORT: return add_list(reader, MG_CLAUSE_DESTINATION_PORT, value);
	case MG_WORD_PORTS: return add_list(reader, MG_CLAUSE_EITHER_PORT, value);
	case MG_WORD_SYN: return add_flags(reader, "FIN,SYN,RST,ACK", "SYN");
	case MG_WORD_TCP_FLAGS: return add_flags(reader, value, second);
	case MG_WORD_STATE:
		understood = mg_value_states(value, &is.state.states, &is.state.nat);
		return add_single(reader, MG_CLAUSE_STATE, understood, &is);
	case MG_WORD_ICMP_TYPE:
		understood = mg_value_icmp(reader->family, value, is.icmp.types, is.icmp.codes);
		return add_single(reader, MG_CLAUSE_ICMP, understood, &is);
	case MG_WORD_HOPS_EQUAL:
	case MG_WORD_HOPS_LESS:
	case MG_WORD_HOPS_MORE: return add_hop_limit(reader, id, value);
	case MG_WORD_SOURCE_RANGE: return add_range(reader, MG_CLAUSE_SOURCE_RANGE, value);
	case MG_WORD_DESTINATION_RANGE:
		return add_range(reader, MG_CLAUSE_DESTINATION_RANGE, value);
	case MG_WORD_IN_SET: return add_set(reader, value, second);
	case MG_WORD_UNSURE_OF_SET: return doubt_set(reader);
	case MG_WORD_UNDER: return add_clause(reader, MG_CLAUSE_UNDER);
	case MG_WORD_OVER: return add_clause(reader, MG_CLAUSE_OVER);
	case MG_WORD_RECENT_SET:
	case MG_WORD_RECENT_CHECK:
	case MG_WORD_RECENT_HITS: refine_recent(reader, id, value); return 0;
	case MG_WORD_COUNTERS:
	case MG_WORD_NOTHING: return 0;
	default: return add_clause(reader, MG_CLAUSE_OPAQUE);
	}
}

static int read_option(struct reader *reader, enum mg_word_id id, const char *value,
		       const char *second)
{
	switch (id) {
	case MG_WORD_SOURCE: return add_list(reader, MG_CLAUSE_SOURCE, value);
	case MG_WORD_DESTINATION: return add_list(reader, MG_CLAUSE_DESTINATION, value);
	case MG_WORD_IN: return add_interface(reader, MG_CLAUSE_IN, value);
	case MG_WORD_OUT: return add_interface(reader, MG_CLAUSE_OUT, value);
	case MG_WORD_PROTOCOL: return add_protocol(reader, value);
	case MG_WORD_MATCH: return load_match(reader, value);
	case MG_WORD_JUMP:
	case MG_WORD_GOTO: read_target(reader, id, value); return 0;
	case MG_WORD_FRAGMENT:
		/* Later fragments; conntrack has put them together before filter. */
		return add_clause(reader, MG_CLAUSE_NEVER);
	default: return read_match_option(reader, id, value, second);
	}
}

static const char *take_argument(struct reader *reader)
{
	const char *arg = reader->arg;

	if (reader->left == 0)
		return "";
	reader->left--;
	reader->arg = mg_arg_next(arg);
	return arg;
}

/*
 * An option that nothing here knows: of a match that is opaque already, or
 * of the target, or a mistake. What follows and does not look like an option
 * is its value.
 */
static int skip_unknown(struct reader *reader)
{
	while (reader->left > 0 && strcmp(reader->arg, "!") != 0 &&
	       (reader->arg[0] != '-' || strchr(reader->arg, ' ')))
		take_argument(reader);
	if (reader->jumps || (reader->loaded & (1U << MG_WORD_OF_UNKNOWN)))
		return 0;
	return add_clause(reader, MG_CLAUSE_OPAQUE);
}

static int read_argument(struct reader *reader)
{
	const char *arg = take_argument(reader), *attached;
	const struct mg_word *option;
	int err;

	if (strcmp(arg, "!") == 0) {
		reader->negated = !reader->negated;
		return 0;
	}
	option = mg_word_find(arg, reader->loaded, reader->protocol, &attached);
	if (option) {
		const char *value = "", *second = "";

		if (option->values > 0)
			value = attached ? attached : take_argument(reader);
		if (option->values > 1 && !(option->id == MG_WORD_COUNTERS && strchr(value, ',')))
			second = take_argument(reader);
		err = read_option(reader, option->id, value, second);
	} else {
		err = skip_unknown(reader);
	}
	reader->negated = false;
	return err;
}

int mg_meaning_read(const struct mg_ruleset *ruleset, uint32_t index, struct mg_clauses *clauses,
		    struct mg_meaning *out)
{
	struct mg_chain_view chain;
	struct mg_rule_view rule;
	struct reader reader = {
		.ruleset = ruleset,
		.clauses = clauses,
		.meaning = out,
		.recent = UINT32_MAX,
		.set = UINT32_MAX,
	};
	int err = 0;

	mg_ruleset_rule_at(ruleset, index, &rule);
	mg_ruleset_chain_at(ruleset, rule.chain, &chain);
	*out = (struct mg_meaning){
		.first = clauses->clause_count,
		.target = MG_TARGET_NEXT,
		.jump = "",
	};
	reader.family = chain.family;
	reader.arg = rule.args;
	reader.left = rule.argc;
	while (reader.left > 0 && err == 0)
		err = read_argument(&reader);
	return err;
}
