/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Signals that have to wait.
 */
#include "signals.h"

#include <signal.h>
#include <stddef.h>

void hold_signals(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(how, &set, NULL);
}
