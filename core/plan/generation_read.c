/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading generations, and noticing damage.
 *
 * Owns nothing between calls. Must not write anything, touch the kernel's
 * tables, print or exit.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plan/durable.h"
#include "plan/state.h"
#include "plan/state_inner.h"
#include "ruleset/checksum.h"
#include "ruleset/failure.h"

#define RULES_LIMIT ((size_t)512 << 20)

const char *const mg_rules_name[MG_FAMILIES] = { "rules.v4", "rules.v6" };
const char *const mg_sets_name[MG_FAMILIES] = { "sets.v4", "sets.v6" };
const char *const mg_rules_key[MG_FAMILIES] = { "v4", "v6" };

struct mg_name mg_generation_name(uint32_t number)
{
	struct mg_name name;

	snprintf(name.text, sizeof(name.text), MG_GENERATIONS "/%" PRIu32, number);
	return name;
}

static struct mg_name file_name(uint32_t number, const char *file)
{
	struct mg_name name;

	snprintf(name.text, sizeof(name.text), MG_GENERATIONS "/%" PRIu32 "/%s", number, file);
	return name;
}

void mg_generation_free(struct mg_generation *generation)
{
	if (!generation)
		return;
	free(generation->user);
	free(generation->policy);
	free(generation->confirmed_by);
	free(generation->operators);
	mg_generation_free_story(generation);
	for (int family = 0; family < MG_FAMILIES; family++) {
		free(generation->rules[family]);
		free(generation->sets[family]);
	}
	free(generation);
}

uint32_t mg_generation_number(const char *name)
{
	uint64_t number = 0;

	if (name[0] == '0')
		return 0;
	for (; *name; name++) {
		if (*name < '0' || *name > '9')
			return 0;
		number = number * 10 + (uint64_t)(*name - '0');
		if (number > UINT32_MAX)
			return 0;
	}
	return (uint32_t)number;
}

int mg_state_read_link(const struct mg_state *state, uint32_t *out, struct mg_error *error)
{
	static const char before[] = MG_GENERATIONS "/";
	char target[PATH_MAX];
	ssize_t length;

	if (state->state.fd < 0)
		return -ENOENT;
	length = readlinkat(state->state.fd, MG_CONFIRMED, target, sizeof(target) - 1);
	if (length < 0 && errno == ENOENT)
		return -ENOENT;
	if (length < 0 && errno != EINVAL)
		return mg_state_fail(error, -errno, &state->state, MG_CONFIRMED);
	target[length < 0 ? 0 : length] = '\0';
	if (strncmp(target, before, strlen(before)) == 0)
		*out = mg_generation_number(target + strlen(before));
	else
		*out = 0;
	if (!*out)
		return mg_state_damaged(error, &state->state, MG_CONFIRMED,
					"it is not a link to a generation");
	return 0;
}

uint32_t mg_state_confirmed(const struct mg_state *state)
{
	uint32_t number = 0;

	return mg_state_read_link(state, &number, NULL) ? 0 : number;
}

int mg_generation_meta(const struct mg_state *state, uint32_t number, json_t **out,
		       struct mg_error *error)
{
	struct mg_name name = file_name(number, MG_META);
	json_t *meta = NULL;
	char *text = NULL;
	int ret;

	if (state->state.fd < 0)
		return -ENOENT;
	ret = mg_durable_read(state->state.fd, name.text, MG_META_LIMIT, &text, NULL);
	if (ret == -ENOENT) {
		struct mg_name folder = mg_generation_name(number);

		/* no such generation, or one without its description? */
		if (faccessat(state->state.fd, folder.text, F_OK, 0) == 0)
			ret = mg_state_damaged(error, &state->state, name.text, "it is missing");
		return ret;
	}
	if (ret == -EINVAL || ret == -EFBIG || ret == -ELOOP)
		return mg_state_damaged(error, &state->state, name.text, "not a file of ours");
	if (ret)
		return mg_state_fail(error, ret, &state->state, name.text);
	meta = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	free(text);
	if (json_integer_value(json_object_get(meta, "format")) != 1 ||
	    json_integer_value(json_object_get(meta, "number")) != (json_int_t)number ||
	    !mg_record_is_whole(meta, json_object_get(meta, "version"))) {
		json_decref(meta);
		return mg_state_damaged(error, &state->state, name.text,
					"it does not describe this generation");
	}
	*out = meta;
	return 0;
}

/*
 * Read a file of one family and compare it with what @about says of it.
 * @out: NULL to compare only, which takes no memory
 */
static int read_file(const struct mg_state *state, uint32_t number, const char *file,
		     const json_t *about, char **out, struct mg_error *error)
{
	struct mg_name name = file_name(number, file);
	const char *sum = json_string_value(json_object_get(about, "checksum"));
	json_int_t bytes = json_integer_value(json_object_get(about, "bytes"));
	char *text = NULL;
	char found[17];
	uint64_t is = 0;
	size_t size = 0;
	int ret;

	if (out)
		ret = mg_durable_read(state->state.fd, name.text, RULES_LIMIT, &text, &size);
	else
		ret = mg_durable_sum(state->state.fd, name.text, RULES_LIMIT, &is, &size);
	if (ret == -ENOENT)
		return mg_state_damaged(error, &state->state, name.text, "it is missing");
	if (ret == -EINVAL || ret == -EFBIG || ret == -ELOOP)
		return mg_state_damaged(error, &state->state, name.text, "not a file of ours");
	if (ret && ret != -EBADMSG)
		return mg_state_fail(error, ret, &state->state, name.text);
	if (text)
		is = mg_checksum_whole(text, size);
	snprintf(found, sizeof(found), "%016" PRIx64, is);
	if (ret || !sum || bytes != (json_int_t)size || strcmp(sum, found) != 0 ||
	    (text && memchr(text, 0, size))) {
		free(text);
		return mg_state_damaged(error, &state->state, name.text,
					"its checksum is not the one in meta.json");
	}
	if (out)
		*out = text;
	return 0;
}

