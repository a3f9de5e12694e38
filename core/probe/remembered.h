/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the live namespace remembers of a client: the lists of the matches
 * "recent" and "hashlimit" below /proc/net.
 */
#ifndef MG_PROBE_REMEMBERED_H
#define MG_PROBE_REMEMBERED_H

#include "probe.h"

/**
 * Is the client of one of the order's ways of @family in the list at @path? One
 * that is not there, or not to be read, has nobody.
 */
bool mg_is_remembered(const struct mg_probe_order *order, enum mg_family family, const char *path);

#endif
