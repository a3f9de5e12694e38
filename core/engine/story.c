/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the history is told of a generation: which files it was made from, what
 * it changes, from where the operator came.
 */
#include <stdlib.h>

#include "engine.h"
#include "ruleset/failure.h"

/* The files of the policy, or, if it is an earlier generation's ruleset, of that one. */
static int list_files(const struct mg_engine *engine, struct mg_generation *out,
		      struct mg_error *error)
{
	const struct mg_generation *again = engine->again;
	const size_t count = again ? again->file_count : engine->sources.count;
	size_t i;

	out->files = calloc(count + 1, sizeof(*out->files));
	if (!out->files)
		return mg_engine_no_memory(error);
	for (i = 0; i < count; i++) {
		const struct mg_source_file *file;

		if (again) {
			out->files[i] = again->files[i];
			continue;
		}
		file = &engine->sources.items[i];
		out->files[i] = (struct mg_generation_file){
			.kind = mg_source_kind_name(file->kind),
			.name = file->name,
			.path = file->path,
			.sha256 = file->sha256,
		};
	}
	out->file_count = count;
	return 0;
}

int mg_engine_make_story(const struct mg_engine *engine, char *peer, struct mg_generation *out,
			 struct mg_error *error)
{
	*out = (struct mg_generation){
		.peer = *peer ? peer : NULL,
		.from = engine->again ? engine->again->number : 0,
		.has_summary = true,
	};
	mg_engine_plan_summary(engine, &out->summary);
	return list_files(engine, out, error);
}

struct mg_generation_info mg_engine_describe(const struct mg_generation *generation)
{
	if (!generation)
		return (struct mg_generation_info){ .number = 0 };
	return (struct mg_generation_info){
		.number = generation->number,
		.time = generation->time,
		.user = generation->user,
		.policy = generation->policy,
		.confirmed_by = generation->confirmed_by,
		.confirmed_at = generation->confirmed_at,
		.peer = generation->peer,
		.version = generation->version,
		.from = generation->from,
		.has_summary = generation->has_summary,
		.summary = generation->summary,
		.file_count = generation->file_count,
		.files = generation->files,
	};
}

void mg_engine_free_story(struct mg_generation *story)
{
	free(story->files);
	story->files = NULL;
	story->file_count = 0;
}
