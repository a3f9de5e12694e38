/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Chains of nf_tables that filter beside ours. See beside.h.
 *
 * Owns nothing that outlives a call. Must not change anything, print or exit.
 */
#include "netfilter/beside.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "netfilter/dump.h"
#include "ruleset/failure.h"
#include "ruleset/growable.h"

#define TRIES 8

/* A table that is switched off: its chains see no packet. */
struct dormant {
	uint8_t family;
	char name[NFT_NAME_MAXLEN];
};

/* A base chain of type filter that does something. */
struct chain {
	uint8_t family;
	uint32_t hook;
	bool drops;
	uint32_t rules;
	char table[NFT_NAME_MAXLEN];
	char name[NFT_NAME_MAXLEN];
};

struct listing {
	struct dormant *dormant;
	size_t dormant_count, dormant_capacity;
	struct chain *chains;
	size_t chain_count, chain_capacity;
};

static const char *family_name(uint8_t family)
{
	switch (family) {
	case NFPROTO_IPV4: return "ip";
	case NFPROTO_IPV6: return "ip6";
	case NFPROTO_INET: return "inet";
	case NFPROTO_NETDEV: return "netdev";
	default: return NULL; /* arp, bridge: not on the way of this host's IP traffic */
	}
}

static const char *hook_name(uint8_t family, uint32_t hook)
{
	static const char *const names[] = {
		[NF_INET_PRE_ROUTING] = "prerouting",	[NF_INET_LOCAL_IN] = "input",
		[NF_INET_FORWARD] = "forward",		[NF_INET_LOCAL_OUT] = "output",
		[NF_INET_POST_ROUTING] = "postrouting", [NF_INET_INGRESS] = "ingress",
	};

	if (family == NFPROTO_NETDEV)
		return hook == NF_NETDEV_INGRESS ? "ingress" : "egress";
	return hook < sizeof(names) / sizeof(names[0]) ? names[hook] : "?";
}

/* Keep the attributes of one level by type. */
static void by_type(const struct nlattr *attr, const struct nlattr **table, size_t count)
{
	if (mnl_attr_get_type(attr) < count)
		table[mnl_attr_get_type(attr)] = attr;
}

static bool take_name(const struct nlattr *attr, char out[NFT_NAME_MAXLEN])
{
	if (!attr || mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) < 0)
		return false;
	return snprintf(out, NFT_NAME_MAXLEN, "%s", mnl_attr_get_str(attr)) < NFT_NAME_MAXLEN;
}

static uint32_t take_number(const struct nlattr *attr)
{
	if (!attr || mnl_attr_validate(attr, MNL_TYPE_U32) < 0)
		return 0;
	return ntohl(mnl_attr_get_u32(attr));
}

static int each_table(const struct nlmsghdr *header, void *context)
{
	const struct nfgenmsg *message = mnl_nlmsg_get_payload(header);
	const struct nlattr *attrs[NFTA_TABLE_MAX + 1] = { NULL };
	struct listing *listing = context;
	struct dormant *dormant;
	const struct nlattr *attr;

	mnl_attr_for_each (attr, header, sizeof(*message)) {
		by_type(attr, attrs, NFTA_TABLE_MAX + 1);
	}
	if (!(take_number(attrs[NFTA_TABLE_FLAGS]) & NFT_TABLE_F_DORMANT))
		return MNL_CB_OK;
	if (mg_make_room((void **)&listing->dormant, &listing->dormant_capacity,
			 listing->dormant_count + 1, sizeof(*dormant)) != 0) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	dormant = &listing->dormant[listing->dormant_count];
	dormant->family = message->nfgen_family;
	if (take_name(attrs[NFTA_TABLE_NAME], dormant->name))
		listing->dormant_count++;
	return MNL_CB_OK;
}

static bool is_dormant(const struct listing *listing, const struct chain *chain)
{
	for (size_t i = 0; i < listing->dormant_count; i++)
		if (listing->dormant[i].family == chain->family &&
		    strcmp(listing->dormant[i].name, chain->table) == 0)
			return true;
	return false;
}

/* Is it a base chain of type filter? Then fill in where it stands. */
static bool read_chain(const struct nlattr *const *attrs, struct chain *chain)
{
	const struct nlattr *hook[NFTA_HOOK_MAX + 1] = { NULL };
	const struct nlattr *attr;
	char type[NFT_NAME_MAXLEN];

	if (!attrs[NFTA_CHAIN_HOOK] || !take_name(attrs[NFTA_CHAIN_TYPE], type) ||
	    strcmp(type, "filter") != 0 || !take_name(attrs[NFTA_CHAIN_TABLE], chain->table) ||
	    !take_name(attrs[NFTA_CHAIN_NAME], chain->name))
		return false;
	mnl_attr_for_each_nested (attr, attrs[NFTA_CHAIN_HOOK]) {
		by_type(attr, hook, NFTA_HOOK_MAX + 1);
	}
	chain->hook = take_number(hook[NFTA_HOOK_HOOKNUM]);
	/* A base chain cannot be jumped to, so its users are its rules. */
	chain->rules = take_number(attrs[NFTA_CHAIN_USE]);
	chain->drops = attrs[NFTA_CHAIN_POLICY] && take_number(attrs[NFTA_CHAIN_POLICY]) == NF_DROP;
	return true;
}

