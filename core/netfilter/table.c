/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The libiptc backend.
 *
 * A handle holds a copy of the whole table. Edits work on that copy, and the
 * commit replaces the kernel's in one step: there is no moment between.
 * Entries that were not touched keep exact counters, packets in flight
 * included, because the kernel hands the old counters back with the replace.
 */
#include "table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "equal.h"
#include "ruleset/failure.h"
#include "session.h"

/*
 * An edit by number walks the chain's list. Up to this many steps (a few
 * tens of milliseconds) are spent to keep counters exact; beyond, a chain is
 * written anew and the counters just read are set.
 */
enum { STEPS_FOR_EXACT_COUNTERS = 20 * 1000 * 1000 };

/* What libiptc says; it does not always say why. */
static int failure(void)
{
	return errno ? -errno : -EIO;
}

/* 1: it exists, 0: it does not, or -errno. */
static int table_exists(const struct mg_family_ops *ops, const char *table)
{
	char line[XT_TABLE_MAXNAMELEN + 2];
	FILE *names = fopen(ops->tables_path, "re");
	int found = 0;

	if (!names && errno == ENOENT) /* the kernel module is not even loaded */
		return 0;
	/* in a namespace of a user's own the list is not his to read: ask for the table itself */
	if (!names)
		return errno == EACCES ? 1 : failure();
	while (!found && fgets(line, sizeof(line), names)) {
		line[strcspn(line, "\n")] = '\0';
		found = strcmp(line, table) == 0;
	}
	fclose(names);
	return found;
}

/* Is it this process that lacks something, not the rules? */
static bool is_shortage(int err)
{
	return err == -EMFILE || err == -ENFILE || err == -ENOMEM || err == -ENOBUFS;
}

static int open_failed(const struct mg_family_ops *ops, const char *table, int err,
		       struct mg_error *error)
{
	if (err == -EPERM || err == -EACCES)
		return mg_fail(error, err, MG_ENVIRONMENT,
			       "the live tables can only be read by root (CAP_NET_ADMIN)");
	if (err == -ENOPROTOOPT)
		return mg_fail(error, err, MG_ENVIRONMENT,
			       "this kernel has no legacy %s tables (module %s)", ops->name,
			       ops->kernel_module);
	return mg_fail(error, err, is_shortage(err) ? MG_ENVIRONMENT : MG_KERNEL,
		       "cannot read the %s table %s: %s", ops->name, table,
		       is_shortage(err) ? strerror(-err) : ops->iptc.strerror(-err));
}

static struct xtc_handle *open_handle(const struct mg_family_ops *ops, const char *table)
{
	struct xtc_handle *handle = ops->iptc.init(table);

	if (!handle && errno == ENOPROTOOPT && xtables_insmod(ops->kernel_module, NULL, true) == 0)
		handle = ops->iptc.init(table);
	return handle;
}

static int read_chain(struct mg_image *image, const char *name, struct mg_error *error)
{
	const struct mg_family_ops *ops = mg_family_ops(image->family);
	struct mg_entry_view view;
	struct mg_image_chain *chain;
	const void *entry;
	int err;

	/* the kernel takes one byte more than a jump to the chain could name */
	if (strlen(name) >= XT_EXTENSION_MAXNAMELEN)
		return mg_fail(error, -ENAMETOOLONG, MG_KERNEL, "chain %s has too long a name",
			       name);
	err = mg_image_add_chain(image, name, &chain, error);
	if (err)
		return err;
	chain->built_in = ops->iptc.is_builtin(name, image->handle);
	if (chain->built_in)
		chain->policy = ops->iptc.policy(name, &chain->counters, image->handle);
	for (entry = ops->iptc.first_rule(name, image->handle); entry && !err;
	     entry = ops->iptc.next_rule(entry, image->handle)) {
		struct mg_entry read = { .bytes = entry, .rule = MG_NO_RULE };

		ops->view((void *)entry, &view);
		read.target = ops->iptc.target(entry, image->handle);
		read.standard = mg_entry_target(&view, ops)->u.user.name[0] == '\0';
		err = mg_image_add_entry(image, chain, &read, error);
	}
	return err;
}

static int read_chains(struct mg_image *image, struct mg_error *error)
{
	const struct mg_family_ops *ops = mg_family_ops(image->family);
	const char *name;
	int err = 0;

	/* the iterator over chains stands still while rules are walked */
	for (name = ops->iptc.first_chain(image->handle); name && !err;
	     name = ops->iptc.next_chain(image->handle))
		err = read_chain(image, name, error);
	return err;
}

static int fill_absent(struct mg_image *image, struct mg_error *error)
{
	const char *const *names = mg_builtin_chains(image->table);
	struct mg_image_chain *chain;
	int err = 0;

	image->absent = true;
	for (; *names && !err; names++) {
		err = mg_image_add_chain(image, *names, &chain, error);
		if (!err)
			chain->policy = "ACCEPT";
	}
	return err;
}

