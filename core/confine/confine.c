/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The order of the layers: each takes away what the one before still needed.
 */
#include "confine.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "layers.h"

/* The parent's handlers are about the parent, and so is what it has blocked. */
static int forget_signals(int own)
{
	sigset_t none;
	int number;

	for (number = 1; number < SIGRTMIN; number++)
		if (number != own)
			signal(number, SIG_DFL); /* fails for KILL and STOP, which have none */
	sigemptyset(&none);
	return sigprocmask(SIG_SETMASK, &none, NULL) ? -errno : 0;
}

/*
 * Whoever loses the parent dies. The kernel forgets that wish when the user
 * changes, so it comes behind that.
 */
static int die_with_parent(int parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || prctl(PR_SET_DUMPABLE, 0))
		return -errno;
	return getppid() == parent ? 0 : -ESRCH;
}

static int failed(struct mg_confined *out, const char *step, int err)
{
	out->step = step;
	return err;
}

int mg_confine(const struct mg_confinement *confinement, struct mg_confined *out)
{
	int err;

	*out = (struct mg_confined){ .step = NULL };
	/* a terminal's signals are the parent's to answer; a leader has its session already */
	if (setsid() < 0 && errno != EPERM)
		return failed(out, "get a session of its own", -errno);
	err = forget_signals(confinement->own_signal);
	if (err)
		return failed(out, "forget signal handlers", err);
	err = mg_close_others(confinement->fd);
	if (err)
		return failed(out, "close descriptors", err);
	err = mg_limit_resources(confinement->memory, confinement->seconds);
	if (err)
		return failed(out, "limit its resources", err);
	err = mg_drop_privileges(&out->own_user);
	if (err)
		return failed(out, "drop its privileges", err);
	err = die_with_parent(confinement->parent);
	if (err)
		return failed(out, "be tied to its parent", err);
	if (!(confinement->without & MG_WITHOUT_LANDLOCK)) {
		err = mg_landlock_all(&out->landlock);
		if (err)
			return failed(out, "lock itself in with Landlock", err);
	}
	err = mg_limit_descriptors();
	if (err)
		return failed(out, "limit its descriptors", err);
	if (!(confinement->without & MG_WITHOUT_SECCOMP)) {
		err = mg_filter_system_calls();
		out->no_seccomp = err;
		if (err)
			return failed(out, "filter its system calls with seccomp", err);
	}
	return 0;
}
