/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rules for a host of which it is not known any more what it allows: it
 * stays closed, and its operators can get in.
 */
#ifndef MG_MINIMAL_H
#define MG_MINIMAL_H

#include <moongate.h>

/**
 * As iptables-save text of one family: table filter with the policy DROP in each
 * chain; established connections, loopback, what IPv6 cannot live without, DHCP,
 * and ssh.
 * @operators: who may come by ssh, as mg_state_operators() has it; NULL: that is
 *             not known, so everybody may, and sshd asks who it is
 * @stateless: without connection tracking, which a kernel may not have: answers
 *             of ssh go out, and only that is established
 * @out: to be freed with free(3)
 */
int mg_minimal_text(enum mg_family family, const char *operators, bool stateless, char **out,
		    struct mg_error *error);

/** Whom they let in by ssh, in words. @operators: as above */
void mg_minimal_describe(const char *operators, char *out, size_t size);

#endif
