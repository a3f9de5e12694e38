/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The names that a policy asks resolve() for. What it gets stands in a lock file
 * beside it, so that a boot needs no DNS and the same policy gives the same
 * rules; only mg_engine_resolve() looks names up, here and not in the policy.
 */
#include <errno.h>
#include <libgen.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "policy/resolved.h"
#include "ruleset/failure.h"
#include "ruleset/growable.h"

struct mg_lookups {
	char *folder, *file, *path; /* of the lock file, and both together */
	struct mg_resolved locked;  /* what it has */
	bool exists;

	/* looking up anew */
	struct mg_resolved fresh;
	struct mg_error failure; /* of the first name that could not be looked up */
	bool failed;
	struct mg_resolved all; /* the names of both */
	struct mg_name_change *changes;
	size_t capacity;
	struct mg_resolution resolution;
};

void mg_lookups_free(struct mg_lookups *lookups)
{
	size_t i;

	if (!lookups)
		return;
	for (i = 0; i < lookups->resolution.change_count; i++)
		free((char *)lookups->changes[i].address);
	free(lookups->changes);
	mg_resolved_clear(&lookups->locked);
	mg_resolved_clear(&lookups->fresh);
	mg_resolved_clear(&lookups->all);
	free(lookups->folder);
	free(lookups->file);
	free(lookups->path);
	free(lookups);
}

/* "policy.resolved" beside "policy.lua" */
static int name_lock(const char *policy, struct mg_lookups *lookups)
{
	const char *slash = strrchr(policy, '/'), *own = slash ? slash + 1 : policy;
	const char *ending = strrchr(own, '.');
	const size_t length = ending && strcmp(ending, ".lua") == 0 ? (size_t)(ending - own)
								    : strlen(own);
	char *copy = strdup(policy);

	if (!copy)
		return -ENOMEM;
	lookups->folder = strdup(dirname(copy));
	free(copy);
	if (asprintf(&lookups->file, "%.*s.resolved", (int)length, own) < 0)
		lookups->file = NULL;
	if (!lookups->folder || !lookups->file ||
	    asprintf(&lookups->path, "%s/%s", lookups->folder, lookups->file) < 0)
		lookups->path = NULL;
	return lookups->folder && lookups->file && lookups->path ? 0 : -ENOMEM;
}

/* Learn what the lock file has, if there is one; it may be no more open than a module. */
static int read_lock(struct mg_engine *engine, struct mg_lookups *lookups, struct mg_error *error)
{
	const char *const folders[] = { lookups->folder, NULL };
	const char *folder;
	size_t length;
	char *text;
	int err = mg_sources_find(&engine->sources, MG_SOURCE_NAMES, folders, lookups->file,
				  lookups->file, &folder, &text, &length, error);

	if (err == -ENOENT)
		return 0;
	if (err)
		return err;
	lookups->exists = true;
	err = mg_resolved_parse(lookups->path, text, length, &lookups->locked, error);
	free(text);
	return err;
}

static int know_lock(struct mg_engine *engine, struct mg_error *error)
{
	struct mg_lookups *lookups;
	int err;

	if (engine->lookups)
		return 0;
	lookups = calloc(1, sizeof(*lookups));
	if (!lookups || name_lock(engine->request.policy, lookups))
		err = mg_engine_no_memory(error);
	else
		err = read_lock(engine, lookups, error);
	if (err)
		mg_lookups_free(lookups);
	else
		engine->lookups = lookups;
	return err;
}

static int find_locked(void *context, const char *name, const struct mg_resolved_name **out,
		       struct mg_error *error)
{
	struct mg_engine *engine = context;
	int err = know_lock(engine, error);

	if (err)
		return err;
	*out = mg_resolved_find(&engine->lookups->locked, name);
	return *out ? 0
		    : mg_fail(error, -ENOENT, MG_INVALID,
			      "\"%s\" is not in %s: run `moongate resolve %s', which looks it up "
			      "and writes it there",
			      name, engine->lookups->path, engine->request.policy);
}

