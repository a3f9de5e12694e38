/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The inside of the fence, for session.c; everyone else uses session.h.
 */
#ifndef MG_FENCE_H
#define MG_FENCE_H

#include <moongate.h>
#include <xtables.h>

/** Make the memory streams. Errors: MG_ENVIRONMENT. */
int mg_fence_open(struct mg_error *error);

/** For struct xtables_globals: leaves mg_fence_run() with these words. */
void mg_fence_error(enum xtables_exittype status, const char *format, ...)
	__attribute__((noreturn, format(printf, 2, 3)));

#endif
