/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The presets, and finding an owner among them.
 *
 * A pattern of rules is as narrow as its owner's habits allow: what an
 * administrator wrote about the same interface is not the owner's.
 */
#include "presets.h"

#include <string.h>

#include "rule_names.h"

/* clang-format off */
#define PART(a_kind, text) { .kind = (a_kind), .pattern = (text) }
/* Anybody could have written it: kept with the rest, but no sign of whose it is. */
#define PLAIN(a_kind, text) { .kind = (a_kind), .pattern = (text), .plain = true }
#define END { .pattern = NULL }
/* clang-format on */
#define CHAINS(text) PART(MG_KEEP_CHAINS, text)
#define RULES(text) PART(MG_KEEP_RULES, text)
#define SETS(text) PART(MG_KEEP_SETS, text)
#define PLAIN_CHAINS(text) PLAIN(MG_KEEP_CHAINS, text)
#define PLAIN_RULES(text) PLAIN(MG_KEEP_RULES, text)

static const struct mg_preset_part crowdsec[] = {
	CHAINS("CROWDSEC_*"),
	SETS("crowdsec-blacklist*"),
	SETS("crowdsec6-blacklist*"),
	END,
};

#define HEX4 "[0-9a-f][0-9a-f][0-9a-f][0-9a-f]"

/* What Docker puts into chains that are not its own for each bridge. */
#define DOCKER_BRIDGE(name)                                                                        \
	RULES("-o " name " -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"),                 \
		RULES("-i " name " ! -o " name " -j ACCEPT"),                                      \
		RULES("-i " name " -o " name " -j ACCEPT"),                                        \
		RULES("-i " name " -o " name " -j DROP"), /* icc=false */                          \
		RULES("-s * ! -o " name " -j MASQUERADE"),                                         \
		RULES("-s * ! -o " name " -j SNAT --to-source *"),                                 \
		RULES("-o " name " -m addrtype --src-type LOCAL -j MASQUERADE"),                   \
		RULES("-d * ! -i " name " -j DROP") /* raw, since 28 */

/* A container that reaches itself by a published port. */
#define DOCKER_HAIRPIN(network, bits)                                                              \
	RULES("-s " network "/" bits " -d " network "/" bits " -p * --dport * -j MASQUERADE")

static const struct mg_preset_part docker[] = {
	CHAINS("DOCKER"),
	CHAINS("DOCKER-*"),
	SETS("docker-ext-bridges-v[46]"),
	DOCKER_BRIDGE("docker0"),
	DOCKER_BRIDGE("docker_gwbridge"),
	DOCKER_BRIDGE("br-" HEX4 HEX4 HEX4),
	DOCKER_HAIRPIN("172.*", "32"),
	DOCKER_HAIRPIN("192.168.*", "32"),
	DOCKER_HAIRPIN("10.*", "32"),
	DOCKER_HAIRPIN("fd*", "128"),
	/* a port that is published on the loopback is not for the network, since 28 */
	RULES("-d 127.0.0.1/32 ! -i lo -p * --dport * -j DROP"),
	/* encrypted overlay networks of a swarm */
	RULES("-p udp *--dport 4789 -m u32 --u32 *"),
	END,
};

static const struct mg_preset_part fail2ban[] = {
	CHAINS("f2b-*"),
	CHAINS("fail2ban-*"), /* before 0.9 */
	SETS("f2b-*"),
	SETS("fail2ban-*"),
	RULES("*-m recent *--name f2b-*"), /* action iptables-xt_recent-echo */
	END,
};

