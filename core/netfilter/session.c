/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The libxtables session: globals, the family in force, and a cache of the
 * plugins found.
 */
#include "session.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fence.h"
#include "register.h"
#include "ruleset/failure.h"

enum { ANY_REVISION = -1, CACHE_SLOTS = 512 };

/* One plugin that was found, or one that is known not to be there. */
struct found {
	char name[XT_EXTENSION_MAXNAMELEN];
	int revision;
	uint8_t kind; /* 0: free slot, 'm', 't' */
	uint8_t family;
	void *plugin;
};

static struct {
	bool open;
	const struct mg_family_ops *ops;
	struct found cache[CACHE_SLOTS];
} session = { .ops = &mg_families[MG_IPV4] };

static bool kernel_has(int fd, struct xt_get_revision *query, int option)
{
	socklen_t size = sizeof(*query);

	return getsockopt(fd, session.ops->socket_level, option, query, &size) == 0;
}

/*
 * Does the kernel have this revision of an extension? Somebody without
 * CAP_NET_RAW cannot ask, and gets the newest that libxtables knows. Asked
 * once for each plugin, so the socket is not kept: a forked guard has none.
 */
static int has_revision(const char *name, uint8_t revision, int option)
{
	struct xt_get_revision query = { .revision = revision };
	int fd = socket(session.ops->nfproto, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	bool has;

	if (fd < 0)
		return 1;
	strncpy(query.name, name, sizeof(query.name) - 1);
	has = kernel_has(fd, &query, option);
	if (!has && errno == ENOPROTOOPT &&
	    xtables_insmod(session.ops->kernel_module, NULL, true) == 0)
		has = kernel_has(fd, &query, option);
	close(fd);
	/* revision 0 is let through: the kernel's refusal says more than ours could */
	return has || revision == 0;
}

/*
 * The one option is for libxtables' own merging, which is not used here, but
 * which wants a terminated array.
 */
static struct option no_options[] = { { 0 } };

static struct xtables_globals globals = {
	.program_name = "moongate",
	.program_version = MG_VERSION,
	.orig_opts = no_options,
	.exit_err = mg_fence_error,
	.compat_rev = has_revision,
};

int mg_session_open(struct mg_error *error)
{
	int err;

	if (session.open)
		return 0;
	err = mg_fence_open(error);
	if (!err)
		err = mg_register_open(error);
	if (err)
		return err;
	if (xtables_init_all(&globals, session.ops->nfproto) < 0)
		return mg_fail(error, -EINVAL, MG_ENVIRONMENT, "libxtables does not initialise");
	session.open = true;
	return 0;
}

void mg_session_family(enum mg_family family)
{
	if (session.ops->family == family)
		return;
	session.ops = mg_family_ops(family);
	xtables_set_nfproto(session.ops->nfproto);
}

const struct mg_family_ops *mg_session_ops(void)
{
	return session.ops;
}

/* The slot of a plugin, or the free one where it belongs. */
static struct found *cache_slot(uint8_t kind, const char *name, int revision)
{
	uint32_t hash = kind * 31U + session.ops->nfproto + (uint32_t)revision * 131U;
	const char *c;
	unsigned int i;

	for (c = name; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 16777619U;
	for (i = 0; i < CACHE_SLOTS; i++) {
		struct found *slot = &session.cache[(hash + i) % CACHE_SLOTS];

		if (slot->kind == 0 ||
		    (slot->kind == kind && slot->revision == revision &&
		     slot->family == session.ops->nfproto && strcmp(slot->name, name) == 0))
			return slot;
	}
	return NULL;
}

static void fill_slot(struct found *slot, uint8_t kind, const char *name, int revision,
		      void *plugin)
{
	if (!slot || !plugin) /* a full cache is only slower; absence is rare */
		return;
	slot->kind = kind;
	slot->family = session.ops->nfproto;
	slot->revision = revision;
	slot->plugin = plugin;
	strcpy(slot->name, name);
}

static bool usable_name(const char *name)
{
	return *name && strlen(name) < XT_EXTENSION_MAXNAMELEN;
}

static struct xtables_match *match_of(const char *name, int revision)
{
	struct found *slot;
	struct xtables_match *match;

	if (!usable_name(name))
		return NULL;
	slot = cache_slot('m', name, revision);
	if (slot && slot->kind)
		return slot->plugin;
	match = xtables_find_match(name, XTF_TRY_LOAD, NULL);
	if (match && revision != ANY_REVISION)
		match = xtables_find_match_revision(name, XTF_TRY_LOAD, match, revision);
	fill_slot(slot, 'm', name, revision, match);
	return match;
}

struct target_query {
	const char *name;
	struct xtables_target *found;
};

static int load_target(void *context)
{
	struct target_query *query = context;

	query->found = xtables_find_target(query->name, XTF_LOAD_MUST_SUCCEED);
	return 0;
}

/*
 * libxtables remembers the name of a target that it did not find, without
 * its family: looking for HL under IPv4 would make it vanish from IPv6. Only
 * XTF_LOAD_MUST_SUCCEED neither asks that memory nor adds to it.
 */
static struct xtables_target *target_by_name(const char *name)
{
	struct target_query query = { .name = name };

	return mg_fence_run(load_target, &query, NULL) == 0 ? query.found : NULL;
}

static struct xtables_target *target_of(const char *name, int revision)
{
	struct found *slot;
	struct xtables_target *target;

	if (!usable_name(name))
		return NULL;
	slot = cache_slot('t', name, revision);
	if (slot && slot->kind)
		return slot->plugin;
	target = target_by_name(name);
	if (target && revision != ANY_REVISION)
		target = xtables_find_target_revision(name, XTF_DONT_LOAD, target, revision);
	fill_slot(slot, 't', name, revision, target);
	return target;
}

struct xtables_match *mg_find_match(const char *name)
{
	return match_of(name, ANY_REVISION);
}

struct xtables_target *mg_find_target(const char *name)
{
	return target_of(name, ANY_REVISION);
}

struct xtables_match *mg_find_match_revision(const char *name, uint8_t revision)
{
	return match_of(name, revision);
}

struct xtables_target *mg_find_target_revision(const char *name, uint8_t revision)
{
	return target_of(name, revision);
}
