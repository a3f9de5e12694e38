/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Facts about this host over rtnetlink(7). See host.h.
 *
 * Owns nothing that outlives a call but the struct mg_host it gives away.
 * Must not change anything, print or exit.
 */
#include "netfilter/host.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "netfilter/dump.h"
#include "ruleset/failure.h"
#include "ruleset/growable.h"

/* How often to ask again when interfaces come and go during a dump. */
#define TRIES 8

static int each_link(const struct nlmsghdr *header, void *context)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(header);
	struct mg_host *host = context;
	struct mg_host_interface *interface;
	const struct nlattr *attr;
	const char *name = NULL;

	if (header->nlmsg_type != RTM_NEWLINK)
		return MNL_CB_OK;
	mnl_attr_for_each (attr, header, sizeof(*info)) {
		if (mnl_attr_get_type(attr) == IFLA_IFNAME &&
		    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0)
			name = mnl_attr_get_str(attr);
	}
	if (!name || strlen(name) >= sizeof(interface->name))
		return MNL_CB_OK;
	if (mg_make_room((void **)&host->interfaces, &host->interface_capacity,
			 host->interface_count + 1, sizeof(*interface)) != 0) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	interface = &host->interfaces[host->interface_count++];
	*interface = (struct mg_host_interface){
		.index = info->ifi_index,
		.up = info->ifi_flags & IFF_UP,
		.loopback = info->ifi_flags & IFF_LOOPBACK,
	};
	strcpy(interface->name, name);
	return MNL_CB_OK;
}

static struct mg_host_interface *by_index(struct mg_host *host, unsigned int index)
{
	for (size_t i = 0; i < host->interface_count; i++)
		if (host->interfaces[i].index == (int)index)
			return &host->interfaces[i];
	return NULL;
}

/* What the attributes of an address message say. */
struct address_attrs {
	const struct nlattr *address; /* the one to use */
	uint32_t flags;
};

static void read_address_attrs(const struct nlmsghdr *header, struct address_attrs *out)
{
	const struct ifaddrmsg *info = mnl_nlmsg_get_payload(header);
	const size_t size = info->ifa_family == AF_INET ? 4 : 16;
	const struct nlattr *attr;
	bool local = false;

	*out = (struct address_attrs){ .flags = info->ifa_flags };
	mnl_attr_for_each (attr, header, sizeof(*info)) {
		switch (mnl_attr_get_type(attr)) {
		case IFA_LOCAL:
			/* On a point-to-point link IFA_ADDRESS is the other end. */
			if (mnl_attr_get_payload_len(attr) == size) {
				out->address = attr;
				local = true;
			}
			break;
		case IFA_ADDRESS:
			if (!local && mnl_attr_get_payload_len(attr) == size)
				out->address = attr;
			break;
		case IFA_FLAGS:
			/* ifa_flags has 8 bits only. */
			if (mnl_attr_validate(attr, MNL_TYPE_U32) == 0)
				out->flags = mnl_attr_get_u32(attr);
			break;
		default: break;
		}
	}
}

static int each_address(const struct nlmsghdr *header, void *context)
{
	const struct ifaddrmsg *info = mnl_nlmsg_get_payload(header);
	struct mg_host_interface *interface;
	struct mg_host_address *address;
	struct address_attrs attrs;
	char text[INET6_ADDRSTRLEN];

	if (header->nlmsg_type != RTM_NEWADDR ||
	    (info->ifa_family != AF_INET && info->ifa_family != AF_INET6))
		return MNL_CB_OK;
	read_address_attrs(header, &attrs);
	interface = by_index(context, info->ifa_index);
	if (!interface || !attrs.address)
		return MNL_CB_OK;
	if (mg_make_room((void **)&interface->addresses, &interface->address_capacity,
			 interface->address_count + 1, sizeof(*address)) != 0) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	address = &interface->addresses[interface->address_count++];
	*address = (struct mg_host_address){
		.family = info->ifa_family == AF_INET ? MG_IPV4 : MG_IPV6,
		.prefix = info->ifa_prefixlen,
	};
	memcpy(address->bytes, mnl_attr_get_payload(attrs.address),
	       mnl_attr_get_payload_len(attrs.address));
	if (!inet_ntop(info->ifa_family, address->bytes, text, sizeof(text)))
		return MNL_CB_ERROR;
	snprintf(address->text, sizeof(address->text), "%s/%u", text, address->prefix);

	if (attrs.flags & IFA_F_PERMANENT)
		return MNL_CB_OK;
	if (address->family == MG_IPV4)
		interface->leased = true;
	else if (address->prefix == 128 && info->ifa_scope == RT_SCOPE_UNIVERSE &&
		 !(attrs.flags & IFA_F_TEMPORARY))
		interface->leased6 = true;
	return MNL_CB_OK;
}

