/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Devices, addresses and routes. See space.h.
 */
#include "space.h"

/* before linux/if.h, which gets along with it in this order only */
#include <net/if.h>

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ruleset/growable.h"

enum { MESSAGE_SIZE = 256, ANSWER_SIZE = 4096 };

static void set(const char *path, char value)
{
	char name[128];
	int fd;

	snprintf(name, sizeof(name), "/proc/sys/net/%s", path);
	fd = open(name, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (write(fd, &value, 1) != 1)
		value = 0; /* the kernel has another opinion; a control shows what it does */
	close(fd);
}

void mg_space_settings(bool loose)
{
	set("ipv4/conf/all/rp_filter", '0');
	set("ipv4/conf/default/rp_filter", '0');
	set("ipv4/conf/all/route_localnet", '1');
	set("ipv6/conf/all/disable_ipv6", '0');
	set("ipv6/conf/default/disable_ipv6", '0');
	set("ipv6/conf/default/accept_dad", '0');
	/* no address of the link, and so no solicitations in between */
	set("ipv6/conf/default/addr_gen_mode", '1');
	if (!loose)
		set("netfilter/nf_conntrack_tcp_loose", '0');
}

void mg_space_forward(void)
{
	set("ipv4/ip_forward", '1');
	set("ipv6/conf/all/forwarding", '1');
	set("netfilter/nf_conntrack_events", '1');
}

static int bring_up(struct mg_space *space, struct ifreq *request)
{
	request->ifr_flags = IFF_UP | IFF_RUNNING;
	return ioctl(space->control - 1, SIOCSIFFLAGS, request) ? -errno : 0;
}

int mg_space_open(struct mg_space *space)
{
	struct ifreq request = { .ifr_name = "lo" };
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	space->control = fd + 1;
	space->netlink = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!space->netlink)
		return -errno;
	return bring_up(space, &request);
}

static int make_device(struct mg_space *space, const char *name, struct mg_probe_device *device)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int err = 0;

	snprintf(device->name, sizeof(device->name), "%s", name);
	memcpy(request.ifr_name, device->name, sizeof(device->name));
	device->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (device->fd < 0)
		return -errno;
	if (ioctl(device->fd, TUNSETIFF, &request) || ioctl(device->fd, TUNSETPERSIST, 1))
		err = -errno;
	if (!err)
		err = bring_up(space, &request);
	device->index = (int)if_nametoindex(device->name);
	if (!err && !device->index)
		err = -ENODEV;
	if (err)
		close(device->fd);
	return err;
}

int mg_space_device(struct mg_space *space, const char *name, struct mg_probe_device **out)
{
	struct mg_probe_device device = { .fd = -1 };
	size_t i;
	int err;

	for (i = 0; i < space->count; i++)
		if (strcmp(space->devices[i].name, name) == 0) {
			*out = &space->devices[i];
			return 0;
		}
	err = mg_make_room((void **)&space->devices, &space->capacity, space->count + 1,
			   sizeof(device));
	if (!err)
		err = make_device(space, name, &device);
	if (err)
		return err;
	space->devices[space->count] = device;
	*out = &space->devices[space->count++];
	return 0;
}

/* Send a request, and hear that it was done. */
static int ask(struct mg_space *space, struct nlmsghdr *header)
{
	char answer[ANSWER_SIZE];
	ssize_t size;

	header->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE;
	if (mnl_socket_sendto(space->netlink, header, header->nlmsg_len) < 0)
		return -errno;
	size = mnl_socket_recvfrom(space->netlink, answer, sizeof(answer));
	if (size < 0 || mnl_cb_run(answer, (size_t)size, 0, 0, NULL, NULL) < 0)
		return errno == EEXIST ? 0 : -errno;
	return 0;
}

static size_t address_size(enum mg_family family)
{
	return family == MG_IPV4 ? 4 : 16;
}

static unsigned char number(enum mg_family family)
{
	return family == MG_IPV4 ? AF_INET : AF_INET6;
}

int mg_space_address(struct mg_space *space, const struct mg_probe_device *device,
		     enum mg_family family, const unsigned char *address, unsigned int prefix)
{
	char buffer[MESSAGE_SIZE];
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct ifaddrmsg *message = mnl_nlmsg_put_extra_header(header, sizeof(*message));

