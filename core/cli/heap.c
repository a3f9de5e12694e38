/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A large table is read, compiled and compared in a few tens of megabytes,
 * once; most of the time that this takes in the kernel is page faults. Huge
 * pages (madvise(2), MADV_HUGEPAGE) make them a five-hundredth, which is a
 * tenth of a plan of 10,000 rules. What is freed is kept: the next step takes it
 * again without a fault.
 */
#include "heap.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

enum { HUGE_PAGE = 2 * 1024 * 1024, STRETCH = 256 * 1024 * 1024 };

/* Where address space is counted (ulimit -v, strict overcommit) none is taken in advance. */
static bool space_is_free(void)
{
	struct rlimit limit;
	int policy = EOF;
	FILE *file;

	if (getrlimit(RLIMIT_AS, &limit) || limit.rlim_cur != RLIM_INFINITY ||
	    getrlimit(RLIMIT_DATA, &limit) || limit.rlim_cur != RLIM_INFINITY)
		return false;
	file = fopen("/proc/sys/vm/overcommit_memory", "re");
	if (file) {
		policy = fgetc(file);
		fclose(file);
	}
	return policy == '0' || policy == '1'; /* proc_sys_vm(5) */
}

void prepare_heap(void)
{
	uintptr_t start, end;
	void *volatile piece; /* volatile: or the compiler sees that nobody needs it */

	if (!space_is_free())
		return;
	start = (uintptr_t)sbrk(0);
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
