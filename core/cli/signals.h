/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commits are not to be interrupted half-way by a key, or by who stops a unit.
 */
#ifndef MG_CLI_SIGNALS_H
#define MG_CLI_SIGNALS_H

/** SIG_BLOCK or SIG_UNBLOCK: SIGINT, SIGTERM and SIGHUP. */
void hold_signals(int how);

#endif