struct mg_name_source mg_engine_locked_names(struct mg_engine *engine)
{
	return (struct mg_name_source){ .find = find_locked, .context = engine };
}

static int take_answers(const struct addrinfo *answers, struct mg_resolved_name *name)
{
	int err = 0;

	for (; answers && !err; answers = answers->ai_next) {
		const void *address = answers->ai_addr;

		if (answers->ai_family == AF_INET)
			err = mg_resolved_add_address(
				name, MG_IPV4, &((const struct sockaddr_in *)address)->sin_addr);
		else if (answers->ai_family == AF_INET6)
			err = mg_resolved_add_address(
				name, MG_IPV6, &((const struct sockaddr_in6 *)address)->sin6_addr);
	}
	return err;
}

/* @error gets what @code of getaddrinfo(3) means for @name. */
static int not_found(const char *name, int code, struct mg_error *error)
{
	const int number = code == EAI_SYSTEM ? errno : EIO;

	if (code == EAI_NONAME || code == EAI_NODATA)
		return mg_fail(error, -ENOENT, MG_INVALID,
			       "\"%s\" does not exist, or has no address", name);
	return mg_fail(error, -number, MG_ENVIRONMENT, "\"%s\" cannot be looked up: %s", name,
		       code == EAI_SYSTEM ? strerror(number) : gai_strerror(code));
}

static int look_up(struct mg_lookups *lookups, const char *name,
		   const struct mg_resolved_name **out, struct mg_error *error)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	struct mg_resolved_name *entry = mg_resolved_find(&lookups->fresh, name);
	struct addrinfo *answers = NULL;
	int code, err;

	if (!entry) {
		code = getaddrinfo(name, NULL, &hints, &answers);
		if (code)
			return not_found(name, code, error);
		entry = mg_resolved_add(&lookups->fresh, name);
		err = entry ? take_answers(answers, entry) : -ENOMEM;
		freeaddrinfo(answers);
		if (err)
			return mg_engine_no_memory(error);
		entry->asked = true;
	}
	*out = entry;
	return 0;
}

/* A failure is kept: the policy might catch it, and the name would get lost. */
static int find_fresh(void *context, const char *name, const struct mg_resolved_name **out,
		      struct mg_error *error)
{
	struct mg_lookups *lookups = context;
	int err = look_up(lookups, name, out, error);

	if (err && !lookups->failed) {
		lookups->failed = true;
		lookups->failure = *error;
	}
	return err;
}

static int add_change(struct mg_lookups *lookups, const char *name,
		      const struct mg_resolved_address *address, bool added)
{
	struct mg_resolution *resolution = &lookups->resolution;
	struct mg_name_change *change;
	char text[INET6_ADDRSTRLEN];

	if (mg_make_room((void **)&lookups->changes, &lookups->capacity,
			 resolution->change_count + 1, sizeof(*lookups->changes)))
		return -ENOMEM;
	resolution->changes = lookups->changes;
	change = &lookups->changes[resolution->change_count];
	*change = (struct mg_name_change){
		.name = name,
		.address = strdup(mg_resolved_text(address, text)),
		.added = added,
	};
	if (!change->address)
		return -ENOMEM;
	resolution->change_count++;
	return 0;
}

/* The addresses of @name that @one has and @other has not. */
static int compare(struct mg_lookups *lookups, const char *name, const struct mg_resolved *one,
		   const struct mg_resolved *other, bool added)
{
	const struct mg_resolved_name *here = mg_resolved_find(one, name);
	const struct mg_resolved_name *there = mg_resolved_find(other, name);
	size_t i;
	int err = 0;

	for (i = 0; here && i < here->count && !err; i++)
		if (!there || !mg_resolved_has(there, &here->addresses[i]))
			err = add_change(lookups, name, &here->addresses[i], added);
	return err;
}

