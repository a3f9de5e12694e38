/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A large table is read, compiled and compared in a few tens of megabytes,
 * once; most of the time that this takes in the kernel is page faults. What is
 * freed is kept: the next step takes it again without a fault.
 *
 * No huge pages: they are a tenth quicker where the machine has them at hand,
 * and five times as slow in a virtual one whose host has taken them back.
 */
#include "heap.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/resource.h>

enum { STRETCH = 256 * 1024 * 1024 };

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
	if (!space_is_free())
		return;
	mallopt(M_MMAP_THRESHOLD, STRETCH);
	mallopt(M_TRIM_THRESHOLD, STRETCH);
	mallopt(M_TOP_PAD, STRETCH); /* address space, not memory */
}
