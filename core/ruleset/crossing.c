/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See crossing.h. What a ruleset's own functions take care of when it is made
 * rule by rule is looked at here, all at once.
 */
#include "crossing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "failure.h"
#include "parcel.h"
#include "ruleset_inner.h"

enum {
	MOST_MEMBERS = 8 * 1000 * 1000, /* of all sets together */
	MOST_SETS = 100 * 1000,
	MOST_REST = 64 << 20,
	LONGEST_CHAIN = 28,
};

void mg_crossing_clear(struct mg_crossing *crossing)
{
	int area;

	for (area = 0; area < MG_AREAS; area++)
		if (!crossing->areas[area].borrowed)
			free(crossing->areas[area].bytes);
	*crossing = (struct mg_crossing){ .areas = { { .bytes = NULL } } };
}

size_t mg_crossing_most(enum mg_area area)
{
	switch (area) {
	case MG_AREA_STRINGS: return MG_RULESET_MOST_BYTES;
	case MG_AREA_CHAINS: return MG_RULESET_MOST_CHAINS * sizeof(struct mg_chain_record);
	case MG_AREA_RULES: return MG_RULESET_MOST_RULES * sizeof(struct mg_rule_record);
	case MG_AREA_MEMBERS: return MOST_MEMBERS * sizeof(struct mg_set_member);
	case MG_AREA_REST: return MOST_REST;
	case MG_AREAS: break;
	}
	return 0;
}

static void pack_sets(const struct mg_sets *sets, struct mg_parcel *rest)
{
	const uint32_t count = mg_sets_count(sets);
	struct mg_set_view set;
	uint32_t i;

	mg_parcel_number(rest, count);
	for (i = 0; i < count; i++) {
		mg_sets_at(sets, i, &set);
		mg_parcel_number(rest, (uint32_t)set.family);
		mg_parcel_text(rest, set.name);
		mg_parcel_text(rest, set.origin);
		mg_parcel_number(rest, set.count);
	}
}

static void pack_keeps(const struct mg_ruleset *rs, struct mg_parcel *rest)
{
	const uint32_t count = mg_ruleset_keep_count(rs);
	struct mg_keep keep;
	uint32_t i;

	mg_parcel_number(rest, count);
	for (i = 0; i < count; i++) {
		mg_ruleset_keep_at(rs, i, &keep);
		mg_parcel_number(rest, (uint32_t)keep.kind);
		mg_parcel_number(rest, keep.rank);
		mg_parcel_text(rest, keep.pattern);
		mg_parcel_text(rest, keep.owner);
		mg_parcel_text(rest, keep.origin);
	}
}

static void lend(struct mg_crossing *out, enum mg_area area, void *bytes, size_t size)
{
	out->areas[area].bytes = bytes;
	out->areas[area].size = size;
	out->areas[area].borrowed = true;
}

int mg_ruleset_leave(const struct mg_ruleset *rs, struct mg_crossing *out, struct mg_error *error)
{
	struct mg_parcel rest = { .size = 0 };

	pack_sets(&rs->sets, &rest);
	pack_keeps(rs, &rest);
	if (rest.failed) {
		mg_parcel_clear(&rest);
		return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for the ruleset");
	}
	lend(out, MG_AREA_STRINGS, rs->strings, rs->used);
	lend(out, MG_AREA_CHAINS, rs->chains, rs->chain_count * sizeof(*rs->chains));
	lend(out, MG_AREA_RULES, rs->rules, rs->rule_count * sizeof(*rs->rules));
	lend(out, MG_AREA_MEMBERS, rs->sets.members,
	     rs->sets.member_count * sizeof(*rs->sets.members));
	out->areas[MG_AREA_REST].bytes = rest.bytes;
	out->areas[MG_AREA_REST].size = rest.size;
	return 0;
}

/* What an enemy has made, and how far it was gone through. */
struct arrival {
	struct mg_ruleset *rs;
	struct mg_error *error;
};

/* `forged(arrival, format, ...)`: what the parent says of it, whatever it is */
#define forged(arrival, ...)                                                                       \
	(mg_set_error((arrival)->error, MG_INVALID, __VA_ARGS__),                                  \
	 mg_error_prefix((arrival)->error, "the evaluation handed back what no policy makes"),     \
	 -EBADMSG)

