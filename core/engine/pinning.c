/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pinned modules. A module is code that root runs, and may come from elsewhere:
 * where the file moongate.lock lies beside the policy, each one that is used has
 * to be in it, with the SHA-256 of the very bytes that are evaluated.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine.h"
#include "ruleset/failure.h"
#include "ruleset/growable.h"

static const char lock_name[] = "moongate.lock";

struct mg_pinning {
	char *folder, *path; /* of the lock file, which need not be there */
	bool exists;
	bool is_written; /* it is being made: nothing is held against it */
	struct mg_pins locked, fresh;
	struct mg_lock lock;
	struct mg_lock_change *changes;
	size_t capacity;
};

void mg_engine_free_pins(struct mg_engine *engine)
{
	struct mg_pinning *pinning = engine->pinning;

	if (!pinning)
		return;
	mg_pins_clear(&pinning->locked);
	mg_pins_clear(&pinning->fresh);
	free(pinning->changes);
	free(pinning->folder);
	free(pinning->path);
	free(pinning);
	engine->pinning = NULL;
	engine->sources.pins = NULL;
}

static int name_lock(struct mg_pinning *pinning, const char *folder)
{
	free(pinning->folder);
	free(pinning->path);
	pinning->folder = strdup(folder);
	if (asprintf(&pinning->path, "%s/%s", folder, lock_name) < 0)
		pinning->path = NULL;
	pinning->locked.path = pinning->path;
	return pinning->folder && pinning->path ? 0 : -ENOMEM;
}

static bool is_there(const char *folder)
{
	struct stat status;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", folder, lock_name);
	return lstat(path, &status) == 0;
}

/*
 * The folders of the policy's own come first in the search path: where it is,
 * and, if it is a symbolic link, where that leads to. -ENOENT: not in @folder.
 */
static int read_in(struct mg_engine *engine, const char *folder, struct mg_error *error)
{
	struct mg_pinning *pinning = engine->pinning;
	const char *const folders[] = { folder, NULL };
	const char *found;
	char *text;
	size_t length;
	int err = mg_sources_find(&engine->sources, MG_SOURCE_PINS, folders, lock_name, lock_name,
				  &found, &text, &length, error);

	if (err == -ENOENT && is_there(folder)) /* what seems pinned must not be free for all */
		return mg_fail(error, -EINVAL, MG_INVALID, "%s/%s is a symbolic link to nothing",
			       folder, lock_name);
	if (err)
		return err;
	pinning->exists = true;
	err = name_lock(pinning, folder) ? mg_engine_no_memory(error)
					 : mg_pins_parse(&pinning->locked, text, length, error);
	free(text);
	return err;
}

int mg_engine_read_pins(struct mg_engine *engine, const struct mg_search_path *modules,
			struct mg_error *error)
{
	struct mg_pinning *pinning = engine->pinning;
	const size_t own = modules->linked ? 2 : 1;
	size_t i;
	int err = -ENOENT;

	if (!pinning) {
		pinning = calloc(1, sizeof(*pinning));
		engine->pinning = pinning;
	}
	if (!pinning || name_lock(pinning, modules->folders[0]))
		return mg_engine_no_memory(error);
	pinning->locked.policy = engine->request.policy;
	for (i = 0; i < own && err == -ENOENT; i++)
		err = read_in(engine, modules->folders[i], error);
	if (err && err != -ENOENT)
		return err;
	if (error)
		error->text[0] = '\0'; /* that there is none is no failure */
	engine->sources.pins = pinning->exists && !pinning->is_written ? &pinning->locked : NULL;
	return 0;
}

static int add_change(struct mg_pinning *pinning, const char *module, const char *before,
		      const char *after)
{
	if (mg_make_room((void **)&pinning->changes, &pinning->capacity,
			 pinning->lock.change_count + 1, sizeof(*pinning->changes)))
		return -ENOMEM;
	pinning->changes[pinning->lock.change_count++] = (struct mg_lock_change){ module, before,
										  after };
	return 0;
}

