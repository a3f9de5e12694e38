/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The diagnoses. See diagnose.h.
 *
 * Each is a handful of packets that a host needs, or that the operator's
 * client sends, put to the judge. Owns the judge for the time of one call.
 * Must not touch the kernel, libxtables or Lua.
 */
#include "analysis/diagnose.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "analysis/finding.h"
#include "analysis/forwarding.h"
#include "analysis/translation.h"
#include "analysis/verdict.h"
#include "ruleset/failure.h"

/* Ports that a client picks for itself: not those below 1024, and Linux's
 * own choice (ip_local_port_range). */
static const struct mg_ports client_ports = { 1024, 65535 };
static const struct mg_ports local_ports = { 32768, 60999 };
static const struct mg_ports any_port = { 0, 65535 };

static const unsigned char loopback[MG_FAMILIES][16] = {
	[MG_IPV4] = { 127, 0, 0, 1 },
	[MG_IPV6] = { [15] = 1 },
};

struct diagnosis {
	const struct mg_ruleset *ruleset;
	const struct mg_diagnose_facts *facts;
	struct mg_judge *judge;
	struct mg_notes *notes;
	bool stalls[MG_FAMILIES]; /* it was said that established traffic is missing */
};

/* A packet of this host's established traffic that nothing else singles out. */
static struct mg_packet established_packet(enum mg_family family, enum mg_hook hook)
{
	return (struct mg_packet){
		.family = family,
		.hook = hook,
		.protocol = IPPROTO_TCP,
		.source_port = hook == MG_HOOK_INPUT ? any_port : local_ports,
		.destination_port = hook == MG_HOOK_INPUT ? local_ports : any_port,
		.state = MG_CT_ESTABLISHED,
		.tcp_flags = MG_TCP_ACK,
		.hop_limit = -1,
		.quiet = true,
	};
}

static bool drops_established(struct diagnosis *diagnosis, enum mg_family family, enum mg_hook hook)
{
	const struct mg_packet packet = established_packet(family, hook);

	return mg_denies(mg_judge_ask(diagnosis->judge, &packet));
}

/* A packet of an ssh connection; to the server for INPUT, from it for OUTPUT. */
static struct mg_packet ssh_packet(const struct mg_connection *connection, enum mg_hook hook)
{
	const struct mg_ports client = { connection->client_port, connection->client_port };
	const struct mg_ports server = { connection->server_port, connection->server_port };
	const bool in = hook == MG_HOOK_INPUT;
	struct mg_packet packet = established_packet(connection->family, hook);

	packet.source_known = packet.destination_known = true;
	memcpy(packet.source, in ? connection->client : connection->server, 16);
	memcpy(packet.destination, in ? connection->server : connection->client, 16);
	packet.source_port = in ? client : server;
	packet.destination_port = in ? server : client;
	if (mg_connection_is_local(connection))
		packet.in = packet.out = "lo";
	else if (connection->interface[0] != '\0')
		packet.in = packet.out = connection->interface;
	return packet;
}

struct ssh_names {
	char client[INET6_ADDRSTRLEN], server[INET6_ADDRSTRLEN];
	char remedy[256];
	char what[256];
};

static void name_ssh(const struct mg_connection *connection, struct ssh_names *names)
{
	const int af = connection->family == MG_IPV4 ? AF_INET : AF_INET6;

	if (!inet_ntop(af, connection->client, names->client, sizeof(names->client)))
		strcpy(names->client, "?");
	if (!inet_ntop(af, connection->server, names->server, sizeof(names->server)))
		strcpy(names->server, "?");
}

/* The line that lets the operator's client in. */
static const char *ssh_remedy(const struct diagnosis *diagnosis,
			      const struct mg_connection *connection, struct mg_answer answer,
			      struct ssh_names *names)
{
	const char *stage = "";
	struct mg_rule_view rule;

	if (mg_connection_is_local(connection))
		return "allow_loopback()";
	/* In front of a rule that drops him before the services have their say. */
	if (answer.rule != MG_NO_RULE) {
		mg_ruleset_rule_at(diagnosis->ruleset, answer.rule, &rule);
		if (mg_denies(answer) && rule.rank < MG_RANK_LAST)
			stage = ", stage = \"first\"";
	}
	if (connection->server_port == 22)
		snprintf(names->remedy, sizeof(names->remedy),
			 "allow_inbound_ssh { from = \"%s\"%s }", names->client, stage);
	else
		snprintf(names->remedy, sizeof(names->remedy),
			 "allow_inbound { tcp = %u, from = \"%s\"%s }",
			 (unsigned int)connection->server_port, names->client, stage);
	return names->remedy;
}