int mg_table_read(enum mg_family family, const char *table, struct mg_image **out,
		  struct mg_error *error)
{
	const struct mg_family_ops *ops = mg_family_ops(family);
	struct mg_image *image;
	int exists, err = mg_session_open(error);

	if (err)
		return err;
	exists = table_exists(ops, table);
	if (exists < 0)
		return open_failed(ops, table, exists, error);
	err = mg_image_new(family, table, &image, error);
	if (err)
		return err;
	if (exists) {
		image->handle = open_handle(ops, table);
		err = image->handle ? read_chains(image, error)
				    : open_failed(ops, table, failure(), error);
	} else {
		err = fill_absent(image, error);
	}
	if (err) {
		mg_image_free(image);
		return err;
	}
	*out = image;
	return 0;
}

/* A table being rewritten. */
struct writing {
	const struct mg_family_ops *ops;
	struct xtc_handle *handle;
	const struct mg_image *live, *wanted;
	const struct mg_source *sources;    /* NULL: everything is new */
	const struct xt_counters *counters; /* of the live entries */
	bool *touched;			    /* may be NULL */
	unsigned char entry[UINT16_MAX];
};

/* The entry as libiptc wants it: counters, and a verdict or chain by name. */
static const void *prepare_entry(struct writing *writing, uint32_t index)
{
	const struct mg_entry *entry = &writing->wanted->entries[index];
	const struct mg_family_ops *ops = writing->ops;
	struct mg_entry_view view;

	ops->view((void *)entry->bytes, &view);
	memcpy(writing->entry, entry->bytes, *view.next_offset);
	ops->view(writing->entry, &view);
	if (entry->standard)
		strcpy(mg_entry_target(&view, ops)->u.user.name, entry->target);
	if (writing->sources && writing->sources[index].live != MG_NO_RULE)
		*view.counters = writing->counters[writing->sources[index].live];
	return writing->entry;
}

static int rewrite_chain(struct writing *writing, const struct mg_image_chain *wanted)
{
	uint32_t i;

	if (!writing->ops->iptc.flush(wanted->name, writing->handle))
		return failure();
	for (i = 0; i < wanted->count; i++)
		if (!writing->ops->iptc.append(wanted->name,
					       prepare_entry(writing, wanted->first + i),
					       writing->handle))
			return failure();
	return 0;
}

/*
 * From the end to the start, so that the numbers of what is still to come
 * stay what they were.
 */
static int edit_chain(struct writing *writing, const struct mg_image_chain *live,
		      const struct mg_image_chain *wanted, const bool *stays)
{
	const struct mg_iptc *iptc = &writing->ops->iptc;
	uint32_t i = live->count, j = wanted->count;

	while (i || j) {
		if (i && !stays[live->first + i - 1]) {
			if (!iptc->delete (wanted->name, --i, writing->handle))
				return failure();
		} else if (j && !writing->sources[wanted->first + j - 1].kept) {
			if (!iptc->insert(wanted->name, prepare_entry(writing, wanted->first + --j),
					  i, writing->handle))
				return failure();
		} else {
			i--;
			j--;
		}
	}
	return 0;
}

static int write_chain(struct writing *writing, const struct mg_image_chain *wanted,
		       const bool *stays)
{
	const struct mg_image_chain *live = mg_image_find(writing->live, wanted->name);
	uint64_t edits, kept = 0;
	uint32_t i;

	if (!live)
		return rewrite_chain(writing, wanted);
	for (i = 0; i < wanted->count; i++)
		kept += writing->sources[wanted->first + i].kept;
	edits = live->count - kept + wanted->count - kept;
	if (edits == 0)
		return 0;
	if (kept == 0 || edits * (live->count + wanted->count) / 4 > STEPS_FOR_EXACT_COUNTERS)
		return rewrite_chain(writing, wanted);
	return edit_chain(writing, live, wanted, stays);
}

static int create_chains(struct writing *writing)
{
	const struct mg_image *wanted = writing->wanted;
	size_t i;

	for (i = 0; i < wanted->chain_count; i++) {
		const char *name = wanted->chains[i].name;

		if (!wanted->chains[i].built_in && !mg_image_find(writing->live, name) &&
		    !writing->ops->iptc.create(name, writing->handle))
			return failure();
	}
	return 0;
}

/* Two passes: chains that go may still jump to one another. */
static int remove_chains(struct writing *writing)
{
	const struct mg_image *live = writing->live;
	int pass;
	size_t i;

	for (pass = 0; pass < 2; pass++) {
		for (i = 0; i < live->chain_count; i++) {
			const char *name = live->chains[i].name;

			if (live->chains[i].built_in || mg_image_find(writing->wanted, name))
				continue;
			if (!(pass == 0 ? writing->ops->iptc.flush(name, writing->handle)
					: writing->ops->iptc.remove(name, writing->handle)))
				return failure();
		}
	}
	return 0;
}

/*
 * Policies are set even where they do not change: libiptc 1.8.9 would put
 * only what was counted during the commit into their counters.
 */