/* What was used, and, if @keep, what else was pinned before. */
static int collect(struct mg_engine *engine, bool keep)
{
	struct mg_pinning *pinning = engine->pinning;
	size_t i;
	int err = 0;

	for (i = 0; i < engine->sources.count && !err; i++) {
		const struct mg_source_file *file = &engine->sources.items[i];

		if (file->kind == MG_SOURCE_MODULE)
			err = mg_pins_add(&pinning->fresh, file->name, file->sha256);
	}
	pinning->lock.used = pinning->fresh.count;
	for (i = 0; keep && i < pinning->locked.count && !err; i++) {
		const struct mg_pin *pin = &pinning->locked.items[i];

		if (!mg_pins_find(&pinning->fresh, pin->name))
			err = mg_pins_add(&pinning->fresh, pin->name, pin->sha256);
	}
	mg_pins_sort(&pinning->fresh);
	return err;
}

/* In the order of the names: first what comes or changes, then what goes. */
static int find_changes(struct mg_pinning *pinning)
{
	size_t i;
	int err = 0;

	for (i = 0; i < pinning->fresh.count && !err; i++) {
		const struct mg_pin *now = &pinning->fresh.items[i];
		const struct mg_pin *then = mg_pins_find(&pinning->locked, now->name);

		if (!then || strcmp(then->sha256, now->sha256) != 0)
			err = add_change(pinning, now->name, then ? then->sha256 : NULL,
					 now->sha256);
	}
	for (i = 0; i < pinning->locked.count && !err; i++) {
		const struct mg_pin *then = &pinning->locked.items[i];

		if (!mg_pins_find(&pinning->fresh, then->name))
			err = add_change(pinning, then->name, then->sha256, NULL);
	}
	pinning->lock.path = pinning->path;
	pinning->lock.pinned = pinning->fresh.count;
	pinning->lock.is_new = !pinning->exists;
	pinning->lock.changes = pinning->changes;
	return err;
}

static int write_lock(struct mg_engine *engine, struct mg_error *error)
{
	struct mg_pinning *pinning = engine->pinning;
	char *text;
	int err;

	if (pinning->exists && !pinning->lock.change_count)
		return 0;
	if (mg_pins_write(&pinning->fresh, &text))
		return mg_engine_no_memory(error);
	err = mg_engine_write_beside(engine, pinning->folder, lock_name, text, error);
	free(text);
	return err;
}

/*
 * The lock file lies beside the policy. What comes from a pipe has no folder, and
 * a name like /dev/stdin is in one where nobody looks for the file again.
 */
static int judge_place(const char *policy, struct mg_error *error)
{
	static const char *const passing[] = { "/dev/", "/proc/" };
	struct stat status;
	size_t i;

	if (stat(policy, &status)) /* whoever reads it says why */
		return 0;
	for (i = 0; i < sizeof(passing) / sizeof(*passing); i++)
		if (!strncmp(policy, passing[i], strlen(passing[i])))
			status.st_mode = 0;
	return S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)
		       ? 0
		       : mg_fail(error, -EINVAL, MG_INVALID,
				 "%s is no file that %s could lie beside: name the policy's own "
				 "file",
				 policy, lock_name);
}

int mg_engine_lock(struct mg_engine *engine, bool add, const struct mg_lock **out,
		   struct mg_error *error)
{
	const struct mg_name_source names = mg_engine_locked_names(engine);
	struct mg_ruleset *ruleset = NULL;
	int err;

	if (!engine->request.policy)
		return mg_fail(error, -EINVAL, MG_INVALID, "the request names no policy file");
	if (engine->ruleset || engine->pinning)
		return mg_fail(error, -EINVAL, MG_INVALID,
			       "an engine pins the modules of one policy, once, and before "
			       "anything else: open another one");
	if (mg_saved_is(engine->request.policy))
		return mg_fail(error, -EINVAL, MG_INVALID,
			       "%s is a saved plan, which uses no modules any more; here a policy "
			       "is needed",
			       engine->request.policy);
	err = judge_place(engine->request.policy, error);
	if (err)
		return err;
	engine->pinning = calloc(1, sizeof(*engine->pinning));
	if (!engine->pinning)
		return mg_engine_no_memory(error);
	engine->pinning->is_written = true;
	err = mg_engine_evaluate(engine, &names, &ruleset, error);
	mg_ruleset_free(ruleset);
	if (err)
		return err;
	err = collect(engine, add || engine->request.facts);
	if (err == -EINVAL) /* the evaluation hands out data, and has named it */
		return mg_fail(error, err, MG_INVALID,
			       "%s uses a module whose name cannot be written down",
			       engine->request.policy);
	if (err || find_changes(engine->pinning))
		return mg_engine_no_memory(error);
	err = write_lock(engine, error);
	if (!err)
		*out = &engine->pinning->lock;
	return err;
}
