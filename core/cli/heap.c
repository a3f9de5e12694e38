/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A large table is read, compiled and compared in a few tens of megabytes,
 * once; most of the time that this takes in the kernel is page faults. Huge
 * pages (madvise(2), MADV_HUGEPAGE) make them a five-hundredth, which is a
 * tenth of a plan of 10,000 rules. What is freed is kept: the next step, or
 * libiptc, takes it again without a fault.
 */
#include "heap.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { HUGE_PAGE = 2 * 1024 * 1024, STRETCH = 256 * 1024 * 1024 };

void prepare_heap(void)
{
	uintptr_t start = (uintptr_t)sbrk(0), end;
	void *volatile piece; /* volatile: or the compiler sees that nobody needs it */

	mallopt(M_MMAP_THRESHOLD, STRETCH);
	mallopt(M_TRIM_THRESHOLD, STRETCH);
	mallopt(M_TOP_PAD, STRETCH); /* address space, not memory */
	piece = malloc(HUGE_PAGE);   /* more than is left of what start-up took */
	free(piece);
	end = (uintptr_t)sbrk(0);
	start = (start + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
	if (end > start)
		madvise((void *)start, end - start, MADV_HUGEPAGE);
}