static int set_policies(struct writing *writing)
{
	const struct mg_image *wanted = writing->wanted;
	struct xt_counters counters;
	size_t i;

	for (i = 0; i < wanted->chain_count; i++) {
		const struct mg_image_chain *chain = &wanted->chains[i];

		if (!chain->built_in)
			continue;
		if (!writing->ops->iptc.policy(chain->name, &counters, writing->handle) ||
		    !writing->ops->iptc.set_policy(chain->name, chain->policy, &counters,
						   writing->handle))
			return failure();
	}
	return 0;
}

/* Which live entries stay in place? NULL without memory. */
static bool *mark_staying(const struct mg_image *live, const struct mg_image *wanted,
			  const struct mg_source *sources)
{
	bool *stays = calloc(live->entry_count + 1, sizeof(*stays));
	size_t i;

	for (i = 0; stays && i < wanted->entry_count; i++)
		if (sources[i].kept)
			stays[sources[i].live] = true;
	return stays;
}

/* Of each live entry, which is gone when it is edited. NULL without memory. */
static struct xt_counters *copy_counters(const struct mg_image *live)
{
	struct xt_counters *counters = calloc(live->entry_count + 1, sizeof(*counters));
	struct mg_entry_view view;
	size_t i;

	for (i = 0; counters && i < live->entry_count; i++) {
		mg_family_ops(live->family)->view((void *)live->entries[i].bytes, &view);
		counters[i] = *view.counters;
	}
	return counters;
}

static int edit_all(struct writing *writing, const bool *stays)
{
	int err = create_chains(writing);
	size_t i;

	for (i = 0; i < writing->wanted->chain_count && !err; i++)
		err = write_chain(writing, &writing->wanted->chains[i], stays);
	if (!err)
		err = remove_chains(writing);
	if (!err)
		err = set_policies(writing);
	if (err)
		return err;
	if (writing->touched)
		*writing->touched = true;
	return writing->ops->iptc.commit(writing->handle) ? 0 : failure();
}

static int write_failed(const struct mg_image *live, int err, struct mg_error *error)
{
	const struct mg_family_ops *ops = mg_family_ops(live->family);

	if (err == -EAGAIN)
		return mg_fail(error, err, MG_BUSY,
			       "somebody else changed the %s table %s at the same moment",
			       ops->name, live->table);
	if (err == -EPERM || err == -EACCES)
		return mg_fail(error, err, MG_ENVIRONMENT,
			       "the tables can only be changed by root (CAP_NET_ADMIN)");
	if (is_shortage(err))
		return mg_fail(error, err, MG_ENVIRONMENT, "cannot write the %s table %s: %s",
			       ops->name, live->table, strerror(-err));
	return mg_fail(error, err, MG_KERNEL, "the kernel refuses the %s table %s: %s", ops->name,
		       live->table, ops->iptc.strerror(-err));
}

int mg_table_write(struct mg_image *live, const struct mg_image *wanted,
		   const struct mg_source *sources, bool *touched, struct mg_error *error)
{
	const struct mg_family_ops *ops = mg_family_ops(live->family);
	struct writing *writing = malloc(sizeof(*writing));
	bool *stays = mark_staying(live, wanted, sources);
	struct xt_counters *counters = copy_counters(live);
	int err;

	if (!writing || !stays || !counters) {
		err = mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for a commit");
		goto out;
	}
	if (!live->handle) { /* absent so far: this creates it */
		live->handle = open_handle(ops, live->table);
		if (!live->handle) {
			err = open_failed(ops, live->table, failure(), error);
			goto out;
		}
	}
	*writing = (struct writing){
		.ops = ops,
		.handle = live->handle,
		.live = live,
		.wanted = wanted,
		.sources = sources,
		.counters = counters,
		.touched = touched,
	};
	err = edit_all(writing, stays);
	if (err)
		err = write_failed(live, err, error);
out:
	free(counters);
	free(stays);
	free(writing);
	return err;
}

int mg_table_fill(const struct mg_image *wanted, size_t limit)
{
	const struct mg_family_ops *ops = mg_family_ops(wanted->family);
	struct writing *writing = malloc(sizeof(*writing));
	size_t i, j, n = 0;
	int err = 0;

	if (!writing)
		return -ENOMEM;
	*writing = (struct writing){ .ops = ops, .wanted = wanted };
	writing->handle = open_handle(ops, wanted->table);
	if (!writing->handle)
		err = failure();
	for (i = 0; i < wanted->chain_count && !err; i++)
		if (!wanted->chains[i].built_in &&
		    !ops->iptc.create(wanted->chains[i].name, writing->handle))
			err = failure();
	for (i = 0; i < wanted->chain_count && !err; i++)
		for (j = 0; j < wanted->chains[i].count && n < limit && !err; j++, n++)
			if (!ops->iptc.append(wanted->chains[i].name,
					      prepare_entry(writing, wanted->chains[i].first + j),
					      writing->handle))
				err = failure();
	if (!err)
		err = set_policies(writing);
	if (!err && !ops->iptc.commit(writing->handle))
		err = failure();
	if (writing->handle)
		ops->iptc.free(writing->handle);
	free(writing);
	return err;
}
