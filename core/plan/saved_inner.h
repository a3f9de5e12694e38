/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What writing and reading a saved plan share: see saved.h for the format.
 *
 * Must not be included by anyone else.
 */
#ifndef MG_SAVED_INNER_H
#define MG_SAVED_INNER_H

#include <inttypes.h>
#include <jansson.h>

#include "saved.h"

#define MG_SAVED_FORMAT 2
/* Before the format's number, and between it and the sum. */
#define MG_SAVED_HEAD "{\"moongate_plan\":"
#define MG_SAVED_SUM ",\"fnv1a64\":\""
/* After the sum, of 16 digits; what follows is summed. */
#define MG_SAVED_BODY "\","

enum { MG_SUM_DIGITS = 16 };

void mg_saved_files_clear(struct mg_saved_plan *saved);
/** NULL: no memory. */
json_t *mg_saved_files_list(const struct mg_saved_plan *saved);
/** @list: NULL if there is none. -EBADMSG: it makes no sense; -ENOMEM. */
int mg_saved_files_take(const json_t *list, struct mg_saved_plan *saved);

#endif