	header->nlmsg_type = RTM_NEWADDR;
	message->ifa_family = number(family);
	message->ifa_prefixlen = (unsigned char)prefix;
	message->ifa_index = device ? (uint32_t)device->index : 1; /* the loopback device's */
	mnl_attr_put(header, IFA_LOCAL, address_size(family), address);
	mnl_attr_put(header, IFA_ADDRESS, address_size(family), address);
	mnl_attr_put_u32(header, IFA_FLAGS, IFA_F_NODAD);
	return ask(space, header);
}

int mg_space_route(struct mg_space *space, const struct mg_probe_device *device,
		   enum mg_family family, const unsigned char *address, unsigned int prefix)
{
	char buffer[MESSAGE_SIZE];
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct rtmsg *message = mnl_nlmsg_put_extra_header(header, sizeof(*message));

	header->nlmsg_type = RTM_NEWROUTE;
	message->rtm_family = number(family);
	message->rtm_dst_len = (unsigned char)prefix;
	message->rtm_table = RT_TABLE_MAIN;
	message->rtm_protocol = RTPROT_STATIC;
	message->rtm_scope = RT_SCOPE_LINK;
	message->rtm_type = RTN_UNICAST;
	if (prefix)
		mnl_attr_put(header, RTA_DST, address_size(family), address);
	mnl_attr_put_u32(header, RTA_OIF, (uint32_t)device->index);
	return ask(space, header);
}

int mg_space_inject(const struct mg_probe_device *device, const struct mg_probe_packet *packet)
{
	unsigned char bytes[MG_PROBE_PACKET_MOST] = { 0 };
	const size_t size = mg_probe_write(packet, bytes);

	return write(device->fd, bytes, size) == (ssize_t)size ? 0 : -errno;
}

/* A raw socket of this protocol takes the header as it comes. */
int mg_space_send(struct mg_space *space, const struct mg_probe_packet *packet)
{
	unsigned char bytes[MG_PROBE_PACKET_MOST] = { 0 };
	const bool v4 = packet->family == MG_IPV4;
	const size_t size = mg_probe_write(packet, bytes);
	struct sockaddr_in6 to6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in to4 = { .sin_family = AF_INET };
	ssize_t sent;
	int fd;

	if (!space->raw[packet->family]) {
		fd = socket(v4 ? AF_INET : AF_INET6, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
			    IPPROTO_RAW);
		if (fd < 0)
			return -errno;
		space->raw[packet->family] = fd + 1;
	}
	fd = space->raw[packet->family] - 1;
	memcpy(&to4.sin_addr, packet->destination, 4);
	memcpy(&to6.sin6_addr, packet->destination, 16);
	sent = sendto(fd, bytes, size, 0, v4 ? (struct sockaddr *)&to4 : (struct sockaddr *)&to6,
		      v4 ? sizeof(to4) : sizeof(to6));
	return sent == (ssize_t)size ? 0 : -errno;
}

/* The next packet of a device that is whole and ours. */
static bool take(const struct mg_probe_device *device, struct mg_probe_packet *out)
{
	unsigned char bytes[2048];
	ssize_t size;

	while ((size = read(device->fd, bytes, sizeof(bytes))) > 0)
		if (mg_probe_read(bytes, (size_t)size, out))
			return true;
	return false;
}

static bool take_any(const struct mg_space *space, struct mg_probe_packet *out)
{
	size_t i;

	for (i = 0; i < space->count; i++)
		if (take(&space->devices[i], out))
			return true;
	return false;
}

int mg_space_receive(const struct mg_space *space, int milliseconds, struct mg_probe_packet *out)
{
	struct pollfd *fds;
	size_t i;
	int count;

	/* mostly the kernel has answered before the write came back */
	if (take_any(space, out))
		return 1;
	fds = calloc(space->count + 1, sizeof(*fds));
	if (!fds)
		return -ENOMEM;
	for (i = 0; i < space->count; i++)
		fds[i] = (struct pollfd){ .fd = space->devices[i].fd, .events = POLLIN };
	count = poll(fds, space->count, milliseconds);
	free(fds);
	if (count < 0)
		return -errno;
	return count && take_any(space, out);
}

void mg_space_drain(const struct mg_space *space)
{
	struct mg_probe_packet packet;

	while (take_any(space, &packet))
		;
}
