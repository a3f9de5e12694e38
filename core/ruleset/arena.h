/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory that is handed out piece by piece and given back all at once:
 * compiled rules are many, small, and die together.
 */
#ifndef MG_ARENA_H
#define MG_ARENA_H

#include <stddef.h>

struct mg_arena_block;

/** Zero-initialise; end with mg_arena_clear(). Pieces never move. */
struct mg_arena {
	struct mg_arena_block *newest;
};

/** @size bytes, aligned for any kernel structure; NULL without memory. Not zeroed. */
void *mg_arena_take(struct mg_arena *arena, size_t size);

/** A copy of @text that lives as long as the arena; NULL without memory. */
char *mg_arena_string(struct mg_arena *arena, const char *text);

void mg_arena_clear(struct mg_arena *arena);

/** Start again with the memory of the newest block; all pieces are gone. */
void mg_arena_reset(struct mg_arena *arena);

#endif
