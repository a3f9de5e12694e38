/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The lock that all xtables programs share: /run/xtables.lock, or what
 * XTABLES_LOCKFILE names.
 */
#ifndef MG_LOCK_H
#define MG_LOCK_H

#include <moongate.h>

/**
 * Take the lock, waiting at most @seconds. It goes with the descriptor.
 * @fd: the descriptor, for mg_xtables_unlock()
 * Errors: -EBUSY with MG_BUSY; MG_ENVIRONMENT where the file cannot be opened.
 */
int mg_xtables_lock(double seconds, int *fd, struct mg_error *error);

/** Accepts -1. */
void mg_xtables_unlock(int fd);

#endif
