/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a request to a compiled ruleset, with what was found on the way.
 */
#include "engine.h"

#include <errno.h>
#include <stdlib.h>

#include "analysis/diagnose.h"
#include "flows.h"
#include "netfilter/set_names.h"
#include "policy/evaluate.h"
#include "preflight.h"
#include "ruleset/failure.h"
#include "unreached.h"

int mg_engine_no_memory(struct mg_error *error)
{
	return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory");
}

int mg_engine_too_early(const char *function, const char *first, struct mg_error *error)
{
	return mg_fail(error, -EINVAL, MG_INVALID, "%s() comes after %s()", function, first);
}

static int find_language(struct mg_engine *engine, struct mg_error *error)
{
	if (!engine->request.language) {
		engine->language = mg_installed_folder("lua");
		engine->request.language = engine->language;
	}
	return engine->request.language ? 0 : mg_engine_no_memory(error);
}

/* Leave out the half that the host does not have. */
static int choose_families(struct mg_engine *engine, struct mg_error *error)
{
	/* of a file, or of the machine */
	const char *file = engine->host->has_ipv6 ? NULL : engine->request.facts;

	engine->families = engine->request.families ? engine->request.families
						    : 1U << MG_IPV4 | 1U << MG_IPV6;
	if (engine->have_ipv6 || !(engine->families & 1U << MG_IPV6))
		return 0;
	engine->families &= ~(1U << MG_IPV6);
	if (!engine->families && file)
		return mg_fail(error, -EAFNOSUPPORT, MG_INVALID,
			       "%s says that its host has no IPv6", file);
	if (!engine->families)
		return mg_fail(error, -EAFNOSUPPORT, MG_ENVIRONMENT, "this host has no IPv6");
	if (file) /* whoever wrote it knows */
		return 0;
	return mg_note(&engine->notes, MG_WARNING, NULL, NULL,
		       "this host has no IPv6: that half of the policy is skipped")
		       ? mg_engine_no_memory(error)
		       : 0;
}

int mg_engine_open(const struct mg_request *request, struct mg_engine **out, struct mg_error *error)
{
	struct mg_engine *engine = calloc(1, sizeof(*engine));
	int err;

	if (!engine)
		return mg_engine_no_memory(error);
	engine->request = *request;
	err = mg_engine_learn_host(engine, error);
	if (!err)
		err = find_language(engine, error);
	if (!err)
		err = choose_families(engine, error);
	if (err) {
		mg_engine_close(engine);
		return err;
	}
	*out = engine;
	return 0;
}

void mg_engine_close(struct mg_engine *engine)
{
	if (!engine)
		return;
	mg_plan_free(engine->plan);
	mg_ruleset_free(engine->ruleset);
	mg_saved_free(engine->saved);
	mg_generation_free(engine->confirmed);
	mg_generation_free(engine->again);
	mg_state_close(engine->state);
	mg_operator_clear(&engine->operator);
	mg_lookups_free(engine->lookups);
	mg_engine_free_pins(engine);
	mg_sources_clear(&engine->sources);
	mg_host_free(engine->host);
	mg_notes_clear(&engine->notes);
	mg_owners_clear(&engine->owners);
	free(engine->way_note_ends);
	mg_engine_flows_free(engine->flows);
	free(engine->language);
	free(engine);
}

const struct mg_notes *mg_engine_notes(const struct mg_engine *engine)
{
	return &engine->notes;
}

size_t mg_engine_refusals(const struct mg_engine *engine)
{
	size_t count = 0, i;

	for (i = 0; i < engine->notes.count; i++)
		count += engine->notes.items[i].severity == MG_REFUSAL;
	return count;
}

const char *mg_engine_confinement(const struct mg_engine *engine)
{
	return engine->confinement[0] ? engine->confinement : NULL;
}

unsigned int mg_engine_families(const struct mg_engine *engine)
{
	return engine->families;
}

size_t mg_engine_operators(const struct mg_engine *engine)
{
	return engine->operator.count;
}

int mg_engine_diagnose(const struct mg_engine *engine, const struct mg_ruleset *ruleset,
		       struct mg_notes *notes, size_t *ends, struct mg_error *error)
{
	struct mg_diagnose_facts facts = {
		.note_ends = ends,
		.connections = engine->operator.connections,
		.connection_count = engine->operator.count,
		.is_operator_known = !engine->is_elsewhere,
		.forwarding = { engine->host->forwarding[MG_IPV4],
				engine->host->forwarding[MG_IPV6] },
		.have_ipv6 = engine->families & 1U << MG_IPV6,
	};
	const char **leased = calloc(engine->host->interface_count + 1, sizeof(*leased));
	size_t i;
	int err;

