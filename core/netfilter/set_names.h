/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The names of the sets that rules look up. The kernel's rules hold an index,
 * which is another one at each boot and in each namespace, and none as long as
 * the set is not there. So the rules of all images hold a number of ours
 * instead, the same for the same name, and a rule gets the kernel's index only
 * when it is written.
 *
 * Owns the list of names, for the life of the process, and no descriptor
 * between calls. The kernel's side is its getsockopt(2) for ipset, which needs
 * CAP_NET_ADMIN.
 */
#ifndef MG_SET_NAMES_H
#define MG_SET_NAMES_H

#include <moongate.h>

#include "ruleset/sets.h"

/** Smaller numbers are the kernel's own, of sets whose names could not be learnt. */
enum { MG_SET_FIRST_NUMBER = 0x8000 };

/** The number that stands for a set of this name. Returns 0, -ENOMEM, or -ENOSPC after 32,000. */
int mg_set_number(const char *name, uint16_t *out);

/** The name that a number stands for, whole; NULL for one of the kernel's own. */
const char *mg_set_name(uint16_t number);

/** Has any rule looked up a set since the process began? Else there is nothing to do. */
bool mg_set_any(void);

/** For the questions below; to be closed. -errno where the kernel has no sets, or may not be asked.
 */
int mg_set_kernel_open(void);

/**
 * The kernel's index of a set.
 * @family: NFPROTO_IPV4, NFPROTO_IPV6, or NFPROTO_UNSPEC for a set of either; may be NULL
 * Returns 0, -ENOENT for no such set, or -errno.
 */
int mg_set_kernel_find(int fd, const char *name, uint16_t *index, unsigned int *family);

/**
 * The families that a set of this name in this network namespace can hold
 * addresses of, as bits 1 << MG_IPV4, 1 << MG_IPV6: both where it is not there
 * or not to be seen, and for a set of either (list:set).
 */
unsigned int mg_set_kernel_families(const char *name);

/** The name that the kernel has for an index. 0, -ENOENT, or -errno. */
int mg_set_kernel_name(int fd, uint16_t index, char out[MG_SET_NAME_SIZE]);

#endif