/* The session that is open now: it must not be cut off under his hands. */
static int diagnose_session(struct diagnosis *diagnosis, const struct mg_connection *connection,
			    struct ssh_names *names)
{
	for (int i = 0; i < 2; i++) {
		const enum mg_hook hook = i == 0 ? MG_HOOK_INPUT : MG_HOOK_OUTPUT;
		const struct mg_packet packet = ssh_packet(connection, hook);
		struct mg_finding finding = { .severity = MG_REFUSAL, .packet = &packet };
		int err;

		finding.answer = mg_judge_ask(diagnosis->judge, &packet);
		if (finding.answer.fate == MG_FATE_ACCEPT)
			continue;
		if (drops_established(diagnosis, packet.family, hook)) {
			finding.remedy = "allow_established()";
			diagnosis->stalls[packet.family] |= mg_denies(finding.answer);
		}
		snprintf(names->what, sizeof(names->what), "the %s of your ssh session from %s",
			 hook == MG_HOOK_INPUT ? "packets" : "answers", names->client);
		err = mg_finding_note(diagnosis->ruleset, &finding, names->what, diagnosis->notes);
		if (err)
			return err;
	}
	return 0;
}

/* A port that is forwarded leads the operator to another host. */
static int diagnose_translation(struct diagnosis *diagnosis, const struct mg_connection *connection,
				const struct mg_packet *packet, struct ssh_names *names)
{
	const struct mg_translation_words words = { names->what, names->remedy };

	if (mg_connection_is_local(connection))
		return 0;
	snprintf(names->what, sizeof(names->what), "a new ssh connection from %s to %s port %u",
		 names->client, names->server, (unsigned int)connection->server_port);
	snprintf(names->remedy, sizeof(names->remedy),
		 "forward another port, or leave the client out: from = except \"%s\"",
		 names->client);
	return mg_diagnose_translation(diagnosis->ruleset, packet, &words, diagnosis->notes);
}

/* The session that he will open to confirm, and its answer. */
static int diagnose_new_session(struct diagnosis *diagnosis, const struct mg_connection *connection,
				struct ssh_names *names)
{
	struct mg_packet packet = ssh_packet(connection, MG_HOOK_INPUT);
	struct mg_finding finding = { .severity = MG_REFUSAL, .packet = &packet };
	int err = 0;

	packet.source_port = client_ports;
	packet.state = MG_CT_NEW;
	packet.tcp_flags = MG_TCP_SYN;
	finding.answer = mg_judge_ask(diagnosis->judge, &packet);
	if (finding.answer.fate != MG_FATE_ACCEPT) {
		finding.remedy = ssh_remedy(diagnosis, connection, finding.answer, names);
		snprintf(names->what, sizeof(names->what),
			 "a new ssh connection from %s to %s port %u", names->client, names->server,
			 (unsigned int)connection->server_port);
		err = mg_finding_note(diagnosis->ruleset, &finding, names->what, diagnosis->notes);
	}
	if (err == 0)
		err = diagnose_translation(diagnosis, connection, &packet, names);

	/* Only what diagnose_session() did not find already: the session that
	 * is open has one client port, a new one may have any. */
	packet = ssh_packet(connection, MG_HOOK_OUTPUT);
	if (err || mg_judge_ask(diagnosis->judge, &packet).fate != MG_FATE_ACCEPT)
		return err;
	packet.destination_port = client_ports;
	packet.tcp_flags = MG_TCP_SYN | MG_TCP_ACK;
	finding.answer = mg_judge_ask(diagnosis->judge, &packet);
	if (finding.answer.fate == MG_FATE_ACCEPT)
		return 0;
	finding.remedy = drops_established(diagnosis, packet.family, MG_HOOK_OUTPUT)
				 ? "allow_established()"
				 : NULL;
	snprintf(names->what, sizeof(names->what), "the answer to a new ssh connection from %s",
		 names->client);
	return mg_finding_note(diagnosis->ruleset, &finding, names->what, diagnosis->notes);
}

static int diagnose_operator(struct diagnosis *diagnosis)
{
	const struct mg_diagnose_facts *facts = diagnosis->facts;
	int err = 0;

	for (size_t i = 0; i < facts->connection_count && err == 0; i++) {
		struct ssh_names names;

		name_ssh(&facts->connections[i], &names);
		err = diagnose_session(diagnosis, &facts->connections[i], &names);
		if (err == 0)
			err = diagnose_new_session(diagnosis, &facts->connections[i], &names);
		if (facts->note_ends)
			facts->note_ends[i] = diagnosis->notes->count;
	}
	return err;
}

