/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keeps the targets of both families resident; see register.c.
 */
#ifndef MG_REGISTER_H
#define MG_REGISTER_H

#include <errno.h>
#include <moongate.h>

/** To be called before the first plugin is loaded. Errors: MG_ENVIRONMENT. */
int mg_register_open(struct mg_error *error);

#endif