/* Take over into the fresh names what was not asked for, since another host may. */
static int keep_others(struct mg_lookups *lookups)
{
	size_t i, k;

	for (i = 0; i < lookups->locked.count; i++) {
		const struct mg_resolved_name *old = &lookups->locked.names[i];
		struct mg_resolved_name *name = mg_resolved_add(&lookups->fresh, old->name);

		if (!name)
			return -ENOMEM;
		for (k = 0; !name->asked && k < old->count; k++)
			if (mg_resolved_add_address(name, old->addresses[k].family,
						    old->addresses[k].bytes))
				return -ENOMEM;
	}
	return 0;
}

static int find_changes(struct mg_lookups *lookups)
{
	struct mg_resolution *resolution = &lookups->resolution;
	size_t i;
	int err = 0;

	for (i = 0; i < lookups->locked.count && !err; i++)
		err = mg_resolved_add(&lookups->all, lookups->locked.names[i].name) ? 0 : -ENOMEM;
	for (i = 0; i < lookups->fresh.count && !err; i++) {
		err = mg_resolved_add(&lookups->all, lookups->fresh.names[i].name) ? 0 : -ENOMEM;
		resolution->addresses += lookups->fresh.names[i].count;
	}
	mg_resolved_sort(&lookups->all);
	for (i = 0; i < lookups->all.count && !err; i++) {
		const char *name = lookups->all.names[i].name;

		err = compare(lookups, name, &lookups->locked, &lookups->fresh, false);
		if (!err)
			err = compare(lookups, name, &lookups->fresh, &lookups->locked, true);
	}
	resolution->path = lookups->path;
	resolution->names = lookups->fresh.count;
	return err;
}

static int write_if_changed(struct mg_engine *engine, struct mg_error *error)
{
	struct mg_lookups *lookups = engine->lookups;
	const char *slash = strrchr(engine->request.policy, '/');
	char *text;
	int err;

	if (!lookups->resolution.change_count)
		return 0;
	if (mg_resolved_write(&lookups->fresh, slash ? slash + 1 : engine->request.policy, &text))
		return mg_engine_no_memory(error);
	err = mg_engine_write_beside(engine, lookups->folder, lookups->file, text, error);
	free(text);
	return err;
}

/* Evaluate for the names that are asked for; what comes of it does not matter. */
static int ask(struct mg_engine *engine, struct mg_error *error)
{
	struct mg_lookups *lookups = engine->lookups;
	const struct mg_name_source names = { .find = find_fresh, .context = lookups };
	struct mg_ruleset *ruleset = NULL;
	int err = mg_engine_evaluate(engine, &names, &ruleset, error);

	mg_ruleset_free(ruleset);
	if (!lookups->failed)
		return err;
	if (!err) /* the policy has caught it */
		return mg_fail(error, -ENOENT, lookups->failure.status, "%s",
			       lookups->failure.text);
	if (error)
		error->status = lookups->failure.status;
	return err;
}

int mg_engine_resolve(struct mg_engine *engine, const struct mg_resolution **out,
		      struct mg_error *error)
{
	int err;

	if (!engine->request.policy)
		return mg_fail(error, -EINVAL, MG_INVALID, "the request names no policy file");
	if (engine->ruleset || engine->lookups)
		return mg_fail(error, -EINVAL, MG_INVALID,
			       "an engine resolves the names of one policy, once, and before "
			       "anything else: open another one");
	if (mg_saved_is(engine->request.policy))
		return mg_fail(error, -EINVAL, MG_INVALID,
			       "%s is a saved plan, which asks for no names; here a policy is "
			       "needed",
			       engine->request.policy);
	err = know_lock(engine, error);
	if (!err)
		err = ask(engine, error);
	if (err)
		return err;
	if ((engine->request.facts && keep_others(engine->lookups)) ||
	    find_changes(engine->lookups))
		return mg_engine_no_memory(error);
	err = write_if_changed(engine, error);
	if (!err)
		*out = &engine->lookups->resolution;
	return err;
}