/*
 * Ask the same of both families, and tell them together where they agree.
 * @asked: whether a family is asked at all
 */
static int ask_families(struct diagnosis *diagnosis, const struct mg_packet packets[MG_FAMILIES],
			const bool asked[MG_FAMILIES], const char *remedy, const char *what)
{
	struct mg_finding findings[MG_FAMILIES];
	bool denied[MG_FAMILIES] = { false };
	int err = 0;

	for (int family = 0; family < MG_FAMILIES; family++) {
		findings[family] = (struct mg_finding){
			.severity = MG_WARNING,
			.packet = &packets[family],
			.remedy = remedy,
		};
		if (!asked[family])
			continue;
		findings[family].answer = mg_judge_ask(diagnosis->judge, &packets[family]);
		denied[family] = mg_denies(findings[family].answer);
	}
	for (int family = 0; family < MG_FAMILIES && err == 0; family++) {
		char text[160];

		if (!denied[family])
			continue;
		snprintf(text, sizeof(text), "%s%s", what,
			 denied[!family] || !diagnosis->facts->have_ipv6 ? ""
			 : family == MG_IPV4				 ? " (IPv4)"
									 : " (IPv6)");
		err = mg_finding_note(diagnosis->ruleset, &findings[family], text,
				      diagnosis->notes);
	}
	return err;
}

/* Default deny without allow_established(): the host's own connections hang. */
static int diagnose_established(struct diagnosis *diagnosis)
{
	const struct mg_packet packets[MG_FAMILIES] = {
		established_packet(MG_IPV4, MG_HOOK_INPUT),
		established_packet(MG_IPV6, MG_HOOK_INPUT),
	};
	const bool asked[MG_FAMILIES] = {
		!diagnosis->stalls[MG_IPV4],
		!diagnosis->stalls[MG_IPV6] && diagnosis->facts->have_ipv6,
	};

	return ask_families(diagnosis, packets, asked, "allow_established()",
			    "the answers to this host's own connections");
}

static int diagnose_dhcp(struct diagnosis *diagnosis)
{
	struct mg_packet packet = {
		.family = MG_IPV4,
		.hook = MG_HOOK_OUTPUT,
		.protocol = IPPROTO_UDP,
		.source_port = { 68, 68 },
		.destination_port = { 67, 67 },
		.state = MG_CT_NEW,
		.hop_limit = -1,
		.quiet = true,
	};
	struct mg_finding finding = { .severity = MG_WARNING, .packet = &packet };

	for (size_t i = 0; i < diagnosis->facts->leased_count; i++) {
		const char *name = diagnosis->facts->leased[i];
		char remedy[64], what[128];
		int err;

		packet.out = name;
		finding.answer = mg_judge_ask(diagnosis->judge, &packet);
		if (!mg_denies(finding.answer))
			continue;
		snprintf(remedy, sizeof(remedy), "allow_dhcp_client { on = \"%s\" }", name);
		snprintf(what, sizeof(what), "the renewal of the DHCP lease of %s", name);
		finding.remedy = remedy;
		err = mg_finding_note(diagnosis->ruleset, &finding, what, diagnosis->notes);
		if (err)
			return err;
	}
	return 0;
}

static bool operator_uses_ipv6(const struct mg_diagnose_facts *facts)
{
	for (size_t i = 0; i < facts->connection_count; i++)
		if (facts->connections[i].family == MG_IPV6 &&
		    !mg_connection_is_local(&facts->connections[i]))
			return true;
	return false;
}

/*
 * Neighbour discovery is IPv6's ARP, but ordinary ICMPv6 to the filter
 * (RFC 4861; RFC 4890 4.4.1: must not be dropped). Conntrack never calls it
 * NEW: it is UNTRACKED. The first message that is denied speaks for all.
 */
