/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Does the kernel accept these tables? Asked in a private network namespace,
 * before anything real is touched, because a refused commit names no rule.
 */
#ifndef MG_TRIAL_H
#define MG_TRIAL_H

#include <stdint.h>

#include "image.h"

/* No single entry is to blame. */
#define MG_NO_ENTRY SIZE_MAX

/**
 * Load @images, each into a table of a fresh network namespace, in a child
 * process. Needs root, or a kernel that lets users have namespaces.
 * @culprit: on MG_KERNEL, index in @images of the refused one
 * @entry:   on MG_KERNEL, index of the first entry that the kernel refuses, or
 *           MG_NO_ENTRY where it refuses the table as such
 * Errors: MG_KERNEL with the kernel's reason, or that it gives a rule back as
 * another one, so that a commit could not be believed; MG_ENVIRONMENT where no
 * namespace is to be had (nothing is known then).
 */
int mg_trial(const struct mg_image *const *images, size_t count, size_t *culprit, size_t *entry,
	     struct mg_error *error);

#endif
