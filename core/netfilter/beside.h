/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who else filters on this host: rules of the kernel's nf_tables backend
 * beside ours, and other loaders that start at boot. A packet must pass all
 * of them: an accept here does not override a drop there.
 *
 * Owns nothing that outlives a call. Must not change anything, print or exit.
 */
#ifndef MG_BESIDE_H
#define MG_BESIDE_H

#include <moongate.h>

/**
 * Append a refusal for each chain of nf_tables in this network namespace
 * that filters at input, forward or output (families ip, ip6, inet), and a
 * warning for one that filters elsewhere on the way. A chain without rules
 * whose policy is accept filters nothing. Where nf_tables is not to be had
 * or not to be seen (a plain user) there is nothing to say.
 * Errors: MG_ENVIRONMENT.
 */
int mg_beside_read(struct mg_notes *notes, struct mg_error *error);

/**
 * Append a warning for each other firewall that is enabled at boot.
 * @root: where the file system begins: "/", or a folder for tests
 * @ours: services that load what Moongate gives them, ended by NULL; NULL: none
 * Errors: MG_ENVIRONMENT.
 */
int mg_beside_loaders(const char *root, const char *const *ours, struct mg_notes *notes,
		      struct mg_error *error);

/**
 * Does systemd start a unit ("moongate.service") at boot, as "systemctl enable"
 * makes it? @root: as above
 */
bool mg_boot_is_enabled(const char *root, const char *service);

#endif
