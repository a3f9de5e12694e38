/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory for one Lua state: small pieces from blocks that are given back all
 * at once, and a limit, so that a policy cannot eat the host.
 */
#ifndef MG_MEMORY_H
#define MG_MEMORY_H

#include <stddef.h>

enum { MG_SMALL_CLASSES = 33, MG_SMALL_STEP = 16 };

/** Zero-initialise all but the limit; end with mg_memory_clear(). */
struct mg_memory {
	size_t limit, used;	      /* bytes */
	void *free[MG_SMALL_CLASSES]; /* pieces given back, by size in steps */
	unsigned char *next, *end;    /* rest of the newest block */
	struct mg_memory_block *blocks;
	struct mg_memory_large *large; /* pieces too large for blocks */
};

/** For lua_newstate(): a lua_Alloc whose @memory is a struct mg_memory. */
void *mg_memory_realloc(void *memory, void *piece, size_t old_size, size_t new_size);

/** Give everything back. The Lua state that lived in it need not be closed. */
void mg_memory_clear(struct mg_memory *memory);

#endif