static int diagnose_neighbours(struct diagnosis *diagnosis)
{
	const bool cut_off = operator_uses_ipv6(diagnosis->facts);
	struct mg_packet packet = {
		.family = MG_IPV6,
		.protocol = IPPROTO_ICMPV6,
		.state = MG_CT_UNTRACKED,
		.hop_limit = 255,
		.quiet = true,
	};
	struct mg_finding finding = {
		.severity = cut_off ? MG_REFUSAL : MG_WARNING,
		.packet = &packet,
		.remedy = "allow_icmp()",
	};

	for (int i = 0; i < 4; i++) {
		packet.hook = i < 2 ? MG_HOOK_INPUT : MG_HOOK_OUTPUT;
		packet.icmp_type = i % 2 ? 136 : 135;
		finding.answer = mg_judge_ask(diagnosis->judge, &packet);
		if (mg_denies(finding.answer) ||
		    (cut_off && finding.answer.fate == MG_FATE_UNKNOWN))
			return mg_finding_note(diagnosis->ruleset, &finding,
					       i % 2 ? "IPv6 neighbour advertisements"
						     : "IPv6 neighbour solicitations",
					       diagnosis->notes);
	}
	return 0;
}

/*
 * What a REJECT on OUTPUT sends to the program that it refuses, and what one
 * on INPUT sends to a local client, comes by loopback; denied there, the
 * program waits for its timeout instead of being refused.
 */
static int diagnose_loopback(struct diagnosis *diagnosis)
{
	struct mg_packet packets[MG_FAMILIES];
	bool asked[MG_FAMILIES];

	for (int family = 0; family < MG_FAMILIES; family++) {
		struct mg_packet *packet = &packets[family];

		*packet = (struct mg_packet){
			.family = (enum mg_family)family,
			.hook = MG_HOOK_OUTPUT,
			.in = "lo",
			.out = "lo",
			.protocol = IPPROTO_UDP,
			.source_known = true,
			.destination_known = true,
			.source_port = local_ports,
			.destination_port = local_ports,
			.state = MG_CT_NEW,
			.hop_limit = -1,
			.quiet = true,
		};
		memcpy(packet->source, loopback[family], 16);
		memcpy(packet->destination, loopback[family], 16);
		asked[family] = mg_judge_rejects(diagnosis->judge, packet->family,
						 MG_HOOK_OUTPUT) ||
				mg_judge_rejects(diagnosis->judge, packet->family, MG_HOOK_INPUT);
		if (!mg_denies(mg_judge_ask(diagnosis->judge, packet)))
			packet->hook = MG_HOOK_INPUT;
	}
	asked[MG_IPV6] &= diagnosis->facts->have_ipv6;
	return ask_families(diagnosis, packets, asked, "allow_loopback()",
			    "loopback traffic, by which refusals (REJECT) reach local programs");
}

/*
 * Nobody looked whether an operator comes by ssh. No ssh server need be
 * there, so a policy without a way in for it is worth a word, not more.
 */
static int diagnose_no_ssh(struct diagnosis *diagnosis)
{
	struct mg_packet packet = {
		.hook = MG_HOOK_INPUT,
		.protocol = IPPROTO_TCP,
		.source_port = client_ports,
		.destination_port = { 22, 22 },
		.state = MG_CT_NEW,
		.tcp_flags = MG_TCP_SYN,
		.hop_limit = -1,
		.quiet = true,
	};
	struct mg_finding finding = {
		.severity = MG_INFO,
		.packet = &packet,
		.remedy = "allow_inbound_ssh()",
	};

	packet.family = MG_IPV6;
	if (diagnosis->facts->have_ipv6 && !mg_denies(mg_judge_ask(diagnosis->judge, &packet)))
		return 0;
	packet.family = MG_IPV4;
	finding.answer = mg_judge_ask(diagnosis->judge, &packet);
	if (!mg_denies(finding.answer))
		return 0;
	return mg_finding_note(diagnosis->ruleset, &finding, "every new ssh connection",
			       diagnosis->notes);
}

int mg_diagnose(const struct mg_ruleset *ruleset, const struct mg_diagnose_facts *facts,
		struct mg_notes *notes, struct mg_error *error)
{
	struct diagnosis diagnosis = { .ruleset = ruleset, .facts = facts, .notes = notes };
	int err;

	err = mg_judge_new(ruleset, &diagnosis.judge, error);
	if (err)
		return err;
	err = facts->is_operator_known ? diagnose_operator(&diagnosis)
				       : diagnose_no_ssh(&diagnosis);
	if (err == 0)
		err = diagnose_established(&diagnosis);
	if (err == 0)
		err = diagnose_loopback(&diagnosis);
	if (err == 0)
		err = diagnose_dhcp(&diagnosis);
	if (err == 0 && facts->have_ipv6)
		err = diagnose_neighbours(&diagnosis);
	if (err == 0)
		err = mg_diagnose_forwarding(ruleset, facts, notes);
	mg_judge_free(diagnosis.judge);
	if (err)
		return mg_fail(error, err, MG_ENVIRONMENT, "out of memory");
	return 0;
}
