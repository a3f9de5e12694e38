/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * To be loaded in front of a program: its n-th allocation fails, n being
 * MOONGATE_ALLOCATION; the processes that it forks go on counting for
 * themselves. What has failed is told by a byte on a descriptor, ALLOCATION_FD.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "spec/torture/allocations.h"

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

static long wanted = -1, seen;

__attribute__((constructor)) static void prepare(void)
{
	const char *text = getenv("MOONGATE_ALLOCATION");

	wanted = text ? atol(text) : -1;
	seen = 0;
}

static bool fails(void)
{
	if (wanted < 0 || ++seen != wanted)
		return false;
	(void)!write(ALLOCATION_FD, "x", 1);
	errno = ENOMEM;
	return true;
}

void *malloc(size_t size)
{
	return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return fails() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
	return fails() ? NULL : __libc_realloc(old, size);
}
