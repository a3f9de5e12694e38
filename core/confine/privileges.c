/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * User, groups and capabilities.
 */
#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "layers.h"

/* The kernel's overflow uid. Debian's nobody; no lookup, which would read files and load code. */
enum { NOBODY = 65534 };

/*
 * A user namespace may have no such user (EINVAL) and may not let groups be
 * set (EPERM): its root is somebody without rights outside of it, and stays.
 */
static int become_nobody(bool *own_user)
{
	if (setgroups(0, NULL) && errno != EPERM)
		return -errno;
	if (setresgid(NOBODY, NOBODY, NOBODY) && errno != EINVAL && errno != EPERM)
		return -errno;
	if (setresuid(NOBODY, NOBODY, NOBODY)) {
		*own_user = false;
		return errno == EINVAL || errno == EPERM ? 0 : -errno;
	}
	*own_user = true;
	return getuid() == NOBODY && geteuid() == NOBODY ? 0 : -EPERM;
}

int mg_drop_privileges(bool *own_user)
{
	int err = 0;

	*own_user = false;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	/*
	 * The bounding set goes first: that needs a capability, which then goes, too.
	 * In a container there may be none; without new privileges the set bounds nothing.
	 */
	capng_clear(CAPNG_SELECT_ALL);
	if (geteuid() == 0)
		capng_apply(CAPNG_SELECT_BOUNDS);
	if (geteuid() == 0)
		err = become_nobody(own_user);
	if (err)
		return err;
	return capng_apply(CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT) ? -EPERM : 0;
}
