/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The allocator of a Lua state. Lua tells the size of what it gives back, so
 * small pieces need no header and no search: a list of free ones per size.
 */
#include "memory.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK_SIZE = 256 * 1024, LARGEST_SMALL = (MG_SMALL_CLASSES - 1) * MG_SMALL_STEP };

struct mg_memory_block {
	struct mg_memory_block *older;
	_Alignas(MG_SMALL_STEP) unsigned char bytes[];
};

/* In front of a large piece. */
struct mg_memory_large {
	_Alignas(MG_SMALL_STEP) struct mg_memory_large *next, *before;
};

static size_t class_of(size_t size)
{
	return (size + MG_SMALL_STEP - 1) / MG_SMALL_STEP;
}

static void *take_small(struct mg_memory *memory, size_t size)
{
	const size_t class = class_of(size);
	void *piece = memory->free[class];

	if (piece) {
		memory->free[class] = *(void **)piece;
		return piece;
	}
	if ((size_t)(memory->end - memory->next) < class * MG_SMALL_STEP) {
		struct mg_memory_block *block = malloc(sizeof(*block) + BLOCK_SIZE);

		if (!block)
			return NULL;
		block->older = memory->blocks;
		memory->blocks = block;
		memory->next = block->bytes;
		memory->end = block->bytes + BLOCK_SIZE;
	}
	piece = memory->next;
	memory->next += class * MG_SMALL_STEP;
	return piece;
}

static void give_small(struct mg_memory *memory, void *piece, size_t size)
{
	const size_t class = class_of(size);

	*(void **)piece = memory->free[class];
	memory->free[class] = piece;
}

static void unlink_large(struct mg_memory *memory, struct mg_memory_large *large)
{
	if (large->before)
		large->before->next = large->next;
	else
		memory->large = large->next;
	if (large->next)
		large->next->before = large->before;
}

static void link_large(struct mg_memory *memory, struct mg_memory_large *large)
{
	large->before = NULL;
	large->next = memory->large;
	if (large->next)
		large->next->before = large;
	memory->large = large;
}

static void *resize_large(struct mg_memory *memory, void *piece, size_t size)
{
	struct mg_memory_large *large = piece ? (struct mg_memory_large *)piece - 1 : NULL;
	struct mg_memory_large *moved;

	if (large)
		unlink_large(memory, large);
	moved = realloc(large, sizeof(*large) + size);
	if (!moved) {
		if (large)
			link_large(memory, large);
		return NULL;
	}
	link_large(memory, moved);
	return moved + 1;
}

static void give(struct mg_memory *memory, void *piece, size_t size)
{
	struct mg_memory_large *large;

	if (!piece)
		return;
	memory->used -= size;
	if (size <= LARGEST_SMALL) {
		give_small(memory, piece, size);
		return;
	}
	large = (struct mg_memory_large *)piece - 1;
	unlink_large(memory, large);
	free(large);
}

void *mg_memory_realloc(void *data, void *piece, size_t old_size, size_t new_size)
{
	struct mg_memory *memory = data;
	void *fresh;

	if (!piece)
		old_size = 0; /* Lua says what kind of object is to come */
	if (new_size == 0) {
		give(memory, piece, old_size);
		return NULL;
	}
	if (new_size > old_size && new_size - old_size > memory->limit - memory->used)
		return NULL;
	if (piece && old_size <= LARGEST_SMALL && class_of(old_size) == class_of(new_size)) {
		memory->used += new_size - old_size;
		return piece;
	}
	if (new_size > LARGEST_SMALL && (!piece || old_size > LARGEST_SMALL)) {
		fresh = resize_large(memory, piece, new_size);
		if (fresh)
			memory->used += new_size - old_size;
		return fresh;
	}
	fresh = new_size > LARGEST_SMALL ? resize_large(memory, NULL, new_size)
					 : take_small(memory, new_size);
	if (!fresh)
		return NULL;
	memory->used += new_size;
	if (piece) {
		memcpy(fresh, piece, old_size < new_size ? old_size : new_size);
		give(memory, piece, old_size);
	}
	return fresh;
}

void mg_memory_clear(struct mg_memory *memory)
{
	while (memory->blocks) {
		struct mg_memory_block *older = memory->blocks->older;

		free(memory->blocks);
		memory->blocks = older;
	}
	while (memory->large) {
		struct mg_memory_large *next = memory->large->next;

		free(memory->large);
		memory->large = next;
	}
	*memory = (struct mg_memory){ 0 };
}