static int each_chain(const struct nlmsghdr *header, void *context)
{
	const struct nfgenmsg *message = mnl_nlmsg_get_payload(header);
	const struct nlattr *attrs[NFTA_CHAIN_MAX + 1] = { NULL };
	struct chain chain = { .family = message->nfgen_family };
	struct listing *listing = context;
	const struct nlattr *attr;

	mnl_attr_for_each (attr, header, sizeof(*message)) {
		by_type(attr, attrs, NFTA_CHAIN_MAX + 1);
	}
	if (!family_name(chain.family) || !read_chain(attrs, &chain) ||
	    is_dormant(listing, &chain) || (chain.rules == 0 && !chain.drops))
		return MNL_CB_OK;
	if (mg_make_room((void **)&listing->chains, &listing->chain_capacity,
			 listing->chain_count + 1, sizeof(chain)) != 0) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	listing->chains[listing->chain_count++] = chain;
	return MNL_CB_OK;
}

static int read_listing(struct listing *listing)
{
	const struct nfgenmsg all = { .nfgen_family = NFPROTO_UNSPEC, .version = NFNETLINK_V0 };
	int err = -EINTR;

	for (int i = 0; i < TRIES && err == -EINTR; i++) {
		listing->dormant_count = listing->chain_count = 0;
		err = mg_dump(NETLINK_NETFILTER, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETTABLE, &all,
			      sizeof(all), each_table, listing);
		if (err == 0)
			err = mg_dump(NETLINK_NETFILTER,
				      NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETCHAIN, &all,
				      sizeof(all), each_chain, listing);
	}
	return err;
}

/* iptables-nft keeps its rules under the names that iptables users know. */
static bool is_of_iptables(const struct chain *chain)
{
	static const char *const tables[] = { "filter", "mangle", "raw", "security" };
	static const char *const chains[] = { "INPUT", "FORWARD", "OUTPUT", "PREROUTING",
					      "POSTROUTING" };
	bool table = false, name = false;

	if (chain->family != NFPROTO_IPV4 && chain->family != NFPROTO_IPV6)
		return false;
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		table |= strcmp(chain->table, tables[i]) == 0;
	for (size_t i = 0; i < sizeof(chains) / sizeof(chains[0]); i++)
		name |= strcmp(chain->name, chains[i]) == 0;
	return table && name;
}

static int note_chain(struct mg_notes *notes, const struct chain *chain)
{
	const char *family = family_name(chain->family);
	const char *hook = hook_name(chain->family, chain->hook);
	const bool ours = chain->family != NFPROTO_NETDEV &&
			  (chain->hook == NF_INET_LOCAL_IN || chain->hook == NF_INET_FORWARD ||
			   chain->hook == NF_INET_LOCAL_OUT);
	char remedy[2 * NFT_NAME_MAXLEN + 128];

	snprintf(remedy, sizeof(remedy), "nft delete table %s %s, or --beside-nft to live with it",
		 family, chain->table);
	return mg_note(notes, ours ? MG_REFUSAL : MG_WARNING, NULL, remedy,
		       "nf_tables filters beside this policy%s: table %s %s chain %s at %s "
		       "(policy %s, %u rule%s); what it drops, an accept here does not save",
		       is_of_iptables(chain) ? " (it looks like iptables-nft)" : "", family,
		       chain->table, chain->name, hook, chain->drops ? "drop" : "accept",
		       chain->rules, chain->rules == 1 ? "" : "s");
}

/* Are we told that there is nothing, or not for us to see? */
static bool is_absence(int err)
{
	switch (err) {
	case -EPERM:
	case -EACCES:
	case -EOPNOTSUPP:
	case -EPROTONOSUPPORT:
	case -EAFNOSUPPORT:
	case -EINVAL: /* what nfnetlink says of a subsystem that it does not have */
	case -ENOENT: return true;
	default: return false;
	}
}

int mg_beside_read(struct mg_notes *notes, struct mg_error *error)
{
	struct listing listing = { 0 };
	int err = read_listing(&listing);

	if (err == 0) {
		for (size_t i = 0; i < listing.chain_count && err == 0; i++)
			err = note_chain(notes, &listing.chains[i]);
	} else if (is_absence(err)) {
		err = 0;
	}
	free(listing.dormant);
	free(listing.chains);
	if (err)
		return mg_fail(error, err, MG_ENVIRONMENT, "cannot list the rules of nf_tables: %s",
			       strerror(-err));
	return 0;
}