static int no_memory(const struct arrival *arrival)
{
	return mg_fail(arrival->error, -ENOMEM, MG_ENVIRONMENT, "out of memory for the ruleset");
}

/* Characters that Unicode counts as control and that are not ASCII's: C2 80 to C2 9F. */
static bool is_control(const char *text, size_t i, size_t length)
{
	const unsigned char c = (unsigned char)text[i];

	if (c == 0xc2)
		return i + 1 < length && ((unsigned char)text[i + 1] & 0xe0) == 0x80;
	return (c < ' ' && c != '\0' && c != '\t') || c == 0x7f;
}

/* Most texts have nothing that might be one: gone through in blocks, which compilers make quick. */
size_t mg_find_control(const char *text, size_t length)
{
	enum { BLOCK = 64 };
	size_t i = 0, j;

	while (i < length) {
		const size_t end = length - i < BLOCK ? length : i + BLOCK;
		unsigned char suspect = 0;

		for (j = 0; j < BLOCK && end - i == BLOCK; j++) {
			const unsigned char c = (unsigned char)text[i + j];

			suspect |= (unsigned char)((c < ' ') & (c != '\0') & (c != '\t'));
			suspect |= (unsigned char)((c == 0x7f) | (c == 0xc2));
		}
		if (suspect || end - i < BLOCK)
			for (j = i; j < end; j++)
				if (is_control(text, j, length))
					return j;
		i = end;
	}
	return length;
}

static int check_strings(const struct arrival *arrival)
{
	const struct mg_ruleset *rs = arrival->rs;
	size_t at;

	if (!rs->used || rs->strings[0] || rs->strings[rs->used - 1])
		return forged(arrival, "strings without an end");
	at = mg_find_control(rs->strings, rs->used);
	if (at < rs->used)
		return forged(arrival, "a control character (byte %d of the words)", (int)at);
	return 0;
}

