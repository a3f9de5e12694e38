/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The options of rules that name sets, as the plugins print them, from the
 * names that are known instead of the kernel's.
 */
#include <stdio.h>

#include "set_rules.h"

/* A kernel without them has fewer dimensions than there are bits. */
enum { MOST_DIMENSIONS = 7 };

static bool is_whole;

void mg_print_set_whole(bool whole)
{
	is_whole = whole;
}

static void print_name(uint16_t number)
{
	const char *name = mg_set_name(number);
	char base[MG_SET_NAME_SIZE];

	if (!name) {
		printf("[unknown set %u]", number);
		return;
	}
	mg_set_base(name, base);
	fputs(is_whole ? name : base, stdout);
}

static void print_set(const char *option, const struct xt_set_info *info)
{
	unsigned int i;

	printf("%s %s ", info->flags & IPSET_INV_MATCH ? " !" : "", option);
	print_name(info->index);
	for (i = 1; i <= info->dim && i <= MOST_DIMENSIONS; i++)
		printf("%c%s", i == 1 ? ' ' : ',', info->flags & 1U << i ? "src" : "dst");
}

static void print_counter(const char *what, uint8_t op, unsigned long long value)
{
	static const char *const names[] = {
		[IPSET_COUNTER_EQ] = "eq",
		[IPSET_COUNTER_NE] = "eq",
		[IPSET_COUNTER_LT] = "lt",
		[IPSET_COUNTER_GT] = "gt",
	};

	if (op > IPSET_COUNTER_NONE && op < sizeof(names) / sizeof(*names))
		printf("%s --%s-%s %llu", op == IPSET_COUNTER_NE ? " !" : "", what, names[op],
		       value);
}

static void print_lookup_flags(uint32_t flags)
{
	if (flags & IPSET_FLAG_RETURN_NOMATCH)
		fputs(" --return-nomatch", stdout);
	if (flags & IPSET_FLAG_SKIP_COUNTER_UPDATE)
		fputs(" ! --update-counters", stdout);
	if (flags & IPSET_FLAG_SKIP_SUBCOUNTER_UPDATE)
		fputs(" ! --update-subcounters", stdout);
}

bool mg_print_set_match(const struct xt_entry_match *match)
{
	const struct xt_set_info_match_v1 *v1 = (const void *)match->data;
	const struct xt_set_info_match_v3 *v3 = (const void *)match->data;
	const struct xt_set_info_match_v4 *v4 = (const void *)match->data;

	if (match->u.user.revision < 1 || match->u.user.revision > 4)
		return false;
	print_set("--match-set", &v1->match_set);
	switch (match->u.user.revision) {
	case 2:
		if (v1->match_set.flags & IPSET_RETURN_NOMATCH)
			fputs(" --return-nomatch", stdout);
		break;
	case 3:
		print_lookup_flags(v3->flags);
		print_counter("packets", v3->packets.op, v3->packets.value);
		print_counter("bytes", v3->bytes.op, v3->bytes.value);
		break;
	case 4:
		print_lookup_flags(v4->flags);
		print_counter("packets", v4->packets.op, v4->packets.value);
		print_counter("bytes", v4->bytes.op, v4->bytes.value);
		break;
	default: break;
	}
	return true;
}

/* A target never inverts: what else stands in its flags is not printed. */
static void print_use(const char *option, const struct xt_set_info *info)
{
	struct xt_set_info use = *info;

	use.flags &= (uint8_t)~IPSET_INV_MATCH;
	if (use.index != IPSET_INVALID_ID)
		print_set(option, &use);
}

static void print_adding(uint32_t flags, uint32_t timeout)
{
	if (flags & IPSET_FLAG_EXIST)
		fputs(" --exist", stdout);
	if (timeout != UINT32_MAX)
		printf(" --timeout %u", timeout);
}

static void print_map_flags(uint32_t flags)
{
	if (flags & IPSET_FLAG_MAP_SKBMARK)
		fputs(" --map-mark", stdout);
	if (flags & IPSET_FLAG_MAP_SKBPRIO)
		fputs(" --map-prio", stdout);
	if (flags & IPSET_FLAG_MAP_SKBQUEUE)
		fputs(" --map-queue", stdout);
}

bool mg_print_set_target(const struct xt_entry_target *target)
{
	const struct xt_set_info_target_v2 *v2 = (const void *)target->data;
	const struct xt_set_info_target_v3 *v3 = (const void *)target->data;

	if (target->u.user.revision < 1 || target->u.user.revision > 3)
		return false;
	/* all revisions begin with these two */
	print_use("--add-set", &v2->add_set);
	if (target->u.user.revision == 2)
		print_adding(v2->flags, v2->timeout);
	if (target->u.user.revision == 3)
		print_adding(v3->flags, v3->timeout);
	print_use("--del-set", &v2->del_set);
	if (target->u.user.revision == 3) {
		print_use("--map-set", &v3->map_set);
		print_map_flags(v3->flags);
	}
	return true;
}