/* One zone has a chain for each way in and out of each table. */
static const struct mg_preset_part firewalld[] = {
	CHAINS("INPUT_direct"),
	CHAINS("INPUT_ZONES*"),
	CHAINS("INPUT_POLICIES_*"),
	CHAINS("FORWARD_direct"),
	CHAINS("FORWARD_IN_ZONES*"),
	CHAINS("FORWARD_OUT_ZONES*"),
	CHAINS("FORWARD_ZONES*"),
	CHAINS("FORWARD_POLICIES_*"),
	CHAINS("OUTPUT_direct"),
	CHAINS("OUTPUT_ZONES*"),
	CHAINS("OUTPUT_POLICIES_*"),
	CHAINS("PREROUTING_direct"),
	CHAINS("PREROUTING_ZONES*"),
	CHAINS("PREROUTING_POLICIES_*"),
	CHAINS("POSTROUTING_direct"),
	CHAINS("POSTROUTING_ZONES*"),
	CHAINS("POSTROUTING_POLICIES_*"),
	CHAINS("IN_[a-z]*"),
	CHAINS("OUT_[a-z]*"),
	CHAINS("PRE_[a-z]*"),
	CHAINS("POST_[a-z]*"),
	CHAINS("FWD_[a-z]*"),
	CHAINS("FWDI_[a-z]*"),
	CHAINS("FWDO_[a-z]*"),
	CHAINS("RFC3964_IPv4"),
	RULES("-m conntrack --ctstate RELATED,ESTABLISHED,DNAT -j ACCEPT"),
	RULES("-m rpfilter --validmark --invert -j DROP"),
	RULES("-m rpfilter --validmark --invert -j LOG --log-prefix *rpfilter_DROP*"),
	/* between the jumps to its chains */
	PLAIN_RULES("-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"),
	PLAIN_RULES("-[io] lo -j ACCEPT"),
	PLAIN_RULES("-m conntrack --ctstate INVALID -j DROP"),
	PLAIN_RULES("-j REJECT --reject-with icmp-host-prohibited"),
	PLAIN_RULES("-j REJECT --reject-with icmp6-adm-prohibited"),
	PLAIN_RULES("-p ipv6-icmp -m icmp6 --icmpv6-type 13[456] -j ACCEPT"),
	END,
};

static const struct mg_preset_part kubernetes[] = {
	CHAINS("KUBE-*"),
	PLAIN_CHAINS("CNI-*"), /* ports of the host, as Podman had them */
	CHAINS("cali-*"),
	CHAINS("CILIUM_*"),
	CHAINS("OLD_CILIUM_*"),
	CHAINS("FLANNEL-*"),
	CHAINS("WEAVE"),
	CHAINS("WEAVE-*"),
	CHAINS("IP-MASQ*"),
	CHAINS("KIND-MASQ-*"),
	CHAINS("ANTREA-*"),
	CHAINS("AWS-*"),
	SETS("KUBE-*"),
	SETS("kube-router-*"),
	SETS("inet6:kube-router-*"),
	SETS("cali[46]0*"),
	SETS("cilium_*"),
	SETS("weave-*"),
	RULES("*--comment \"cali:*"),
	RULES("*--comment \"cilium*"),
	RULES("*--comment \"flanneld *"),
	RULES("*--comment \"AWS, *"),
	RULES("*--comment \"rule to explicitly ACCEPT traffic that comply to network policies\"*"),
	RULES("-o weave -j DROP"),
	RULES("-o weave -m * -j NFLOG --nflog-group 86"),
	RULES("-o weave -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"),
	RULES("-i weave ! -o weave -j ACCEPT"),
	END,
};

#define VIRBR "virbr[0-9]*"

