/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Matches and targets by name. What is not listed is not judged.
 */
#include "judged.h"

#include <linux/netfilter/xt_hashlimit.h>
#include <linux/netfilter/xt_quota.h>
#include <linux/netfilter/xt_recent.h>
#include <stdio.h>
#include <string.h>

#include "ruleset/one_of.h"

/* Names of lists need not end within their field. */
static void remember(struct mg_memory *memory, const char *folder, const char *name, size_t size)
{
	if (!memory)
		return;
	memory->folder = folder;
	snprintf(memory->name, sizeof(memory->name), "%.*s", (int)strnlen(name, size), name);
}

static enum mg_judged judge_hashlimit(const struct xt_entry_match *match, enum mg_family family,
				      struct mg_memory *memory)
{
	const char *folder = family == MG_IPV4 ? "ipt_hashlimit" : "ip6t_hashlimit";
	const struct xt_hashlimit_mtinfo1 *first = (const void *)match->data;
	/* the second and third revision begin alike */
	const struct xt_hashlimit_mtinfo2 *second = (const void *)match->data;
	uint32_t mode;

	switch (match->u.user.revision) {
	case 1:
		remember(memory, folder, first->name, sizeof(first->name));
		mode = first->cfg.mode;
		break;
	case 2:
	case 3:
		remember(memory, folder, second->name, sizeof(second->name));
		mode = second->cfg.mode;
		break;
	default: return MG_JUDGED_NOT;
	}
	return mode & XT_HASHLIMIT_INVERT ? MG_JUDGED_FALSE : MG_JUDGED_TRUE;
}

static enum mg_judged judge_recent(const struct xt_entry_match *match, struct mg_memory *memory)
{
	const struct xt_recent_mtinfo *info = (const void *)match->data;
	const bool is = info->check_set & XT_RECENT_SET;

	remember(memory, "xt_recent", info->name, sizeof(info->name));
	return is != (info->invert != 0) ? MG_JUDGED_TRUE : MG_JUDGED_FALSE;
}

static enum mg_judged judge_quota(const struct xt_entry_match *match)
{
	const struct xt_quota_info *info = (const void *)match->data;

	return info->flags & XT_QUOTA_INVERT ? MG_JUDGED_FALSE : MG_JUDGED_TRUE;
}

enum mg_judged mg_judge_match(const struct xt_entry_match *match, enum mg_family family,
			      struct mg_memory *memory)
{
	static const char *const by_kernel[] = {
		"tcp",	     "udp",	"udplite",   "sctp",	"dccp",	      "icmp", "icmp6",
		"comment",   "state",	"multiport", "iprange", "addrtype",   "mark", "connmark",
		"connlabel", "set",	"time",	     "pkttype", "rpfilter",   "esp",  "ah",
		"conntrack", "cluster", "nfacct",    "geoip",	"ipv6header", "frag", "hbh",
		"dst",	     "rt",	"mh",	     "srh",	NULL,
	};
	const char *name = match->u.user.name;

	if (memory)
		*memory = (struct mg_memory){ 0 };
	if (mg_is_one_of(name, by_kernel))
		return MG_JUDGED_BY_KERNEL;
	if (strcmp(name, "limit") == 0) /* begins anew with each commit */
		return MG_JUDGED_TRUE;
	if (strcmp(name, "quota") == 0)
		return judge_quota(match);
	if (strcmp(name, "hashlimit") == 0)
		return judge_hashlimit(match, family, memory);
	if (strcmp(name, "recent") == 0)
		return judge_recent(match, memory);
	return MG_JUDGED_NOT;
}

enum mg_effect mg_effect_of(const struct mg_entry *entry)
{
	static const char *const none[] = {
		"MARK",	       "CONNMARK",   "CT",	 "NOTRACK", "SET",     "TCPMSS",
		"SNAT",	       "MASQUERADE", "CLASSIFY", "DSCP",    "TOS",     "TTL",
		"HL",	       "ECN",	     "CHECKSUM", "RATEEST", "SECMARK", "CONNSECMARK",
		"TCPOPTSTRIP", "HMARK",	     "SNPT",	 NULL,
	};
	static const char *const elsewhere[] = { "DNAT", "REDIRECT", "NETMAP", "DNPT", NULL };

	if (!*entry->target || mg_is_only_telling(entry))
		return MG_EFFECT_NONE;
	if (entry->standard)
		return strcmp(entry->target, "ACCEPT") == 0 ? MG_EFFECT_ACCEPT
		       : strcmp(entry->target, "DROP") == 0 ? MG_EFFECT_DENY
							    : MG_EFFECT_UNKNOWN;
	if (strcmp(entry->target, "REJECT") == 0)
		return MG_EFFECT_DENY;
	if (mg_is_one_of(entry->target, elsewhere))
		return MG_EFFECT_ELSEWHERE;
	return mg_is_one_of(entry->target, none) ? MG_EFFECT_NONE : MG_EFFECT_UNKNOWN;
}

bool mg_is_only_telling(const struct mg_entry *entry)
{
	static const char *const names[] = { "LOG", "NFLOG", "ULOG",	  "AUDIT", "LED",
					     "TEE", "TRACE", "IDLETIMER", NULL };

	return !entry->standard && mg_is_one_of(entry->target, names);
}

bool mg_changes_source(const struct mg_entry *entry)
{
	static const char *const names[] = { "SNAT", "MASQUERADE", NULL };

	return !entry->standard && mg_is_one_of(entry->target, names);
}

bool mg_hides_from_conntrack(const struct mg_entry *entry)
{
	/* "CT" with other options does not, and its flows are unsure all the same */
	return !entry->standard &&
	       (strcmp(entry->target, "NOTRACK") == 0 || strcmp(entry->target, "CT") == 0);
}

bool mg_asks_conntrack(const struct mg_family_ops *ops, const struct mg_entry *entry)
{
	static const char *const names[] = { "conntrack", "state", NULL };
	const struct xt_entry_target *target;
	const unsigned char *at;
	struct mg_entry_view view;

	ops->view((void *)entry->bytes, &view);
	target = mg_entry_target(&view, ops);
	for (at = view.elements; at < (const unsigned char *)target;
	     at += ((const struct xt_entry_match *)at)->u.match_size)
		if (mg_is_one_of(((const struct xt_entry_match *)at)->u.user.name, names))
			return true;
	return false;
}
