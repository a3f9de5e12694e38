/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The keep records: an array of offsets into one area of strings.
 */
#include "keep.h"

#include <fnmatch.h>
#include <string.h>

#include "failure.h"
#include "growable.h"
#include "rule_names.h"

struct mg_keep_record {
	uint32_t kind;
	uint32_t pattern, owner, origin; /* in strings */
	uint32_t rank;
};

const char *const mg_keep_kinds[MG_KEEP_KINDS] = { "chains", "rules", "sets", "tables" };

static int no_memory(struct mg_error *error)
{
	return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for the ruleset");
}

static int put_string(struct mg_keeps *keeps, const char *text, uint32_t *out,
		      struct mg_error *error)
{
	const size_t size = strlen(text ? text : "") + 1;

	if (keeps->used + size > UINT32_MAX)
		return mg_fail(error, -E2BIG, MG_INVALID, "the ruleset is larger than 4 GiB");
	if (mg_make_room((void **)&keeps->strings, &keeps->strings_capacity, keeps->used + size, 1))
		return no_memory(error);
	memcpy(keeps->strings + keeps->used, text ? text : "", size);
	*out = (uint32_t)keeps->used;
	keeps->used += size;
	return 0;
}

static void read_record(const struct mg_keeps *keeps, size_t index, struct mg_keep *out)
{
	const struct mg_keep_record *record = &keeps->records[index];

	*out = (struct mg_keep){
		.kind = (enum mg_keep_kind)record->kind,
		.pattern = keeps->strings + record->pattern,
		.owner = keeps->strings + record->owner,
		.rank = record->rank,
		.origin = keeps->strings + record->origin,
	};
}

static bool is_there(const struct mg_keeps *keeps, const struct mg_keep *keep)
{
	struct mg_keep old;
	size_t i;

	for (i = 0; i < keeps->count; i++) {
		read_record(keeps, i, &old);
		if (old.kind == keep->kind && old.rank == keep->rank &&
		    strcmp(old.pattern, keep->pattern) == 0 &&
		    strcmp(old.owner, keep->owner ? keep->owner : "") == 0)
			return true;
	}
	return false;
}

int mg_ruleset_keep(struct mg_ruleset *ruleset, const struct mg_keep *keep, struct mg_error *error)
{
	struct mg_keeps *keeps = mg_ruleset_keeps(ruleset);
	struct mg_keep_record record = { .kind = keep->kind, .rank = keep->rank };
	int err;

	if (!keep->pattern || !*keep->pattern)
		return mg_fail(error, -EINVAL, MG_INVALID, "an empty pattern keeps nothing");
	if (keep->rank > MG_RANK_HIGHEST || (unsigned int)keep->kind >= MG_KEEP_KINDS)
		return mg_fail(error, -EINVAL, MG_INVALID,
			       "what is kept has a rank above %d or is of an unknown kind",
			       MG_RANK_HIGHEST);
	if (is_there(keeps, keep))
		return 0;
	if (keeps->count == MG_RULESET_MOST_KEEPS)
		return mg_fail(error, -E2BIG, MG_INVALID, "there are more than %d things to keep",
			       MG_RULESET_MOST_KEEPS);
	err = put_string(keeps, keep->pattern, &record.pattern, error);
	if (!err)
		err = put_string(keeps, keep->owner, &record.owner, error);
	if (!err)
		err = put_string(keeps, keep->origin, &record.origin, error);
	if (err)
		return err;
	if (mg_make_room((void **)&keeps->records, &keeps->capacity, keeps->count + 1,
			 sizeof(record)))
		return no_memory(error);
	keeps->records[keeps->count++] = record;
	return 0;
}

uint32_t mg_ruleset_keep_count(const struct mg_ruleset *ruleset)
{
	return (uint32_t)mg_ruleset_keeps_const(ruleset)->count;
}

void mg_ruleset_keep_at(const struct mg_ruleset *ruleset, uint32_t index, struct mg_keep *out)
{
	read_record(mg_ruleset_keeps_const(ruleset), index, out);
}

static bool is_special(char c)
{
	return c == '*' || c == '?' || c == '[' || c == '\\';
}

/* What stands behind the last special character: text that fits ends with it. */
static const char *literal_end(const char *pattern)
{
	const char *at = pattern + strlen(pattern);

	while (at > pattern && at[-1] != ']' && !is_special(at[-1]))
		at--;
	return at;
}

bool mg_keep_fits(const char *pattern, const char *text)
{
	const char *end;
	size_t length;

	for (; !is_special(*pattern); pattern++, text++)
		if (*pattern != *text || !*pattern)
			return *pattern == *text;
	if (strchr(pattern, '\\')) /* what it stands before is not special */
		return fnmatch(pattern, text, 0) == 0;
	end = literal_end(pattern);
	length = strlen(text);
	if (strlen(end) > length || strcmp(end, text + length - strlen(end)) != 0)
		return false;
	if (*pattern == '*' && !memmem(text, length, pattern + 1, strcspn(pattern + 1, "*?[")))
		return false;
	return fnmatch(pattern, text, 0) == 0;
}

uint32_t mg_ruleset_kept_by(const struct mg_ruleset *ruleset, enum mg_keep_kind kind,
			    const char *text)
{
	const struct mg_keeps *keeps = mg_ruleset_keeps_const(ruleset);
	uint32_t i;

	for (i = 0; i < keeps->count; i++)
		if (keeps->records[i].kind == (uint32_t)kind &&
		    mg_keep_fits(keeps->strings + keeps->records[i].pattern, text))
			return i;
	return UINT32_MAX;
}

uint32_t mg_ruleset_kept_by_text(const struct mg_ruleset *ruleset, const char *text)
{
	uint32_t record = mg_ruleset_kept_by(ruleset, MG_KEEP_RULES, text);
	struct mg_rule_name name;

	while (record == UINT32_MAX && (text = mg_rule_next_name(text, &name)))
		if (name.is_set)
			record = mg_ruleset_kept_by(ruleset, MG_KEEP_SETS, name.text);
	return record;
}

void mg_keeps_clear(struct mg_keeps *keeps)
{
	free(keeps->strings);
	free(keeps->records);
	*keeps = (struct mg_keeps){ 0 };
}