static const struct mg_preset_part libvirt[] = {
	CHAINS("LIBVIRT_*"),
	CHAINS("libvirt-*"), /* its filters of single guests */
	CHAINS("[FH][IJOP]-vnet*"),
	/* before 5.1 it had no chains */
	RULES("-i " VIRBR " -p [tu][cd]p -m [tu][cd]p --dport 53 -j ACCEPT"),
	RULES("-i " VIRBR " -p [tu][cd]p -m [tu][cd]p --dport 67 -j ACCEPT"),
	RULES("-i " VIRBR " -p udp -m udp --dport 69 -j ACCEPT"),
	RULES("-i " VIRBR " -p udp -m udp --dport 547 -j ACCEPT"),
	RULES("-o " VIRBR " -p [tu][cd]p -m [tu][cd]p --dport 53 -j ACCEPT"),
	RULES("-o " VIRBR " -p [tu][cd]p -m [tu][cd]p --dport 68 -j ACCEPT"),
	RULES("-o " VIRBR " -p udp -m udp --dport 546 -j ACCEPT"),
	RULES("-d * -o " VIRBR " -m * RELATED,ESTABLISHED -j ACCEPT"),
	RULES("-d * -o " VIRBR " -j ACCEPT"),
	RULES("-s * -i " VIRBR " -j ACCEPT"),
	RULES("-i " VIRBR " -o " VIRBR " -j ACCEPT"),
	RULES("-[io] " VIRBR " -j REJECT --reject-with icmp*-port-unreachable"),
	RULES("-o " VIRBR " -p udp -m udp --dport 68 -j CHECKSUM --checksum-fill"),
	RULES("-s * ! -d * -p [tu][cd]p -j MASQUERADE --to-ports 1024-65535"),
	RULES("-s 192.168.12[2-9].0/24 ! -d 192.168.12[2-9].0/24 -j MASQUERADE"),
	RULES("-s * -d 224.0.0.0/24 -j RETURN"),
	RULES("-s * -d 255.255.255.255/32 -j RETURN"),
	END,
};

static const struct mg_preset_part podman[] = {
	CHAINS("NETAVARK-*"),
	CHAINS("NETAVARK_*"),
	CHAINS("CNI-*"), /* before 4 */
	END,
};

static const struct mg_preset_part tailscale[] = {
	CHAINS("ts-input"),
	CHAINS("ts-forward"),
	CHAINS("ts-postrouting"),
	CHAINS("ts-prerouting"),
	END,
};

static const struct mg_preset_part ufw[] = {
	CHAINS("ufw-*"),
	CHAINS("ufw6-*"),
	END,
};

/*
 * Bans and containers come first, as their owners put them. A firewall of its
 * own has an end that lets nothing pass: in front of the policy's services
 * that would make them dead letters.
 */
const struct mg_preset mg_presets[MG_MOST_PRESETS] = {
	{ "crowdsec", NULL, MG_KEEP_RANK, crowdsec },
	{ "docker", NULL, MG_KEEP_RANK, docker },
	{ "fail2ban", NULL, MG_KEEP_RANK, fail2ban },
	{ "firewalld", NULL, MG_RANK_LAST, firewalld },
	{ "kubernetes", "k8s", MG_KEEP_RANK, kubernetes },
	{ "libvirt", NULL, MG_KEEP_RANK, libvirt },
	{ "podman", "netavark", MG_KEEP_RANK, podman },
	{ "tailscale", NULL, MG_KEEP_RANK, tailscale },
	{ "ufw", NULL, MG_RANK_LAST, ufw },
	{ NULL, NULL, 0, NULL },
};

const struct mg_preset *mg_preset_find(const char *name)
{
	const struct mg_preset *preset;

	for (preset = mg_presets; preset->name; preset++)
		if (strcmp(preset->name, name) == 0 ||
		    (preset->alias && strcmp(preset->alias, name) == 0))
			return preset;
	return NULL;
}

/* The first whose sign @text is. */
static const char *find_owner(enum mg_keep_kind kind, const char *text)
{
	const struct mg_preset *preset;
	const struct mg_preset_part *part;

	for (preset = mg_presets; preset->name; preset++)
		for (part = preset->parts; part->pattern; part++)
			if (part->kind == kind && !part->plain && mg_keep_fits(part->pattern, text))
				return preset->name;
	return NULL;
}

const char *mg_owner_of(const char *chain, const char *text)
{
	const char *owner = find_owner(MG_KEEP_CHAINS, chain);
	const char *at = text;
	struct mg_rule_name name;

	while (!owner && at && (at = mg_rule_next_name(at, &name)))
		owner = find_owner(name.is_set ? MG_KEEP_SETS : MG_KEEP_CHAINS, name.text);
	return owner || !text ? owner : find_owner(MG_KEEP_RULES, text);
}
