/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The arena: blocks of growing size, a piece cut off the newest one.
 */
#include "arena.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 16, SMALLEST_BLOCK = 16 * 1024, LARGEST_BLOCK = 1024 * 1024 };

struct mg_arena_block {
	struct mg_arena_block *older;
	size_t size;
	size_t used;
	_Alignas(ALIGNMENT) unsigned char bytes[];
};

static struct mg_arena_block *add_block(struct mg_arena *arena, size_t needed)
{
	size_t size = SMALLEST_BLOCK;
	struct mg_arena_block *block;

	if (arena->newest) {
		size = arena->newest->size * 2;
		if (size > LARGEST_BLOCK)
			size = LARGEST_BLOCK;
	}
	if (size < needed)
		size = needed;
	block = malloc(sizeof(*block) + size);
	if (!block)
		return NULL;
	block->older = arena->newest;
	block->size = size;
	block->used = 0;
	arena->newest = block;
	return block;
}

void *mg_arena_take(struct mg_arena *arena, size_t size)
{
	size_t rounded = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	struct mg_arena_block *block = arena->newest;
	void *piece;

	if (rounded < size)
		return NULL;
	if (!block || block->size - block->used < rounded) {
		block = add_block(arena, rounded);
		if (!block)
			return NULL;
	}
	piece = block->bytes + block->used;
	block->used += rounded;
	return piece;
}

char *mg_arena_string(struct mg_arena *arena, const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = mg_arena_take(arena, size);

	return copy ? memcpy(copy, text, size) : NULL;
}

void mg_arena_clear(struct mg_arena *arena)
{
	while (arena->newest) {
		struct mg_arena_block *older = arena->newest->older;

		free(arena->newest);
		arena->newest = older;
	}
}

void mg_arena_reset(struct mg_arena *arena)
{
	struct mg_arena older = { 0 };

	if (!arena->newest)
		return;
	older.newest = arena->newest->older;
	mg_arena_clear(&older);
	arena->newest->older = NULL;
	arena->newest->used = 0;
}
