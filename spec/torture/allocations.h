/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where allocations.c tells that it has let an allocation fail. */
#ifndef SPEC_TORTURE_ALLOCATIONS_H
#define SPEC_TORTURE_ALLOCATIONS_H

enum { ALLOCATION_FD = 200 };

#endif
