/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * iptables' own options: addresses, interfaces, protocol, target, counters.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "making.h"
#include "meant.h"
#include "verdicts.h"

static void check_target_name(const char *name)
{
	if (!*name)
		mg_refuse("a target needs a name");
	if (strlen(name) >= XT_EXTENSION_MAXNAMELEN)
		mg_refuse("target name `%s' is longer than %d characters", name,
			  XT_EXTENSION_MAXNAMELEN - 1);
}

static void read_jump(struct mg_making *making, const char *name, bool go_to)
{
	const bool is_verdict = mg_verdict_number(name) != 0;

	check_target_name(name);
	making->jump = name;
	if (mg_is_builtin_chain(making->context->table, name))
		mg_refuse("`%s' is a built-in chain: no rule can jump to it", name);
	if (is_verdict || making->context->is_chain(making->context->data, name)) {
		if (go_to && is_verdict)
			mg_refuse("goto `%s' is not a chain", name);
		mg_making_standard_target(making, name);
	} else if (go_to) {
		mg_refuse("goto `%s' is not a chain%s", name, mg_meant_chain(making, name));
	} else {
		mg_making_extension_target(making, name);
	}
	if (go_to)
		*making->view.flags |= making->ops->goto_flag;
}

/* RFC 8200 extension headers: the kernel never sees them as a protocol */
static void warn_never_matched(const struct mg_making *making)
{
	uint16_t protocol = *making->view.protocol;

	if (making->ops->protocol_flag && !making->inverse &&
	    (protocol == IPPROTO_ROUTING || protocol == IPPROTO_FRAGMENT ||
	     protocol == IPPROTO_AH || protocol == IPPROTO_DSTOPTS))
		fprintf(stderr, "protocol %s never matches in IPv6; use the extension match",
			making->protocol);
}

static void read_protocol(struct mg_making *making, char *value)
{
	char *c;

	for (c = value; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	making->protocol = value;
	*making->view.protocol = xtables_parse_protocol(value);
	if (*making->view.protocol == 0 && making->inverse)
		mg_refuse("rule would never match protocol");
	/* "-p all" is no protocol, as iptables-save has it, which prints nothing of it */
	if (*making->view.protocol)
		*making->view.flags |= making->ops->protocol_flag;
	warn_never_matched(making);
}

static void read_interface(const char *value, char *name, unsigned char *mask)
{
	if (!*value)
		mg_refuse("Empty interface is likely to be undesired");
	xtables_parse_interface(value, name, mask);
}

static void read_counters(struct mg_making *making, const char *value)
{
	unsigned long long packets, bytes;
	const char *second = strpbrk(value, ",");
	char *end;

	if (second)
		second++;
	else if (making->next < making->argc && !strchr("-!", *making->argv[making->next]))
		second = making->argv[making->next++];
	else
		mg_refuse("-c requires packet and byte counter");
	packets = strtoull(value, &end, 10);
	if (end == value)
		mg_refuse("-c packet counter not numeric");
	bytes = strtoull(second, &end, 10);
	if (end == second)
		mg_refuse("-c byte counter not numeric");
	making->view.counters->pcnt = packets;
	making->view.counters->bcnt = bytes;
}

/* Each base option once; "!" only where it has a meaning. */
static void note_given(struct mg_making *making, int letter)
{
	static const struct {
		char letter;
		uint8_t flag;
	} inverse[] = {
		{ 's', MG_NOT_SOURCE }, { 'd', MG_NOT_DESTINATION }, { 'p', MG_NOT_PROTOCOL },
		{ 'i', MG_NOT_IN },	{ 'o', MG_NOT_OUT },	     { 'f', MG_NOT_FRAGMENT },
	};
	const char as_given = (char)(letter == 'g' ? 'j' : letter);
	size_t i;

	if (strchr(making->given, as_given))
		mg_refuse("multiple -%c flags not allowed", as_given);
	strncat(making->given, &as_given, 1);
	if (!making->inverse)
		return;
	for (i = 0; i < sizeof(inverse) / sizeof(*inverse); i++) {
		if (inverse[i].letter == letter) {
			*making->view.inverse |= inverse[i].flag;
			return;
		}
	}
	mg_refuse("cannot have ! before -%c", letter);
}

void mg_making_base_option(struct mg_making *making, int letter, char *value)
{
	if (letter != 'm')
		note_given(making, letter);
	else if (making->inverse)
		mg_refuse("unexpected ! flag before --match");
	switch (letter) {
	case 's':
		making->source_text = value;
		mg_making_note_hole(making, MG_HOLE_SOURCE, value, -1, 0);
		break;
	case 'd':
		making->destination_text = value;
		mg_making_note_hole(making, MG_HOLE_DESTINATION, value, -1, 0);
		break;
	case 'p': read_protocol(making, value); break;
	case 'i': read_interface(value, making->view.in, making->view.in_mask); break;
	case 'o': read_interface(value, making->view.out, making->view.out_mask); break;
	case 'j':
	case 'g': read_jump(making, value, letter == 'g'); break;
	case 'm': mg_making_match(making, value); break;
	case 'f':
		if (!making->ops->fragment_flag)
			mg_refuse("`-f' is not supported in IPv6, use -m frag instead");
		*making->view.flags |= making->ops->fragment_flag;
		break;
	case 'c': read_counters(making, value); break;
	}
}
