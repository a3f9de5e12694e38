/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See set_names.h.
 */
#include "set_names.h"

#include <netinet/in.h> /* before the kernel's own, which give way to it */

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/ipset/ip_set.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ruleset/growable.h"

_Static_assert(MG_SET_NAME_SIZE == IPSET_MAXNAMELEN, "a set's name");

typedef char set_name[MG_SET_NAME_SIZE];

static struct {
	set_name *names;
	size_t count, capacity;
	struct mg_lookup lookup;
} known;

static bool is_name(const void *context, uint32_t index)
{
	return strcmp(known.names[index], context) == 0;
}

int mg_set_number(const char *name, uint16_t *out)
{
	const uint32_t hash = mg_lookup_hash(0, name);
	uint32_t index = mg_lookup_find(&known.lookup, hash, is_name, name);

	if (index == MG_NOT_FOUND) {
		/* IPSET_INVALID_ID says that there is no set */
		if (known.count == IPSET_INVALID_ID - MG_SET_FIRST_NUMBER)
			return -ENOSPC;
		if (mg_make_room((void **)&known.names, &known.capacity, known.count + 1,
				 sizeof(*known.names)) ||
		    mg_lookup_add(&known.lookup, hash, (uint32_t)known.count))
			return -ENOMEM;
		index = (uint32_t)known.count++;
		strncpy(known.names[index], name, MG_SET_NAME_SIZE - 1);
		known.names[index][MG_SET_NAME_SIZE - 1] = '\0';
	}
	*out = (uint16_t)(MG_SET_FIRST_NUMBER + index);
	return 0;
}

const char *mg_set_name(uint16_t number)
{
	const size_t index = (size_t)number - MG_SET_FIRST_NUMBER;

	return number >= MG_SET_FIRST_NUMBER && index < known.count ? known.names[index] : NULL;
}

bool mg_set_any(void)
{
	return known.count;
}

/* The version that the kernel speaks has to be said in each question. */
static int ask_version(int fd, unsigned int *version)
{
	struct ip_set_req_version request = { .op = IP_SET_OP_VERSION };
	socklen_t size = sizeof(request);

	if (getsockopt(fd, SOL_IP, SO_IP_SET, &request, &size))
		return -errno;
	*version = request.version;
	return 0;
}

int mg_set_kernel_open(void)
{
	unsigned int version;
	/* sets are asked for over IPv4's sockets, whatever their family */
	int err, fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);

	if (fd < 0)
		return -errno;
	err = ask_version(fd, &version);
	if (err)
		close(fd);
	return err ? err : fd;
}

int mg_set_kernel_find(int fd, const char *name, uint16_t *index, unsigned int *family)
{
	struct ip_set_req_get_set_family request = { .op = IP_SET_OP_GET_FNAME };
	socklen_t size = sizeof(request);
	int err = ask_version(fd, &request.version);

	if (err)
		return err;
	strncpy(request.set.name, name, sizeof(request.set.name) - 1);
	if (getsockopt(fd, SOL_IP, SO_IP_SET, &request, &size))
		return -errno;
	if (request.set.index == IPSET_INVALID_ID)
		return -ENOENT;
	*index = request.set.index;
	if (family)
		*family = request.family;
	return 0;
}

unsigned int mg_set_kernel_families(const char *name)
{
	unsigned int family = NFPROTO_UNSPEC;
	uint16_t index;
	int fd = mg_set_kernel_open();

	if (fd >= 0) {
		if (mg_set_kernel_find(fd, name, &index, &family))
			family = NFPROTO_UNSPEC;
		close(fd);
	}
	return family == NFPROTO_IPV4	? 1U << MG_IPV4
	       : family == NFPROTO_IPV6 ? 1U << MG_IPV6
					: 1U << MG_IPV4 | 1U << MG_IPV6;
}

int mg_set_kernel_name(int fd, uint16_t index, char out[MG_SET_NAME_SIZE])
{
	struct ip_set_req_get_set request = { .op = IP_SET_OP_GET_BYINDEX };
	socklen_t size = sizeof(request);
	int err = ask_version(fd, &request.version);

	if (err)
		return err;
	request.set.index = index;
	if (getsockopt(fd, SOL_IP, SO_IP_SET, &request, &size))
		return -errno;
	memcpy(out, request.set.name, MG_SET_NAME_SIZE);
	out[MG_SET_NAME_SIZE - 1] = '\0';
	return *out ? 0 : -ENOENT;
}