/* A string or null; false for anything else, and without memory. */
static bool take_string(const json_t *meta, const char *key, char **out)
{
	const json_t *value = json_object_get(meta, key);

	if (json_is_null(value))
		return true;
	if (!json_is_string(value))
		return false;
	*out = strdup(json_string_value(value));
	return *out != NULL;
}

/* The sets that one family's rules look into. */
static int read_sets(const struct mg_state *state, const json_t *meta, enum mg_family family,
		     bool texts_too, struct mg_generation *out, struct mg_error *error)
{
	const json_t *about = json_object_get(json_object_get(meta, "sets"), mg_rules_key[family]);

	/* a generation of before there were sets says nothing about them */
	if (!about || json_is_null(about))
		return 0;
	return read_file(state, out->number, mg_sets_name[family], about,
			 texts_too ? &out->sets[family] : NULL, error);
}

/* How much of a generation is wanted. */
enum extent {
	ABOUT,	 /* what its description tells */
	CHECKED, /* and that its rules are whole */
	WHOLE,	 /* and the rules */
};

static int fill(const struct mg_state *state, const json_t *meta, enum extent extent,
		struct mg_generation *out, struct mg_error *error)
{
	struct mg_name name = file_name(out->number, MG_META);
	const json_t *time = json_object_get(meta, "time");
	const json_t *rules = json_object_get(meta, "rules");

	if (!json_is_integer(time) || !json_is_object(rules) ||
	    !take_string(meta, "user", &out->user) || !take_string(meta, "policy", &out->policy) ||
	    !take_string(meta, "confirmed_by", &out->confirmed_by) ||
	    (json_object_get(meta, "operators") &&
	     !take_string(meta, "operators", &out->operators)) ||
	    !mg_generation_take_story(meta, out))
		return mg_state_damaged(error, &state->state, name.text,
					"it does not describe this generation");
	out->time = json_integer_value(time);
	for (enum mg_family family = MG_IPV4; family < MG_FAMILIES; family++) {
		const json_t *about = json_object_get(rules, mg_rules_key[family]);
		int ret;

		if (!about)
			return mg_state_damaged(error, &state->state, name.text,
						"it says nothing about one family's rules");
		if (json_is_null(about) || extent == ABOUT)
			continue;
		ret = read_file(state, out->number, mg_rules_name[family], about,
				extent == WHOLE ? &out->rules[family] : NULL, error);
		if (!ret)
			ret = read_sets(state, meta, family, extent == WHOLE, out, error);
		if (ret)
			return ret;
	}
	return 0;
}

static int read_generation(struct mg_state *state, uint32_t number, enum extent extent,
			   struct mg_generation **out, struct mg_error *error)
{
	struct mg_generation *generation = NULL;
	json_t *meta = NULL;
	int ret;

	ret = mg_generation_meta(state, number, &meta, error);
	if (ret)
		return ret;
	generation = calloc(1, sizeof(*generation));
	if (!generation) {
		ret = mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory");
		goto out;
	}
	generation->number = number;
	ret = fill(state, meta, extent, generation, error);
	if (ret)
		goto out;
	*out = generation;
	generation = NULL;
out:
	mg_generation_free(generation);
	json_decref(meta);
	return ret;
}

int mg_state_read_generation(struct mg_state *state, uint32_t number, struct mg_generation **out,
			     struct mg_error *error)
{
	return read_generation(state, number, WHOLE, out, error);
}

int mg_state_describe(struct mg_state *state, uint32_t number, struct mg_generation **out,
		      struct mg_error *error)
{
	return read_generation(state, number, ABOUT, out, error);
}

int mg_state_check(struct mg_state *state, uint32_t number, struct mg_error *error)
{
	struct mg_generation *generation = NULL;
	int ret = read_generation(state, number, CHECKED, &generation, error);

	mg_generation_free(generation);
	return ret;
}

int mg_state_read_tables(struct mg_state *state, uint32_t *number,
			 struct mg_table_names tables[MG_FAMILIES], struct mg_error *error)
{
	json_t *meta = NULL;
	int family, ret = mg_state_read_link(state, number, error);

	if (!ret)
		ret = mg_generation_meta(state, *number, &meta, error);
	for (family = 0; family < MG_FAMILIES && !ret; family++) {
		const json_t *rules = json_object_get(meta, "rules");
		const json_t *about = json_object_get(rules, mg_rules_key[family]);
		const char *names = json_string_value(json_object_get(about, "tables"));

		snprintf(tables[family].text, sizeof(tables[family].text), "%s",
			 names ? names : "");
	}
	json_decref(meta);
	return ret;
}

int mg_state_read_confirmed(struct mg_state *state, struct mg_generation **out,
			    struct mg_error *error)
{
	uint32_t number = 0;
	int ret;

	ret = mg_state_read_link(state, &number, error);
	if (ret)
		return ret;
	ret = mg_state_read_generation(state, number, out, error);
	if (ret == -ENOENT)
		return mg_state_damaged(error, &state->state, MG_CONFIRMED,
					"the generation that it points to is not there");
	return ret;
}
