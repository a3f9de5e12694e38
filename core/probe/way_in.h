/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One way in, judged. See probe.h.
 */
#ifndef MG_PROBE_WAY_IN_H
#define MG_PROBE_WAY_IN_H

#include "probe.h"
#include "space.h"

/** Before the tables are there: does the namespace let him in at all? */
bool mg_way_control(struct mg_space *space, const struct mg_probe_way *way, int listener);

/** Judge. */
void mg_way_judge(struct mg_space *space, struct mg_probe_tables *tables,
		  const struct mg_probe_way *way, int listener, struct mg_probe_result *out);

#endif