static int compare_interfaces(const void *a, const void *b)
{
	const struct mg_host_interface *left = a, *right = b;

	return strcmp(left->name, right->name);
}

static int compare_addresses(const void *a, const void *b)
{
	const struct mg_host_address *left = a, *right = b;
	int order;

	if (left->family != right->family)
		return left->family < right->family ? -1 : 1;
	order = memcmp(left->bytes, right->bytes, sizeof(left->bytes));
	return order ? order : (int)left->prefix - (int)right->prefix;
}

static void sort(struct mg_host *host)
{
	if (host->interface_count > 0)
		qsort(host->interfaces, host->interface_count, sizeof(*host->interfaces),
		      compare_interfaces);
	for (size_t i = 0; i < host->interface_count; i++) {
		struct mg_host_interface *interface = &host->interfaces[i];

		if (interface->address_count > 0)
			qsort(interface->addresses, interface->address_count,
			      sizeof(*interface->addresses), compare_addresses);
	}
}

/*
 * IPv6 is there if the kernel has it (ipv6.disable=1 takes the file away)
 * and not all interfaces were told to do without it. One that has an address
 * all the same counts as "there".
 */
static bool read_has_ipv6(void)
{
	char byte = '0';
	bool used;
	FILE *file = fopen("/proc/net/if_inet6", "re");

	if (!file)
		return false;
	used = fgetc(file) != EOF;
	fclose(file);
	if (used)
		return true;
	file = fopen("/proc/sys/net/ipv6/conf/all/disable_ipv6", "re");
	if (file) {
		if (fread(&byte, 1, 1, file) != 1)
			byte = '0';
		fclose(file);
	}
	return byte == '0';
}

static void forget_interfaces(struct mg_host *host)
{
	for (size_t i = 0; i < host->interface_count; i++)
		free(host->interfaces[i].addresses);
	free(host->interfaces);
	host->interfaces = NULL;
	host->interface_count = host->interface_capacity = 0;
}

static int read_interfaces(struct mg_host *host)
{
	const struct ifinfomsg link = { .ifi_family = AF_UNSPEC };
	const struct ifaddrmsg address = { .ifa_family = AF_UNSPEC };
	int err = -EINTR;

	for (int i = 0; i < TRIES && err == -EINTR; i++) {
		forget_interfaces(host);
		err = mg_dump(NETLINK_ROUTE, RTM_GETLINK, &link, sizeof(link), each_link, host);
		if (err == 0)
			err = mg_dump(NETLINK_ROUTE, RTM_GETADDR, &address, sizeof(address),
				      each_address, host);
	}
	return err;
}

int mg_host_read(struct mg_host **out, struct mg_error *error)
{
	struct mg_host *host = calloc(1, sizeof(*host));
	int err = -ENOMEM;

	if (!host)
		goto out;
	err = read_interfaces(host);
	if (err)
		goto out;
	sort(host);
	if (gethostname(host->name, sizeof(host->name) - 1) != 0)
		host->name[0] = '\0';
	host->has_ipv6 = read_has_ipv6();
	*out = host;
	return 0;
out:
	mg_host_free(host);
	return mg_fail(error, err, MG_ENVIRONMENT, "cannot read this host's interfaces: %s",
		       strerror(-err));
}

void mg_host_free(struct mg_host *host)
{
	if (!host)
		return;
	forget_interfaces(host);
	free(host);
}

const struct mg_host_interface *mg_host_owner(const struct mg_host *host, enum mg_family family,
					      const unsigned char address[16])
{
	const size_t size = family == MG_IPV4 ? 4 : 16;

	for (size_t i = 0; i < host->interface_count; i++) {
		const struct mg_host_interface *interface = &host->interfaces[i];

		for (size_t j = 0; j < interface->address_count; j++)
			if (interface->addresses[j].family == family &&
			    memcmp(interface->addresses[j].bytes, address, size) == 0)
				return interface;
	}
	return NULL;
}