static bool is_table(const char *name)
{
	static const char *const names[] = { "filter", "nat", "mangle", "raw", "security" };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static bool is_chain_name(const char *name)
{
	const size_t length = strlen(name);

	return length && length <= LONGEST_CHAIN && *name != '-' && *name != '!' &&
	       !strpbrk(name, " \t");
}

/* The chains that the kernel has, and which alone have a policy. */
static bool is_builtin_name(const char *name)
{
	static const char *const names[] = { "INPUT", "FORWARD", "OUTPUT", "PREROUTING",
					     "POSTROUTING" };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

/* A chain, whose rules begin where those of the one before end, at @first. */
static int check_chain(const struct arrival *arrival, uint32_t index, size_t first)
{
	const struct mg_ruleset *rs = arrival->rs;
	const struct mg_chain_record *chain = &rs->chains[index];
	const char *policy;

	if (chain->family >= MG_FAMILIES)
		return forged(arrival, "chain %u has no family", index + 1);
	if (chain->table >= rs->used || chain->name >= rs->used || chain->policy >= rs->used ||
	    chain->origin >= rs->used)
		return forged(arrival, "chain %u has a string that is none", index + 1);
	if (!is_table(rs->strings + chain->table))
		return forged(arrival, "chain %u is of no table", index + 1);
	if (!is_chain_name(rs->strings + chain->name))
		return forged(arrival, "chain %u has a name that no chain has", index + 1);
	policy = rs->strings + chain->policy;
	if (chain->policy && ((strcmp(policy, "ACCEPT") != 0 && strcmp(policy, "DROP") != 0) ||
			      !is_builtin_name(rs->strings + chain->name)))
		return forged(arrival, "chain %u has a policy that is none", index + 1);
	if (chain->first != first || chain->count > rs->rule_count - first)
		return forged(arrival, "chain %u has rules that are not its own", index + 1);
	return 0;
}

static uint32_t count_ends(const char *bytes, size_t size)
{
	enum { BLOCK = 16 }; /* which compilers make quick */
	uint32_t count = 0;
	size_t i, j;

	for (i = 0; size - i >= BLOCK; i += BLOCK) {
		unsigned char here = 0;

		for (j = 0; j < BLOCK; j++)
			here = (unsigned char)(here + !bytes[i + j]);
		count += here;
	}
	for (; i < size; i++)
		count += !bytes[i];
	return count;
}

/* @before: the rule before it in its chain, or NULL */
static int check_rule(const struct arrival *arrival, uint32_t chain, uint32_t index,
		      const struct mg_rule_record *before)
{
	const struct mg_ruleset *rs = arrival->rs;
	const struct mg_rule_record *rule = &rs->rules[index];

	if (rule->chain != chain)
		return forged(arrival, "rule %u is of another chain", index + 1);
	if (rule->origin >= rs->used)
		return forged(arrival, "rule %u has an origin that is none", index + 1);
	if (rule->rank > MG_RANK_HIGHEST || (before && before->rank > rule->rank))
		return forged(arrival, "rule %u has a rank out of order", index + 1);
	if (rule->args > rs->used || rule->args_size > rs->used - rule->args ||
	    rule->argc > MG_RULESET_MOST_WORDS)
		return forged(arrival, "rule %u has words that are none", index + 1);
	if ((rule->args_size && rs->strings[rule->args + rule->args_size - 1]) ||
	    count_ends(rs->strings + rule->args, rule->args_size) != rule->argc)
		return forged(arrival, "rule %u has other words than it counts", index + 1);
	return 0;
}

static int check_rules(const struct arrival *arrival, uint32_t chain)
{
	const struct mg_ruleset *rs = arrival->rs;
	const uint32_t first = rs->chains[chain].first, count = rs->chains[chain].count;
	uint32_t i;
	int err = 0;

	for (i = first; i < first + count && !err; i++)
		err = check_rule(arrival, chain, i, i > first ? &rs->rules[i - 1] : NULL);
	return err;
}

static int take_chains(const struct arrival *arrival)
{
	struct mg_ruleset *rs = arrival->rs;
	size_t first = 0;
	uint32_t i;
	int err;

	for (i = 0; i < rs->chain_count; i++) {
		const struct mg_chain_record *chain = &rs->chains[i];
		const char *table, *name;

		err = check_chain(arrival, i, first);
		if (!err)
			err = check_rules(arrival, i);
		if (err)
			return err;
		first += chain->count;
		table = rs->strings + chain->table;
		name = rs->strings + chain->name;
		if (mg_ruleset_find_chain(rs, (enum mg_family)chain->family, table, name) !=
		    UINT32_MAX)
			return forged(arrival, "chain %u is there twice", i + 1);
		if (mg_lookup_add(&rs->names,
				  mg_ruleset_hash_chain((enum mg_family)chain->family, table, name),
				  i))
			return no_memory(arrival);
	}
	return first == rs->rule_count ? 0 : forged(arrival, "there are rules of no chain");
}

/* A text that may be printed. */
static const char *unpack_clean(struct mg_unpacking *rest)
{
	const char *text = mg_unpack_text(rest);

	if (text && (mg_find_control(text, strlen(text)) < strlen(text) || strchr(text, '\t')))
		rest->wrong = true;
	if (!text)
		rest->wrong = true;
	return rest->wrong ? "" : text;
}

static bool is_set_name(const char *name, enum mg_family family)
{
	return mg_set_is_ours(name) && name[2] == (family == MG_IPV6 ? '6' : '4') && name[4] &&
	       !strpbrk(name, " \t");
}

static int take_sets(const struct arrival *arrival, struct mg_unpacking *rest,
		     const struct mg_set_member *members, size_t left)
{
	const uint32_t count = mg_unpack_number(rest);
	uint32_t i, index;
	int err;

	if (count > MOST_SETS)
		return forged(arrival, "more than %d sets", MOST_SETS);
	for (i = 0; i < count; i++) {
		const uint32_t family = mg_unpack_number(rest);
		struct mg_set_view set = { .family = (enum mg_family)family };

		set.name = unpack_clean(rest);
		set.origin = unpack_clean(rest);
		set.count = mg_unpack_number(rest);
		set.members = members;
		if (rest->wrong || family >= MG_FAMILIES || !is_set_name(set.name, set.family) ||
		    set.count > left || set.count > 2 * MG_SET_MOST_MEMBERS)
			return forged(arrival, "set %u is none", i + 1);
		err = mg_sets_add(&arrival->rs->sets, &set, &index, arrival->error);
		if (err)
			return err == -ENOMEM
				       ? err
				       : forged(arrival, "set %u: %s", i + 1, arrival->error->text);
		members += set.count;
		left -= set.count;
	}
	return left ? forged(arrival, "there are members of no set") : 0;
}

static int take_keeps(const struct arrival *arrival, struct mg_unpacking *rest)
{
	const uint32_t count = mg_unpack_number(rest);
	uint32_t i;

	if (count > MG_RULESET_MOST_KEEPS)
		return forged(arrival, "more than %d things are kept", MG_RULESET_MOST_KEEPS);
	for (i = 0; i < count; i++) {
		const uint32_t kind = mg_unpack_number(rest);
		struct mg_keep keep = { .kind = (enum mg_keep_kind)kind };
		int err;

		keep.rank = mg_unpack_number(rest);
		keep.pattern = unpack_clean(rest);
		keep.owner = unpack_clean(rest);
		keep.origin = unpack_clean(rest);
		if (rest->wrong || kind >= MG_KEEP_KINDS)
			return forged(arrival, "what is kept (%u) is nothing", i + 1);
		err = mg_ruleset_keep(arrival->rs, &keep, arrival->error);
		if (err)
			return err == -ENOMEM ? err
					      : forged(arrival, "what is kept (%u): %s", i + 1,
						       arrival->error->text);
	}
	return rest->wrong || rest->left ? forged(arrival, "more than a ruleset") : 0;
}

static int check_sizes(const struct arrival *arrival, const struct mg_crossing *crossing)
{
	static const size_t records[MG_AREAS] = {
		[MG_AREA_STRINGS] = 1,
		[MG_AREA_CHAINS] = sizeof(struct mg_chain_record),
		[MG_AREA_RULES] = sizeof(struct mg_rule_record),
		[MG_AREA_MEMBERS] = sizeof(struct mg_set_member),
		[MG_AREA_REST] = 1,
	};
	int area;

	for (area = 0; area < MG_AREAS; area++)
		if (crossing->areas[area].size > mg_crossing_most((enum mg_area)area) ||
		    crossing->areas[area].size % records[area])
			return forged(arrival, "an area of an impossible size");
	return 0;
}

/* The ruleset's own from here on. */
static void *adopt(struct mg_crossing *crossing, enum mg_area area)
{
	void *bytes = crossing->areas[area].bytes;

	crossing->areas[area].borrowed = true;
	return bytes;
}

static void adopt_areas(struct mg_ruleset *rs, struct mg_crossing *crossing)
{
	free(rs->strings); /* of the empty one */
	rs->strings = adopt(crossing, MG_AREA_STRINGS);
	rs->used = rs->strings_capacity = crossing->areas[MG_AREA_STRINGS].size;
	rs->chains = adopt(crossing, MG_AREA_CHAINS);
	rs->chain_count = crossing->areas[MG_AREA_CHAINS].size / sizeof(*rs->chains);
	rs->chain_capacity = rs->chain_count;
	rs->rules = adopt(crossing, MG_AREA_RULES);
	rs->rule_count = crossing->areas[MG_AREA_RULES].size / sizeof(*rs->rules);
	rs->rule_capacity = rs->rule_count;
	rs->last_chain[MG_IPV4] = rs->last_chain[MG_IPV6] = UINT32_MAX;
}

int mg_ruleset_arrive(struct mg_crossing *crossing, struct mg_ruleset **out, struct mg_error *error)
{
	struct mg_error own = { .status = MG_DONE };
	struct arrival arrival = { .error = error ? error : &own };
	struct mg_unpacking rest = { crossing->areas[MG_AREA_REST].bytes,
				     crossing->areas[MG_AREA_REST].size, false };
	int err = check_sizes(&arrival, crossing);

	if (!err)
		err = mg_ruleset_new(&arrival.rs, arrival.error);
	if (err)
		return err;
	adopt_areas(arrival.rs, crossing);
	err = check_strings(&arrival);
	if (!err)
		err = take_chains(&arrival);
	if (!err)
		err = take_sets(&arrival, &rest, crossing->areas[MG_AREA_MEMBERS].bytes,
				crossing->areas[MG_AREA_MEMBERS].size /
					sizeof(struct mg_set_member));
	if (!err)
		err = take_keeps(&arrival, &rest);
	if (err)
		mg_ruleset_free(arrival.rs);
	else
		*out = arrival.rs;
	return err;
}
