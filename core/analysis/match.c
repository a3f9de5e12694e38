/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Holding a rule's clauses against a packet, in three values. See meaning.h.
 *
 * Must not touch the kernel, libxtables or Lua.
 */
#include <netinet/in.h>
#include <string.h>

#include "analysis/meaning.h"

static enum mg_match yes_or_no(bool holds)
{
	return holds ? MG_MATCH_YES : MG_MATCH_NO;
}

static enum mg_match match_network(const union mg_alternative *is, bool known,
				   const unsigned char address[16])
{
	static const unsigned char everything[16];

	if (memcmp(is->network.mask, everything, sizeof(everything)) == 0)
		return MG_MATCH_YES;
	if (!known)
		return MG_MATCH_MAYBE;
	for (size_t i = 0; i < 16; i++)
		if ((is->network.address[i] ^ address[i]) & is->network.mask[i])
			return MG_MATCH_NO;
	return MG_MATCH_YES;
}

static enum mg_match match_range(const union mg_alternative *is, bool known,
				 const unsigned char address[16])
{
	if (!known)
		return MG_MATCH_MAYBE;
	return yes_or_no(memcmp(address, is->network.address, 16) >= 0 &&
			 memcmp(address, is->network.mask, 16) <= 0);
}

static enum mg_match match_set(const union mg_alternative *is, const struct mg_packet *packet,
			       bool known, const unsigned char address[16])
{
	if (!is->set.count)
		return MG_MATCH_NO;
	if (!known)
		return MG_MATCH_MAYBE;
	return yes_or_no(mg_set_holds(is->set.members, is->set.count, packet->family, address));
}

/* @name: "" where the hook has no such interface, NULL where it is not known. */
static enum mg_match match_interface(const union mg_alternative *is, const char *name)
{
	const size_t length = is->interface.length;

	if (is->interface.wildcard && length == 0)
		return MG_MATCH_YES;
	if (name) {
		if (strncmp(is->interface.name, name, length) != 0)
			return MG_MATCH_NO;
		return yes_or_no(is->interface.wildcard || name[length] == '\0');
	}
	/* Any but loopback. */
	return strcmp(is->interface.name, "lo") == 0 && !is->interface.wildcard ? MG_MATCH_NO
										: MG_MATCH_MAYBE;
}

static enum mg_match match_ports(const union mg_alternative *is, struct mg_ports ports)
{
	if (ports.low >= is->ports.low && ports.high <= is->ports.high)
		return MG_MATCH_YES;
	if (ports.high < is->ports.low || ports.low > is->ports.high)
		return MG_MATCH_NO;
	return MG_MATCH_MAYBE;
}

static bool has_ports(const struct mg_packet *packet)
{
	switch (packet->protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
	case IPPROTO_SCTP:
	case IPPROTO_DCCP: return true;
	default: return false;
	}
}

static enum mg_match match_any_port(const struct mg_clause *clause, const union mg_alternative *is,
				    const struct mg_packet *packet)
{
	enum mg_match source, destination;

	if (!has_ports(packet))
		return MG_MATCH_NO;
	source = match_ports(is, packet->source_port);
	destination = match_ports(is, packet->destination_port);
	switch (clause->kind) {
	case MG_CLAUSE_SOURCE_PORT: return source;
	case MG_CLAUSE_DESTINATION_PORT: return destination;
	default: return source > destination ? source : destination;
	}
}

static enum mg_match match_state(const union mg_alternative *is, const struct mg_packet *packet)
{
	if (is->state.states & packet->state)
		return MG_MATCH_YES;
	/* Address translation is a state that comes on top of the others,
	 * but only where there is an entry in the conntrack table. */
	if (is->state.nat && !(packet->state & (MG_CT_INVALID | MG_CT_UNTRACKED)))
		return MG_MATCH_MAYBE;
	return MG_MATCH_NO;
}

static enum mg_match match_icmp(const union mg_alternative *is, const struct mg_packet *packet)
{
	const uint8_t protocol = packet->family == MG_IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;

	return yes_or_no(packet->protocol == protocol && packet->icmp_type >= is->icmp.types[0] &&
			 packet->icmp_type <= is->icmp.types[1] &&
			 packet->icmp_code >= is->icmp.codes[0] &&
			 packet->icmp_code <= is->icmp.codes[1]);
}

