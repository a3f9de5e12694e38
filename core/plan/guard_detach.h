/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cutting a forked process off from everything that could end it or hold
 * it up: signals, terminal, descriptors, limits.
 *
 * Owns nothing. Must not know what the process is for.
 */
#ifndef MG_PLAN_GUARD_DETACH_H
#define MG_PLAN_GUARD_DETACH_H

#include <moongate.h>

/**
 * @keep: descriptors from 3 upwards that stay open; it is sorted here
 * Signals are to be blocked when it is called; they are not any more when it
 * returns 0.
 */
int mg_detach(const char *name, int *keep, size_t count, struct mg_error *error);

#endif
