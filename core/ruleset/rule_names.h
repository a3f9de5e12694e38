/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The names in a rule's text, as iptables-save(8) prints it: of the chain or
 * target that it leads to, and of the sets that it looks up or fills. The text is
 * gone through where it is; it need not make sense.
 */
#ifndef MG_RULE_NAMES_H
#define MG_RULE_NAMES_H

#include <stdbool.h>

struct mg_rule_name {
	bool is_set;	/* else it is behind -j or -g */
	char text[128]; /* names of chains and sets are shorter; a longer one is left out */
};

/**
 * The next name.
 * @text: from where on
 * Returns from where to go on, or NULL if there is none.
 */
const char *mg_rule_next_name(const char *text, struct mg_rule_name *out);

#endif
