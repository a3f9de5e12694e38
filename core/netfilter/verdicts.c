/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Numbers from linux/netfilter.h; a table holds a verdict as -verdict - 1, so
 * that it is no offset.
 */
#include "verdicts.h"

#include <linux/netfilter.h>
#include <linux/netfilter/x_tables.h>
#include <string.h>

static const struct {
	const char *name;
	int number;
} verdicts[] = {
	{ "ACCEPT", -NF_ACCEPT - 1 },
	{ "DROP", -NF_DROP - 1 },
	{ "QUEUE", -NF_QUEUE - 1 },
	{ "RETURN", XT_RETURN },
};

enum { VERDICTS = sizeof(verdicts) / sizeof(*verdicts) };

static const char *const hooks[NF_INET_NUMHOOKS] = {
	[NF_INET_PRE_ROUTING] = "PREROUTING",	[NF_INET_LOCAL_IN] = "INPUT",
	[NF_INET_FORWARD] = "FORWARD",		[NF_INET_LOCAL_OUT] = "OUTPUT",
	[NF_INET_POST_ROUTING] = "POSTROUTING",
};

const char *mg_verdict_name(int verdict)
{
	size_t i;

	for (i = 0; i < VERDICTS; i++)
		if (verdicts[i].number == verdict)
			return verdicts[i].name;
	return NULL;
}

int mg_verdict_number(const char *name)
{
	size_t i;

	for (i = 0; i < VERDICTS; i++)
		if (strcmp(verdicts[i].name, name) == 0)
			return verdicts[i].number;
	return 0;
}

const char *mg_verdict_at(size_t index)
{
	return index < VERDICTS ? verdicts[index].name : NULL;
}

const char *mg_hook_name(unsigned int hook)
{
	return hook < NF_INET_NUMHOOKS ? hooks[hook] : NULL;
}

int mg_hook_number(const char *chain)
{
	int hook;

	for (hook = 0; hook < NF_INET_NUMHOOKS; hook++)
		if (strcmp(hooks[hook], chain) == 0)
			return hook;
	return -1;
}
