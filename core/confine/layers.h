/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The layers of confine.h, each in its file. All return 0 or -errno.
 */
#ifndef MG_CONFINE_LAYERS_H
#define MG_CONFINE_LAYERS_H

#include <stdbool.h>
#include <stddef.h>

/** Where address or undefined behaviour is watched, the watcher has needs of its own. */
#if defined(__SANITIZE_ADDRESS__)
#define MG_WATCHED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MG_WATCHED 1
#endif
#endif
#ifndef MG_WATCHED
#define MG_WATCHED 0
#endif

/** Close every descriptor but @fd. A watched process keeps stderr for its report. */
int mg_close_others(int fd);

/** No new privileges from here on; no group, no capability; nobody, if it was root. */
int mg_drop_privileges(bool *own_user);

/** To be called while /proc can be read. */
int mg_limit_resources(size_t memory, unsigned int seconds);

/** No descriptor from here on, but those that are open. */
int mg_limit_descriptors(void);

/** @version: of the kernel's interface, 0 if there is none, which is no error */
int mg_landlock_all(int *version);

/** From here on a system call that is not on the list ends the process (SIGSYS). */
int mg_filter_system_calls(void);

#endif
