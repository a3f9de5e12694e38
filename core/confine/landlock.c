/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Landlock: a domain in which nothing is allowed. The C library has no
 * functions for it, and its header here may be older than the kernel, so the
 * interface is written down: it only ever grows at its end.
 */
#include <errno.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "layers.h"

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_restrict_self 446
#endif

enum { ASK_VERSION = 1 };

/* What is handled is forbidden unless a rule allows it, and there is none. */
struct handled {
	uint64_t files, network, scopes;
};

/* All bits that the kernel's version of the interface knows; one that it does not is refused. */
static struct handled handled_by(long version)
{
	struct handled all = { .files = (UINT64_C(1) << 13) - 1 };

	if (version >= 2)
		all.files |= UINT64_C(1) << 13; /* moving files from folder to folder */
	if (version >= 3)
		all.files |= UINT64_C(1) << 14; /* truncating */
	if (version >= 4)
		all.network = 3; /* binding and connecting TCP */
	if (version >= 5)
		all.files |= UINT64_C(1) << 15; /* ioctl on devices */
	if (version >= 6)
		all.scopes = 3; /* abstract sockets and signals */
	return all;
}

static size_t size_of(long version)
{
	return version >= 6   ? sizeof(struct handled)
	       : version >= 4 ? offsetof(struct handled, scopes)
			      : offsetof(struct handled, network);
}

int mg_landlock_all(int *version)
{
	const long found = syscall(SYS_landlock_create_ruleset, NULL, 0, ASK_VERSION);
	struct handled all = handled_by(found);
	long fd;
	int err = 0;

	*version = 0;
	/* not built in, switched off at boot, or kept from us by a container's filter */
	if (found < 1)
		return 0;
	fd = syscall(SYS_landlock_create_ruleset, &all, size_of(found), 0);
	if (fd < 0)
		return -errno;
	if (syscall(SYS_landlock_restrict_self, fd, 0))
		err = -errno;
	close((int)fd);
	if (!err)
		*version = (int)found;
	return err;
}