static enum mg_match match_hop_limit(const union mg_alternative *is, int hop_limit)
{
	if (hop_limit < 0)
		return MG_MATCH_MAYBE;
	return yes_or_no(hop_limit >= is->hop_limit.low && hop_limit <= is->hop_limit.high);
}

static enum mg_match match_one(const struct mg_clause *clause, const union mg_alternative *is,
			       const struct mg_packet *packet)
{
	switch ((enum mg_clause_kind)clause->kind) {
	case MG_CLAUSE_SOURCE: return match_network(is, packet->source_known, packet->source);
	case MG_CLAUSE_DESTINATION:
		return match_network(is, packet->destination_known, packet->destination);
	case MG_CLAUSE_SOURCE_RANGE: return match_range(is, packet->source_known, packet->source);
	case MG_CLAUSE_DESTINATION_RANGE:
		return match_range(is, packet->destination_known, packet->destination);
	case MG_CLAUSE_IN:
		return match_interface(is, packet->hook == MG_HOOK_OUTPUT ? "" : packet->in);
	case MG_CLAUSE_OUT:
		return match_interface(is, packet->hook == MG_HOOK_INPUT ? "" : packet->out);
	case MG_CLAUSE_PROTOCOL:
		return yes_or_no(is->protocol == 0 || is->protocol == packet->protocol);
	case MG_CLAUSE_SOURCE_PORT:
	case MG_CLAUSE_DESTINATION_PORT:
	case MG_CLAUSE_EITHER_PORT: return match_any_port(clause, is, packet);
	case MG_CLAUSE_TCP_FLAGS:
		return yes_or_no(packet->protocol == IPPROTO_TCP &&
				 (packet->tcp_flags & is->flags.mask) == is->flags.set);
	case MG_CLAUSE_STATE: return match_state(is, packet);
	case MG_CLAUSE_ICMP: return match_icmp(is, packet);
	case MG_CLAUSE_HOP_LIMIT: return match_hop_limit(is, packet->hop_limit);
	case MG_CLAUSE_SOURCE_SET:
		return match_set(is, packet, packet->source_known, packet->source);
	case MG_CLAUSE_DESTINATION_SET:
		return match_set(is, packet, packet->destination_known, packet->destination);
	case MG_CLAUSE_OPAQUE:
	case MG_CLAUSE_ALWAYS:
	case MG_CLAUSE_NEVER:
	case MG_CLAUSE_UNDER:
	case MG_CLAUSE_OVER: break;
	}
	return MG_MATCH_MAYBE;
}

/* A clause without alternatives, or the best of its alternatives. */
static enum mg_match match_clause(const struct mg_clauses *clauses, const struct mg_clause *clause,
				  const struct mg_packet *packet)
{
	enum mg_match best = MG_MATCH_NO;

	switch ((enum mg_clause_kind)clause->kind) {
	case MG_CLAUSE_OPAQUE: return MG_MATCH_MAYBE;
	case MG_CLAUSE_ALWAYS: return MG_MATCH_YES;
	case MG_CLAUSE_NEVER: return MG_MATCH_NO;
	case MG_CLAUSE_UNDER: return packet->quiet ? MG_MATCH_YES : MG_MATCH_MAYBE;
	case MG_CLAUSE_OVER: return packet->quiet ? MG_MATCH_NO : MG_MATCH_MAYBE;
	default: break;
	}
	for (uint32_t i = 0; i < clause->count && best != MG_MATCH_YES; i++) {
		const enum mg_match one =
			match_one(clause, &clauses->alternatives[clause->first + i], packet);

		if (one > best)
			best = one;
	}
	return best;
}

enum mg_match mg_meaning_match(const struct mg_clauses *clauses, const struct mg_meaning *meaning,
			       const struct mg_packet *packet)
{
	enum mg_match all = MG_MATCH_YES;

	for (uint32_t i = 0; i < meaning->count; i++) {
		const struct mg_clause *clause = &clauses->clauses[meaning->first + i];
		enum mg_match one = match_clause(clauses, clause, packet);

		if (clause->negated)
			one = (enum mg_match)(MG_MATCH_YES - one);
		if (one == MG_MATCH_NO)
			return MG_MATCH_NO;
		if (one < all)
			all = one;
	}
	return all;
}
