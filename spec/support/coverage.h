/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Included in front of every file of a build for `make coverage`: a process
 * that ends by _exit(), as guards do, writes down what it has run through.
 * Not so the confined child, which may neither open a file nor write one.
 */
#ifndef SPEC_COVERAGE_H
#define SPEC_COVERAGE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <sys/resource.h>
#include <unistd.h>

void __gcov_dump(void);

__attribute__((noreturn)) static inline void exit_covered(int code)
{
	struct rlimit file_size;

	if (getrlimit(RLIMIT_FSIZE, &file_size) == 0 && file_size.rlim_cur != 0)
		__gcov_dump();
	_exit(code);
}

#define _exit(code) exit_covered(code)

#endif
