/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading the members of a set as the kernel sends them: libipset would make
 * text of each, which takes longer than filling the set did.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/ipset/ip_set.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "dump.h"
#include "ipset.h"
#include "ruleset/failure.h"
#include "ruleset/growable.h"

/* Somebody may change the list of sets while it is read; again and again. */
enum { ATTEMPTS = 10 };

struct reading {
	const struct mg_ipset_header *set;
	struct mg_set_member *members;
	size_t count, capacity;
	bool odd;
};

/* What is asked for, behind the netlink header: as libmnl would lay it out. */
struct question {
	struct nfgenmsg message;
	struct nlattr protocol_head;
	uint8_t protocol, padding[3];
	struct nlattr name_head;
	char name[MG_SET_NAME_SIZE];
};

static size_t ask_for(const char *name, struct question *out)
{
	const size_t length = strlen(name) + 1;

	*out = (struct question){
		.message = { .nfgen_family = NFPROTO_IPV4, .version = NFNETLINK_V0 },
		.protocol_head = { .nla_type = IPSET_ATTR_PROTOCOL,
				   .nla_len = sizeof(struct nlattr) + 1 },
		.protocol = IPSET_PROTOCOL_MIN,
		.name_head = { .nla_type = IPSET_ATTR_SETNAME,
			       .nla_len = (uint16_t)(sizeof(struct nlattr) + length) },
	};
	memcpy(out->name, name, length);
	return offsetof(struct question, name) + MNL_ALIGN(length);
}

/* The address within, if it is one of the set's family. */
static bool read_address(const struct nlattr *nested, enum mg_family family, uint8_t out[16])
{
	const uint16_t wanted = family == MG_IPV6 ? IPSET_ATTR_IPADDR_IPV6 : IPSET_ATTR_IPADDR_IPV4;
	const size_t size = mg_set_width(family) / 8;
	const struct nlattr *attr;

	mnl_attr_for_each_nested (attr, nested) {
		if (mnl_attr_get_type(attr) != wanted || mnl_attr_get_payload_len(attr) != size)
			continue;
		memcpy(out, mnl_attr_get_payload(attr), size);
		return true;
	}
	return false;
}

static bool is_exception(const struct nlattr *attr)
{
	return mnl_attr_get_payload_len(attr) == sizeof(uint32_t) &&
	       ntohl(mnl_attr_get_u32(attr)) & IPSET_FLAG_NOMATCH;
}

/* -EBADMSG: it is no address. */
static int read_member(struct reading *reading, const struct nlattr *nested)
{
	const enum mg_family family = reading->set->family;
	struct mg_set_member *member = &reading->members[reading->count];
	bool has_address = false, exception = false;
	const struct nlattr *attr;

	*member = (struct mg_set_member){ .prefix = (uint8_t)mg_set_width(family) };
	mnl_attr_for_each_nested (attr, nested) {
		switch (mnl_attr_get_type(attr)) {
		case IPSET_ATTR_IP:
			has_address = read_address(attr, family, member->address);
			break;
		case IPSET_ATTR_CIDR:
			if (mnl_attr_get_payload_len(attr) == 1)
				member->prefix = mnl_attr_get_u8(attr);
			break;
		case IPSET_ATTR_CADT_FLAGS:
			exception = is_exception(attr);
			reading->odd |= exception;
			break;
		default: reading->odd = true; break;
		}
	}
	if (!has_address || member->prefix > mg_set_width(family))
		return -EBADMSG;
	reading->count += !exception;
	return 0;
}

static int read_message(const struct nlmsghdr *header, void *context)
{
	struct reading *reading = context;
	const struct nlattr *attr, *member;
	int err = 0;

	mnl_attr_for_each (attr, header, sizeof(struct nfgenmsg)) {
		if (mnl_attr_get_type(attr) != IPSET_ATTR_ADT)
			continue;
		mnl_attr_for_each_nested (member, attr) {
			if (mg_make_room((void **)&reading->members, &reading->capacity,
					 reading->count + 1, sizeof(*reading->members)))
				err = -ENOMEM;
			else
				err = read_member(reading, member);
			if (err)
				break;
		}
	}
	errno = -err;
	return err ? MNL_CB_ERROR : MNL_CB_OK;
}

static int fail(const struct mg_ipset_header *set, int err, struct mg_error *error)
{
	if (err == -ENOMEM)
		return mg_fail(error, err, MG_ENVIRONMENT, "out of memory for address sets");
	if (err == -EBADMSG)
		return mg_fail(error, err, MG_KERNEL,
			       "cannot understand what the kernel says about the set %s",
			       set->name);
	return mg_fail(error, err, MG_KERNEL, "cannot list the set %s: %s", set->name,
		       err == -ENOENT ? "there is none of that name" : strerror(-err));
}

int mg_ipset_members(const struct mg_ipset_header *set, struct mg_set_member **out, uint32_t *count,
		     bool *odd, struct mg_error *error)
{
	struct reading reading = { .set = set };
	struct question question;
	const size_t size = ask_for(set->name, &question);
	int attempt, err = -EINTR;

	for (attempt = 0; attempt < ATTEMPTS && err == -EINTR; attempt++) {
		reading.count = 0;
		reading.odd = false;
		err = mg_dump(NETLINK_NETFILTER, NFNL_SUBSYS_IPSET << 8 | IPSET_CMD_LIST, &question,
			      size, read_message, &reading);
	}
	if (!err)
		err = mg_set_members_sort(reading.members, (uint32_t)reading.count);
	if (err) {
		free(reading.members);
		return fail(set, err, error);
	}
	*out = reading.members;
	*count = (uint32_t)reading.count;
	*odd = reading.odd;
	return 0;
}
