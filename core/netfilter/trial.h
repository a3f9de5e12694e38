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

/**
 * What the trial's child goes on with when the kernel has taken all images: in
 * another fresh namespace, since what was tried are samples, with empty sets.
 * It tells what it found through memory that it shares with the caller.
 */
struct mg_sequel {
	void (*run)(void *context);
	void *context;
};

/**
 * The same, and then @sequel. Without images there is only that. Where it ended
 * before its time the caller has to see it from what it did not tell.
 */
int mg_trial_then(const struct mg_image *const *images, size_t count,
		  const struct mg_sequel *sequel, size_t *culprit, size_t *entry,
		  struct mg_error *error);

#endif
