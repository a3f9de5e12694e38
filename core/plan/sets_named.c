/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sets that rules name and that nobody makes: iptables refuses such a rule,
 * and so does a plan, before anything is touched.
 */
#include <errno.h>
#include <string.h>

#include "plan.h"
#include "ruleset/failure.h"
#include "sets.h"

/* Looking for names that stand for nothing. */
struct checking {
	const struct mg_plan *plan;
	const struct mg_family_ops *ops;
	struct mg_set_binding binding; /* asks the kernel once for each name in a table */
};

static int check_use(void *context, struct xt_set_info *info)
{
	struct checking *checking = context;
	const char *name = mg_set_name(info->index);

	if (name && mg_sets_find(mg_ruleset_sets_const(checking->plan->ruleset),
				 checking->ops->family, name) != UINT32_MAX)
		return 0;
	return mg_set_bind_number(&checking->binding, checking->ops, info->index);
}

/* A rule for both families looks into a set of one: say how a policy says so. */
static void add_remedy(const struct checking *checking, struct mg_error *error)
{
	struct mg_error words;

	if (!error || !checking->binding.is_other_family)
		return;
	words = *error;
	mg_set_error(error, MG_INVALID, "%s Say which: set { \"%s\", family = \"%s\" }", words.text,
		     checking->binding.missing, checking->ops->family == MG_IPV4 ? "ipv6" : "ipv4");
}

static int check_table(struct checking *checking, const struct mg_table_plan *table,
		       struct mg_error *error)
{
	size_t i;
	int err = 0;

	checking->ops = mg_family_ops(table->family);
	for (i = 0; i < table->wanted->entry_count && !err; i++) {
		const struct mg_entry *entry = &table->wanted->entries[i];

		err = mg_set_rules_each(checking->ops, entry->bytes, check_use, checking);
		if (!err)
			continue;
		if (err != -ENOENT)
			return mg_fail(error, err, MG_KERNEL, "cannot ask for sets: %s",
				       strerror(-err));
		err = mg_set_missing(&checking->binding, checking->ops, error);
		add_remedy(checking, error);
		mg_error_origin(error, mg_plan_origin(checking->plan, entry));
	}
	return err;
}

int mg_sets_check_names(const struct mg_plan *plan, struct mg_error *error)
{
	struct checking checking = { .plan = plan };
	size_t i;
	int err = 0;

	for (i = 0; i < plan->table_count && !err && mg_set_any(); i++) {
		err = check_table(&checking, &plan->tables[i], error);
		/* the next table may be of the other family */
		mg_set_binding_end(&checking.binding);
	}
	return err;
}
