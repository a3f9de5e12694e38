/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keeping a plan as a file.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "engine.h"
#include "netfilter/beside.h"
#include "ruleset/checksum.h"
#include "ruleset/failure.h"
#include "ruleset/save_text.h"
#include "ruleset/set_text.h"

int mg_engine_identify(struct mg_saved_plan *out, struct mg_error *error)
{
	struct utsname names;
	char id[32];
	int fd = open("/etc/machine-id", O_RDONLY | O_CLOEXEC);

	/* machine-id(5) asks not to give the number itself away */
	out->has_machine = fd >= 0 && read(fd, id, sizeof(id)) == sizeof(id);
	if (out->has_machine)
		out->machine = mg_checksum(MG_CHECKSUM_START, id, sizeof(id));
	if (fd >= 0)
		close(fd);
	out->host = strdup(uname(&names) == 0 ? names.nodename : "");
	return out->host ? 0 : mg_engine_no_memory(error);
}

static int describe(const struct mg_engine *engine, struct mg_saved_plan *out,
		    struct mg_error *error)
{
	struct mg_generation story;
	char user[256], nobody[] = "";
	int err;

	mg_engine_user(user, sizeof(user));
	out->time = time(NULL);
	out->version = strdup(MG_VERSION);
	out->user = strdup(user);
	out->policy = realpath(engine->request.policy, NULL);
	if (!out->policy)
		out->policy = strdup(engine->request.policy);
	if (!out->version || !out->user || !out->policy)
		return mg_engine_no_memory(error);
	out->families = engine->families;
	out->asked = engine->request.families ? engine->request.families
					      : 1U << MG_IPV4 | 1U << MG_IPV6;
	/* a host that has IPv6 may be told to do without */
	if (engine->request.facts && !engine->host->has_ipv6)
		out->asked &= ~(1U << MG_IPV6);
	out->remove_foreign = engine->request.remove_foreign;
	err = mg_engine_make_story(engine, nobody, &story, error);
	if (!err && mg_saved_files_copy(out, story.files, story.file_count))
		err = mg_engine_no_memory(error);
	mg_engine_free_story(&story);
	return err ? err : mg_engine_identify(out, error);
}

static int describe_live(const struct mg_plan *plan, struct mg_saved_plan *out,
			 struct mg_error *error)
{
	size_t i;
	int err = 0;

	for (i = 0; i < plan->table_count && !err; i++) {
		const struct mg_table_plan *from = &plan->tables[i];
		struct mg_saved_table *table = &out->tables[i];

		table->family = from->family;
		table->table = strdup(from->table);
		out->table_count++;
		err = table->table ? mg_fingerprint_make(from, &table->live, error)
				   : mg_engine_no_memory(error);
	}
	return err;
}

static int write_rules(const struct mg_plan *plan, struct mg_saved_plan *out,
		       struct mg_error *error)
{
	int family, err = mg_plan_check_text(plan, error);

	for (family = 0; family < MG_FAMILIES && !err; family++) {
		err = mg_plan_text(plan, (enum mg_family)family, &out->rules[family], error);
		if (!err && out->rules[family])
			err = mg_set_text_write(mg_ruleset_sets_const(plan->ruleset),
						(enum mg_family)family, &out->sets[family], error);
	}
	return err;
}

static int describe_live_sets(const struct mg_plan *plan, struct mg_saved_plan *out,
			      struct mg_error *error)
{
	const size_t count = plan->sets ? plan->sets->count : 0;
	size_t i;

	out->live_sets = calloc(count + 1, sizeof(*out->live_sets));
	if (!out->live_sets)
		return mg_engine_no_memory(error);
	for (i = 0; i < count; i++) {
		const struct mg_set_plan *set = &plan->sets->items[i];

		out->live_sets[i] = (struct mg_saved_set){
			.family = set->family,
			.name = strdup(set->name),
			.is_there = *set->live,
			.sum = *set->live ? mg_set_plan_live_sum(set) : 0,
		};
		if (!out->live_sets[i].name)
			return mg_engine_no_memory(error);
		out->live_set_count++;
	}
	return 0;
}

int mg_engine_read_rules(const struct mg_saved_plan *saved, const char *name,
			 struct mg_ruleset **out, struct mg_error *error)
{
	struct mg_ruleset *ruleset;
	int family, err = mg_ruleset_new(&ruleset, error);

	if (err)
		return err;
	for (family = 0; family < MG_FAMILIES && !err; family++) {
		if (saved->rules[family])
			err = mg_save_read(ruleset, (enum mg_family)family, name,
					   saved->rules[family], strlen(saved->rules[family]),
					   error);
		if (!err && saved->sets[family])
			err = mg_set_text_read(mg_ruleset_sets(ruleset), (enum mg_family)family,
					       name, saved->sets[family],
					       strlen(saved->sets[family]), error);
	}
	if (!err)
		err = mg_ruleset_seal(ruleset, error);
	if (err)
		mg_ruleset_free(ruleset);
	else
		*out = ruleset;
	return err;
}

/* Texts of the refusals among the notes. */
static int keep_refusals(const struct mg_notes *notes, struct mg_saved_plan *out,
			 struct mg_error *error)
{
	size_t i;

	out->overridden = calloc(notes->count + 1, sizeof(*out->overridden));
	for (i = 0; out->overridden && i < notes->count; i++) {
		if (notes->items[i].severity != MG_REFUSAL)
			continue;
		out->overridden[out->overridden_count] = strdup(notes->items[i].text);
		if (!out->overridden[out->overridden_count])
			return mg_engine_no_memory(error);
		out->overridden_count++;
	}
	return out->overridden ? 0 : mg_engine_no_memory(error);
}

/*
 * What was overridden now is not asked again, in the words that it will have
 * then: a rule that was read back may read otherwise than in the policy.
 */
static int keep_overridden(const struct mg_engine *engine, struct mg_saved_plan *out,
			   struct mg_error *error)
{
	struct mg_ruleset *ruleset = NULL;
	struct mg_notes notes = { 0 };
	int err = 0;

	if (engine->request.force)
		err = mg_engine_read_rules(out, "the plan as text", &ruleset, error);
	if (!err && ruleset)
		err = mg_engine_diagnose(engine, ruleset, &notes, NULL, error);
	if (!err && (engine->request.force || engine->request.beside_nft))
		err = mg_beside_read(&notes, error);
	if (!err)
		err = keep_refusals(&notes, out, error);
	mg_notes_clear(&notes);
	mg_ruleset_free(ruleset);
	return err;
}

int mg_engine_save_plan(struct mg_engine *engine, const char *path, struct mg_error *error)
{
	struct mg_saved_plan *saved;
	int err;

	if (!engine->planned)
		return mg_engine_too_early("mg_engine_save_plan", "mg_engine_plan", error);
	if (engine->saved)
		return mg_fail(error, -EINVAL, MG_INVALID,
			       "a saved plan cannot be saved anew: plan the policy again");
	if (mg_engine_refusals(engine))
		return mg_fail(error, -EPERM, MG_UNSAFE,
			       "refused for safety: the plan was not saved to %s", path);
	saved = calloc(1, sizeof(*saved));
	if (!saved)
		return mg_engine_no_memory(error);
	err = describe(engine, saved, error);
	if (!err)
		err = write_rules(engine->plan, saved, error);
	if (!err)
		err = describe_live(engine->plan, saved, error);
	if (!err)
		err = describe_live_sets(engine->plan, saved, error);
	if (!err)
		err = keep_overridden(engine, saved, error);
	if (!err)
		err = mg_saved_write(saved, path, error);
	mg_saved_free(saved);
	return err;
}
