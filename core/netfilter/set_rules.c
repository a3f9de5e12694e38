/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where an entry names sets, and what those names are in the kernel.
 */
#include "set_rules.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image.h"
#include "ruleset/failure.h"

/* A place, or several in a row, if the data are as large as they have to be. */
static struct xt_set_info *infos_of(const char *name, const char *wanted, uint8_t revision,
				    uint8_t newest, unsigned char *data, size_t size, size_t count)
{
	if (strcmp(name, wanted) != 0 || !revision || revision > newest ||
	    size < count * sizeof(struct xt_set_info))
		return NULL;
	return (struct xt_set_info *)data;
}

static int visit_match(struct xt_entry_match *match,
		       int (*visit)(void *context, struct xt_set_info *info), void *context)
{
	struct xt_set_info *info = infos_of(match->u.user.name, "set", match->u.user.revision, 4,
					    match->data, match->u.match_size - sizeof(*match), 1);

	return info ? visit(context, info) : 0;
}

static int visit_target(struct xt_entry_target *target,
			int (*visit)(void *context, struct xt_set_info *info), void *context)
{
	/* one each to add to and to delete from; revision 3 has one to look up, too */
	const size_t count = target->u.user.revision == 3 ? 3 : 2;
	struct xt_set_info *info = infos_of(target->u.user.name, "SET", target->u.user.revision, 3,
					    target->data, target->u.target_size - sizeof(*target),
					    count);
	size_t i;
	int ret = 0;

	for (i = 0; info && i < count && !ret; i++)
		if (info[i].index != IPSET_INVALID_ID)
			ret = visit(context, &info[i]);
	return ret;
}

int mg_set_rules_each(const struct mg_family_ops *ops, const void *entry,
		      int (*visit)(void *context, struct xt_set_info *info), void *context)
{
	struct xt_entry_target *target;
	struct mg_entry_view view;
	unsigned char *at;
	int ret;

	ops->view((void *)entry, &view);
	target = mg_entry_target(&view, ops);
	for (at = view.elements; at < (unsigned char *)target;) {
		struct xt_entry_match *match = (void *)at;

		ret = mg_names_set(match->u.user.name) ? visit_match(match, visit, context) : 0;
		if (ret)
			return ret;
		at += match->u.match_size;
	}
	return mg_names_set(target->u.user.name) ? visit_target(target, visit, context) : 0;
}

/* What is known of the kernel's indices while one table is read. */
struct learning {
	int fd;
	uint16_t *numbers; /* by index; 0: not asked for yet */
};

static int learn(void *context, struct xt_set_info *info)
{
	struct learning *learning = context;
	uint16_t *number = &learning->numbers[info->index];
	char name[MG_SET_NAME_SIZE];
	int err = 0;

	if (!*number) {
		*number = info->index;
		if (mg_set_kernel_name(learning->fd, info->index, name) == 0)
			err = mg_set_number(name, number);
	}
	info->index = *number;
	return err;
}

int mg_set_rules_learn(struct mg_image *image)
{
	struct learning learning = { .fd = mg_set_kernel_open() };
	size_t i;
	int err = 0;

	if (learning.fd < 0) /* then the indices are all that there is */
		return 0;
	learning.numbers = calloc((size_t)IPSET_INVALID_ID + 1, sizeof(*learning.numbers));
	if (!learning.numbers)
		err = -ENOMEM;
	for (i = 0; i < image->entry_count && !err; i++)
		err = mg_set_rules_each(mg_family_ops(image->family), image->entries[i].bytes,
					learn, &learning);
	free(learning.numbers);
	close(learning.fd);
	return err;
}

/* The name that the kernel is to be asked for. */
static const char *kernel_name(const struct mg_set_binding *binding, const char *name)
{
	size_t i;

	for (i = 0; binding->aliases && i < binding->aliases->count; i++)
		if (strcmp(binding->aliases->items[i].name, name) == 0)
			return binding->aliases->items[i].kernel;
	return name;
}

