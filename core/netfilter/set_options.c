/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The options that name sets, read without asking the kernel. What is refused
 * is refused in the plugins' words; all their other options, and what has to be
 * there in the end, are theirs: what their own reading would have left in
 * mflags and tflags is left here, too.
 */
#include <stdio.h>
#include <string.h>

#include "making.h"
#include "set_rules.h"

/* What the target's final check looks for. */
enum { TARGET_ADD = 0x1, TARGET_DELETE = 0x2, TARGET_MAP = 0x10 };

/* "src,dst" and so on: which address or port is looked up in which dimension. */
static void read_directions(struct mg_making *making, const char *directions,
			    struct xt_set_info *info)
{
	char *rest = mg_arena_string(&making->scratch, directions);
	const char *one;

	if (!rest)
		mg_refuse("out of memory");
	while (info->dim < IPSET_DIM_MAX && (one = strsep(&rest, ","))) {
		info->dim++;
		/* "srcip" is taken as well */
		if (strncmp(one, "src", 3) == 0)
			info->flags |= (uint8_t)(1U << info->dim);
		else if (strncmp(one, "dst", 3) != 0)
			mg_refuse("You must spefify (the comma separated list of) 'src' or 'dst'.");
	}
	if (rest)
		mg_refuse("Can't be more src/dst options than %i.", IPSET_DIM_MAX);
}

static void read_set(struct mg_making *making, const char *option, const char *name,
		     struct xt_set_info *info)
{
	const char *directions = making->argv[making->next];

	if (info->dim)
		mg_refuse("--%s can be specified only once", option);
	if (!directions || *directions == '-' || *directions == '!')
		mg_refuse("--%s requires two args.", option);
	if (strlen(name) > IPSET_MAXNAMELEN - 1)
		mg_refuse("setname `%s' too long, max %d characters.", name, IPSET_MAXNAMELEN - 1);
	/* no set has such a name */
	if (!*name)
		mg_refuse("Set %s doesn't exist.", name);
	if (mg_set_number(name, &info->index))
		mg_refuse("more sets than can be told apart, or out of memory");
	read_directions(making, directions, info);
	making->next++;
}

static bool read_match(struct mg_making *making, struct xtables_match *match, const char *option,
		       const char *name)
{
	struct xt_set_info *info = (void *)match->m->data;

	if (strcmp(option, "set") == 0)
		fputs("--set option deprecated, please use --match-set\n", stderr);
	else if (strcmp(option, "match-set") != 0)
		return false;
	if (!info->dim && making->inverse)
		info->flags |= IPSET_INV_MATCH;
	read_set(making, "match-set", name, info);
	match->mflags = 1;
	return true;
}

static bool read_target(struct mg_making *making, struct xtables_target *target, const char *option,
			const char *name)
{
	static const struct {
		const char *option;
		unsigned int flag;
	} options[] = { { "add-set", TARGET_ADD },
			{ "del-set", TARGET_DELETE },
			{ "map-set", TARGET_MAP } };
	struct xt_set_info *infos = (void *)target->t->data;
	size_t i;

	for (i = 0; i < sizeof(options) / sizeof(*options); i++) {
		if (strcmp(option, options[i].option) != 0)
			continue;
		read_set(making, option, name, &infos[i]);
		target->tflags |= options[i].flag;
		return true;
	}
	return false;
}

bool mg_making_set_option(struct mg_making *making, const struct mg_option *option,
			  const char *value, int owner)
{
	struct xtables_match *match;

	if (option->entry || !value)
		return false;
	if (owner == MG_TARGET_OWNER) {
		if (strcmp(making->target.name, "SET") != 0 || !making->target.revision ||
		    making->target.revision > 3)
			return false;
		return read_target(making, &making->target, option->name, value);
	}
	match = &making->matches[owner];
	if (strcmp(match->name, "set") != 0 || !match->revision || match->revision > 4)
		return false;
	return read_match(making, match, option->name, value);
}