	if (!leased)
		return mg_engine_no_memory(error);
	for (i = 0; i < engine->host->interface_count; i++)
		if (engine->host->interfaces[i].leased)
			leased[facts.leased_count++] = engine->host->interfaces[i].name;
	facts.leased = leased;
	err = mg_diagnose(ruleset, &facts, notes, error);
	free(leased);
	return err;
}

void mg_engine_allow(struct mg_engine *engine, size_t first, bool allowed)
{
	size_t i;

	for (i = first; i < engine->notes.count; i++) {
		struct mg_note *note = &engine->notes.items[i];

		if (note->severity == MG_REFUSAL &&
		    (allowed || mg_engine_was_overridden(engine, note->text)))
			note->severity = MG_WARNING;
	}
}

/* Where it may do what this process may, that is to be known. */
static int evaluate_here(struct mg_engine *engine, const struct mg_evaluation *evaluation,
			 struct mg_ruleset **out, struct mg_error *error)
{
	if (mg_note(&engine->notes, MG_WARNING, NULL, NULL,
		    "--unconfined: %s is evaluated with all rights of this process",
		    engine->request.policy))
		return mg_engine_no_memory(error);
	return mg_policy_evaluate(evaluation, out, &engine->notes, error);
}

int mg_engine_evaluate(struct mg_engine *engine, const struct mg_name_source *names,
		       struct mg_ruleset **out, struct mg_error *error)
{
	struct mg_search_path modules;
	struct mg_evaluation evaluation = {
		.path = engine->request.policy,
		.language = engine->request.language,
		.host = engine->host,
		.sources = &engine->sources,
		.names = names,
		/* the facts may be those of another host, of whose sets nothing is known */
		.set_families = engine->request.facts ? NULL : mg_set_kernel_families,
	};
	int err = mg_search_path_make(engine->request.policy, &modules);

	engine->sources.folders = modules.folders;
	err = err ? mg_engine_no_memory(error) : mg_engine_read_pins(engine, &modules, error);
	if (!err)
		err = engine->request.unconfined
			      ? evaluate_here(engine, &evaluation, out, error)
			      : mg_policy_evaluate_confined(&evaluation,
							    engine->request.policy_seconds,
							    engine->confinement, out,
							    &engine->notes, error);
	engine->sources.folders = NULL;
	mg_search_path_clear(&modules);
	return err;
}

int mg_engine_check(struct mg_engine *engine, struct mg_error *error)
{
	const struct mg_name_source names = mg_engine_locked_names(engine);
	size_t first;
	int err;

	if (!engine->request.policy)
		return mg_fail(error, -EINVAL, MG_INVALID, "the request names no policy file");
	if (engine->ruleset)
		return mg_fail(error, -EINVAL, MG_INVALID,
			       "an engine checks one policy, once: open another one");
	if (mg_saved_is(engine->request.policy))
		return mg_fail(error, -EINVAL, MG_INVALID,
			       "%s is a saved plan, which can be planned and applied; here a "
			       "policy is needed",
			       engine->request.policy);
	err = mg_engine_evaluate(engine, &names, &engine->ruleset, error);
	if (err)
		return err;
	first = engine->notes.count;
	if (!mg_ruleset_rule_count(engine->ruleset) && !mg_ruleset_chain_count(engine->ruleset) &&
	    mg_note(&engine->notes, MG_REFUSAL, NULL, "default_deny()",
		    "%s says nothing at all: applying it would open this host (is the file "
		    "truncated?)",
		    engine->request.policy))
		return mg_engine_no_memory(error);
	err = mg_engine_diagnose_own(engine, error);
	if (!err)
		err = mg_note_unreached(engine->ruleset, &engine->notes, error);
	if (err)
		return err;
	mg_engine_allow(engine, first, engine->request.force);
	return mg_plan_compile(engine->ruleset, engine->families, &engine->plan, &engine->notes,
			       error);
}

int mg_engine_try(struct mg_engine *engine, struct mg_error *error)
{
	if (!engine->plan)
		return mg_engine_too_early("mg_engine_try", "mg_engine_check", error);
	return mg_engine_preflight(engine, true, error);
}

uint32_t mg_engine_rule_count(const struct mg_engine *engine)
{
	return engine->ruleset ? mg_ruleset_rule_count(engine->ruleset) : 0;
}

uint32_t mg_engine_chain_count(const struct mg_engine *engine)
{
	return engine->ruleset ? mg_ruleset_chain_count(engine->ruleset) : 0;
}
