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
#include <sys/socket.h>
#include <unistd.h>

#include "netfilter/dump.h"
#include "ruleset/failure.h"

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
	interface = mg_host_add_interface(host, name);
	if (!interface) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	interface->index = info->ifi_index;
	interface->up = info->ifi_flags & IFF_UP;
	interface->loopback = info->ifi_flags & IFF_LOOPBACK;
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
	struct address_attrs attrs;
	enum mg_family family;

	if (header->nlmsg_type != RTM_NEWADDR ||
	    (info->ifa_family != AF_INET && info->ifa_family != AF_INET6))
		return MNL_CB_OK;
	read_address_attrs(header, &attrs);
	interface = by_index(context, info->ifa_index);
	if (!interface || !attrs.address)
		return MNL_CB_OK;
	family = info->ifa_family == AF_INET ? MG_IPV4 : MG_IPV6;
	if (mg_host_add_address(&interface->addresses, family, mnl_attr_get_payload(attrs.address),
				info->ifa_prefixlen)) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}

	if (attrs.flags & IFA_F_PERMANENT)
		return MNL_CB_OK;
	if (family == MG_IPV4)
		interface->leased = true;
	else if (info->ifa_prefixlen == 128 && info->ifa_scope == RT_SCOPE_UNIVERSE &&
		 !(attrs.flags & IFA_F_TEMPORARY))
		interface->leased6 = true;
	return MNL_CB_OK;
}

/* A kernel without IPv6 makes no sockets of it. */
static int ask_for_ipv6(bool *out)
{
	const int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const int err = fd < 0 ? -errno : 0;

	*out = fd >= 0;
	if (fd >= 0)
		close(fd);
	return err == -EAFNOSUPPORT ? 0 : err;
}

/*
 * IPv6 is there if the kernel has it (ipv6.disable=1 takes the file away)
 * and not all interfaces were told to do without it. One that has an address
 * all the same counts as "there". Not to be able to look is not a no: half of
 * a policy would be left out. In a chroot without /proc only the kernel itself
 * can tell.
 */
static int read_has_ipv6(bool *out)
{
	char byte = '0';
	FILE *file = fopen("/proc/net/if_inet6", "re");

	*out = false;
	if (!file && errno == ENOENT && access("/proc/net", F_OK))
		return ask_for_ipv6(out);
	if (!file)
		return errno == ENOENT ? 0 : -errno;
	*out = fgetc(file) != EOF;
	fclose(file);
	if (*out)
		return 0;
	file = fopen("/proc/sys/net/ipv6/conf/all/disable_ipv6", "re");
	if (!file && errno != ENOENT)
		return -errno;
	if (file) {
		if (fread(&byte, 1, 1, file) != 1)
			byte = '0';
		fclose(file);
	}
	*out = byte == '0';
	return 0;
}

/* Is a switch of a family and interface on? One that is not there is off. */
static bool is_on(const char *family, const char *interface, const char *name)
{
	char path[128];
	char byte = '0';
	FILE *file;

	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/%s", family, interface, name);
	file = fopen(path, "re");
	if (!file)
		return false;
	if (fread(&byte, 1, 1, file) != 1)
		byte = '0';
	fclose(file);
	return byte != '0';
}

/*
 * One switch is for all interfaces; beside it, IPv4 has one for each, and so
 * has IPv6 under another name since Linux 6.17.
 */
static enum mg_forwarding read_forwarding(const struct mg_host *host, const char *family,
					  const char *of_interface)
{
	if (is_on(family, "all", "forwarding"))
		return MG_FORWARDING_ON;
	for (size_t i = 0; i < host->interface_count; i++)
		if (is_on(family, host->interfaces[i].name, of_interface))
			return MG_FORWARDING_ON;
	return MG_FORWARDING_OFF;
}

static int read_interfaces(struct mg_host *host)
{
	const struct ifinfomsg link = { .ifi_family = AF_UNSPEC };
	const struct ifaddrmsg address = { .ifa_family = AF_UNSPEC };
	int err = -EINTR;

	for (int i = 0; i < TRIES && err == -EINTR; i++) {
		mg_host_forget_interfaces(host);
		err = mg_dump(NETLINK_ROUTE, RTM_GETLINK, &link, sizeof(link), each_link, host);
		if (err == 0)
			err = mg_dump(NETLINK_ROUTE, RTM_GETADDR, &address, sizeof(address),
				      each_address, host);
	}
	return err;
}

void mg_host_read_name(char *out, size_t size)
{
	/* one that is cut need not be terminated */
	if (gethostname(out, size - 1) != 0)
		*out = '\0';
	out[size - 1] = '\0';
}

int mg_host_read(struct mg_host **out, struct mg_error *error)
{
	struct mg_host *host = mg_host_new();
	int err = -ENOMEM;

	if (!host)
		goto out;
	err = read_interfaces(host);
	if (!err)
		err = read_has_ipv6(&host->has_ipv6);
	if (err)
		goto out;
	mg_host_sort(host);
	mg_host_read_name(host->name, sizeof(host->name));
	host->forwarding[MG_IPV4] = read_forwarding(host, "ipv4", "forwarding");
	host->forwarding[MG_IPV6] = read_forwarding(host, "ipv6", "force_forwarding");
	*out = host;
	return 0;
out:
	mg_host_free(host);
	return mg_fail(error, err, MG_ENVIRONMENT, "cannot read this host's interfaces: %s",
		       strerror(-err));
}
