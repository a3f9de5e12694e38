/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Facts about a host as JSON, both ways; moongate(8), FACTS, is its
 * description. An object:
 *
 *   "name"        the host's name; "" if it is left out
 *   "ipv6"        whether it has IPv6; true if it is left out
 *   "interfaces"  a list; an element is an interface's name alone, or
 *                 { "name", "up" (true), "loopback" (true for lo),
 *                   "leased" (false), "leased6" (false), "addresses" ([]) }
 *   "addresses"   addresses of the host; those of its interfaces need not be
 *                 among them
 *   "facts"       an object of the administrator's own
 *
 * What a file says is for a firewall, so it is read strictly: an unknown key,
 * a key that stands twice, a wrong type, a null, a bad address are errors.
 * None of them quotes more of the file than keys.
 */
#ifndef MG_ENGINE_FACTS_H
#define MG_ENGINE_FACTS_H

#include "policy/pins.h"
#include "ruleset/host.h"

/**
 * Read a file of at most 4 MiB.
 * @out:    to be freed with mg_host_free(); sorted
 * @sha256: of all that was read
 * Errors: MG_INVALID, with "FILE:LINE:COLUMN" where it is no JSON, else with
 * the path of the value ("FILE: interfaces[0].up"); MG_ENVIRONMENT.
 */
int mg_facts_read(const char *file, struct mg_host **out, char sha256[MG_SHA256_SIZE],
		  struct mg_error *error);

/**
 * Write what mg_facts_read() reads back as the same.
 * @out: to be freed with free(3); ends with a newline
 * Errors: MG_ENVIRONMENT, also where a name is no UTF-8, as JSON must be.
 */
int mg_facts_write(const struct mg_host *host, char **out, struct mg_error *error);

#endif