static int open_kernel(struct mg_set_binding *binding)
{
	int fd = mg_set_kernel_open();

	if (fd >= 0)
		binding->fd = fd + 1;
	return fd < 0 ? fd : 0;
}

static int find(struct mg_set_binding *binding, const struct mg_family_ops *ops, const char *name,
		uint16_t *index)
{
	unsigned int family = NFPROTO_UNSPEC;
	int err = 0;

	/* a kernel that never had a set does not even know the question */
	if (!binding->fd && open_kernel(binding) && binding->make) {
		err = binding->make(name, ops->family);
		if (!err)
			err = open_kernel(binding);
	}
	if (err)
		return err;
	err = binding->fd ? mg_set_kernel_find(binding->fd - 1, name, index, &family) : -ENOENT;
	if (err == -ENOENT && binding->make && !binding->make(name, ops->family))
		err = mg_set_kernel_find(binding->fd - 1, name, index, &family);
	/* a trial makes sets of one family, whose real ones may be of both */
	binding->is_other_family = !err && !binding->make && family != ops->nfproto &&
				   family != NFPROTO_UNSPEC;
	return binding->is_other_family ? -ENOENT : err;
}

static int prepare(struct mg_set_binding *binding)
{
	const size_t most = IPSET_INVALID_ID - MG_SET_FIRST_NUMBER;

	if (binding->indices)
		return 0;
	binding->indices = malloc(most * sizeof(*binding->indices));
	if (!binding->indices)
		return -ENOMEM;
	memset(binding->indices, 0xFF, most * sizeof(*binding->indices));
	binding->count = most;
	return 0;
}

/* The kernel's index for a number of ours, which it replaces. */
static int resolve(struct mg_set_binding *binding, const struct mg_family_ops *ops,
		   uint16_t *number)
{
	const size_t slot = (size_t)*number - MG_SET_FIRST_NUMBER;
	const char *name = mg_set_name(*number);
	int err = 0;

	if (!name || slot >= binding->count) /* the kernel's own */
		return 0;
	if (binding->indices[slot] == IPSET_INVALID_ID)
		err = find(binding, ops, kernel_name(binding, name), &binding->indices[slot]);
	if (err == -ENOENT)
		mg_set_base(name, binding->missing);
	*number = binding->indices[slot];
	return err;
}

/* What mg_set_rules_each() is called with. */
struct bound {
	struct mg_set_binding *binding;
	const struct mg_family_ops *ops;
};

static int bind_one(void *context, struct xt_set_info *info)
{
	const struct bound *bound = context;

	return resolve(bound->binding, bound->ops, &info->index);
}

int mg_set_bind_number(struct mg_set_binding *binding, const struct mg_family_ops *ops,
		       uint16_t number)
{
	int err = prepare(binding);

	return err ? err : resolve(binding, ops, &number);
}

int mg_set_bind(struct mg_set_binding *binding, const struct mg_family_ops *ops, void *entry)
{
	struct bound bound = { binding, ops };
	int err;

	if (!mg_set_any())
		return 0;
	err = prepare(binding);
	return err ? err : mg_set_rules_each(ops, entry, bind_one, &bound);
}

void mg_set_binding_end(struct mg_set_binding *binding)
{
	if (binding->fd)
		close(binding->fd - 1);
	free(binding->indices);
	binding->fd = 0;
	binding->indices = NULL;
	binding->count = 0;
}

int mg_set_missing(const struct mg_set_binding *binding, const struct mg_family_ops *ops,
		   struct mg_error *error)
{
	if (binding->is_other_family)
		return mg_fail(error, -ENOENT, MG_INVALID,
			       "The protocol family of set %s is %s, which is not applicable.",
			       binding->missing, ops->family == MG_IPV4 ? "IPv6" : "IPv4");
	return mg_fail(error, -ENOENT, MG_INVALID, "Set %s doesn't exist.", binding->missing);
}
