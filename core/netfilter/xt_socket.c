/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Both families speak the same structures, and number the calls alike.
 */
#include "xt_socket.h"

#include <errno.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <xtables.h>

#include "ruleset/failure.h"

_Static_assert(sizeof(struct ipt_getinfo) == sizeof(struct ip6t_getinfo), "getinfo");
_Static_assert(sizeof(struct ipt_get_entries) == sizeof(struct ip6t_get_entries), "get_entries");
_Static_assert(sizeof(struct ipt_replace) == sizeof(struct ip6t_replace), "replace");
_Static_assert(offsetof(struct ipt_replace, counters) == offsetof(struct ip6t_replace, counters),
	       "replace");
_Static_assert(IPT_SO_GET_INFO == IP6T_SO_GET_INFO, "GET_INFO");
_Static_assert(IPT_SO_GET_ENTRIES == IP6T_SO_GET_ENTRIES, "GET_ENTRIES");
_Static_assert(IPT_SO_SET_REPLACE == IP6T_SO_SET_REPLACE, "SET_REPLACE");
_Static_assert(IPT_SO_SET_ADD_COUNTERS == IP6T_SO_SET_ADD_COUNTERS, "SET_ADD_COUNTERS");

/* Somebody who does not take the lock may change the size between two calls; again and again. */
enum { ATTEMPTS = 10 };

int mg_xt_open(const struct mg_family_ops *ops)
{
	int fd = socket(ops->nfproto, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);

	return fd < 0 ? -errno : fd;
}

/* @table may be out->name. */
static int get_info(int fd, const struct mg_family_ops *ops, const char *table,
		    struct ipt_getinfo *out)
{
	struct ipt_getinfo info = { .name = "" };
	socklen_t length = sizeof(info);

	snprintf(info.name, sizeof(info.name), "%s", table);
	if (getsockopt(fd, ops->socket_level, IPT_SO_GET_INFO, &info, &length))
		return -errno;
	*out = info;
	return 0;
}

int mg_xt_info(int fd, const struct mg_family_ops *ops, const char *table, struct ipt_getinfo *out)
{
	int err = get_info(fd, ops, table, out);

	if (err == -ENOPROTOOPT && xtables_insmod(ops->kernel_module, NULL, true) == 0)
		err = get_info(fd, ops, table, out);
	return err;
}

int mg_xt_entries(int fd, const struct mg_family_ops *ops, struct ipt_getinfo *info, void **out)
{
	struct ipt_get_entries *entries;
	socklen_t length;
	int attempt, err = -EAGAIN;

	for (attempt = 0; attempt < ATTEMPTS && err == -EAGAIN; attempt++) {
		if (attempt) {
			err = get_info(fd, ops, info->name, info);
			if (err)
				return err;
		}
		length = (socklen_t)(sizeof(*entries) + info->size);
		entries = malloc(length);
		if (!entries)
			return -ENOMEM;
		memcpy(entries->name, info->name, sizeof(entries->name));
		entries->size = info->size;
		err = getsockopt(fd, ops->socket_level, IPT_SO_GET_ENTRIES, entries, &length)
			      ? -errno
			      : 0;
		if (err)
			free(entries);
		else
			*out = entries;
	}
	return err;
}

int mg_xt_replace(int fd, const struct mg_family_ops *ops, const struct ipt_replace *replace)
{
	socklen_t length = (socklen_t)(sizeof(*replace) + replace->size);

	return setsockopt(fd, ops->socket_level, IPT_SO_SET_REPLACE, replace, length) ? -errno : 0;
}

int mg_xt_add_counters(int fd, const struct mg_family_ops *ops,
		       const struct xt_counters_info *counters)
{
	socklen_t length = (socklen_t)(sizeof(*counters) +
				       sizeof(*counters->counters) * counters->num_counters);

	return setsockopt(fd, ops->socket_level, IPT_SO_SET_ADD_COUNTERS, counters, length) ? -errno
											    : 0;
}

/* Is it this process that lacks something, not the rules? */
static bool is_shortage(int err)
{
	return err == -EMFILE || err == -ENFILE || err == -ENOMEM || err == -ENOBUFS;
}

const char *mg_xt_words(int err)
{
	switch (err) {
	case -ENOENT: return "No chain/target/match by that name";
	case -ELOOP: return "jumps that lead back to where they started";
	case -EINVAL: return "Invalid argument (the kernel's log may say more)";
	}
	return strerror(-err);
}

int mg_xt_failed(const struct mg_family_ops *ops, const char *table, const char *doing, int err,
		 struct mg_error *error)
{
	const bool reads = strcmp(doing, "read") == 0;

	if (err == -EPERM || err == -EACCES)
		return mg_fail(error, err, MG_ENVIRONMENT,
			       "the live tables can only be %s by root (CAP_NET_ADMIN)",
			       reads ? "read" : "changed");
	if (err == -ENOPROTOOPT)
		return mg_fail(error, err, MG_ENVIRONMENT,
			       "this kernel has no legacy %s tables (module %s)", ops->name,
			       ops->kernel_module);
	if (is_shortage(err))
		return mg_fail(error, err, MG_ENVIRONMENT, "cannot %s the %s table %s: %s", doing,
			       ops->name, table, strerror(-err));
	return mg_fail(error, err, MG_KERNEL,
		       reads ? "cannot read the %s table %s: %s"
			     : "the kernel refuses the %s table %s: %s",
		       ops->name, table, mg_xt_words(err));
}
