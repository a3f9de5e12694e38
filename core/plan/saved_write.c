/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writing a plan to a file.
 *
 * Owns nothing between calls. Must not touch the kernel's tables, print or exit.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "durable.h"
#include "ruleset/byte_text.h"
#include "ruleset/checksum.h"
#include "ruleset/failure.h"
#include "saved_inner.h"

/* NULL in any of these means no memory; the functions of jansson take it for a failure. */

static json_t *string_of(const char *bytes)
{
	char *text = mg_byte_text(bytes);
	json_t *string = text ? json_string(text) : NULL;

	free(text);
	return string;
}

static json_t *sum_of(uint64_t sum)
{
	char digits[MG_SUM_DIGITS + 1];

	snprintf(digits, sizeof(digits), "%016" PRIx64, sum);
	return json_string(digits);
}

/* @list is let go of where @item cannot be added. */
static json_t *append(json_t *list, json_t *item)
{
	if (list && json_array_append_new(list, item) == 0)
		return list;
	json_decref(list);
	return NULL;
}

static json_t *families_of(unsigned int families)
{
	json_t *list = json_array();
	int family;

	for (family = 0; family < MG_FAMILIES && list; family++)
		if (families & 1U << family)
			list = append(list,
				      json_string(
					      mg_family_ops((enum mg_family)family)->short_name));
	return list;
}

static json_t *text_of(const char *text)
{
	return text ? string_of(text) : json_null();
}

static json_t *overridden_of(const struct mg_saved_plan *saved)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < saved->overridden_count && list; i++)
		list = append(list, string_of(saved->overridden[i]));
	return list;
}

static json_t *chains_of(const struct mg_fingerprint *print)
{
	json_t *chains = json_object();
	size_t i;

	for (i = 0; i < print->chain_count && chains; i++) {
		char *name = mg_byte_text(print->chains[i].name);

		if (!name || json_object_set_new(chains, name, sum_of(print->chains[i].sum))) {
			json_decref(chains);
			chains = NULL;
		}
		free(name);
	}
	return chains;
}

static json_t *foreign_of(const struct mg_fingerprint *print)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < print->foreign_count && list; i++)
		list = append(list, sum_of(print->foreign[i]));
	return list;
}

static json_t *live_of(const struct mg_saved_plan *saved)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < saved->table_count && list; i++) {
		const struct mg_saved_table *table = &saved->tables[i];

		list = append(list, json_pack("{s:s, s:s, s:o, s:o}", "family",
					      mg_family_ops(table->family)->short_name, "table",
					      table->table, "chains", chains_of(&table->live),
					      "foreign", foreign_of(&table->live)));
	}
	return list;
}

static json_t *live_sets_of(const struct mg_saved_plan *saved)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < saved->live_set_count && list; i++) {
		const struct mg_saved_set *set = &saved->live_sets[i];

		list = append(list,
			      json_pack("{s:s, s:s, s:o}", "family",
					mg_family_ops(set->family)->short_name, "name", set->name,
					"sum", set->is_there ? sum_of(set->sum) : json_null()));
	}
	return list;
}

/* The whole text of the file, to be freed; NULL without memory. */
static char *make_text(const struct mg_saved_plan *saved)
{
	json_t *plan =
		json_pack("{s:s, s:I, s:o, s:o, s:{s:o, s:o}, s:o, s:o, s:b, s:o, s:{s:o, s:o}, "
			  "s:{s:o, s:o}, s:o, s:o, s:o}",
			  "version", saved->version, "time", (json_int_t)saved->time, "user",
			  string_of(saved->user), "policy", string_of(saved->policy), "host",
			  "name", string_of(saved->host), "machine",
			  saved->has_machine ? sum_of(saved->machine) : json_null(), "families",
			  families_of(saved->families), "asked", families_of(saved->asked),
			  "remove_foreign", (int)saved->remove_foreign, "overridden",
			  overridden_of(saved), "rules", "v4", text_of(saved->rules[MG_IPV4]), "v6",
			  text_of(saved->rules[MG_IPV6]), "sets", "v4",
			  text_of(saved->sets[MG_IPV4]), "v6", text_of(saved->sets[MG_IPV6]),
			  "sources", mg_saved_files_list(saved), "live", live_of(saved),
			  "live_sets", live_sets_of(saved));
	char *body = plan ? json_dumps(plan, JSON_INDENT(1)) : NULL;
	char *text = NULL;
	uint64_t sum;

	json_decref(plan);
	if (!body)
		return NULL;
	/* its brace stands in the head */
	sum = mg_checksum(MG_CHECKSUM_START, body + 1, strlen(body + 1));
	sum = mg_checksum(sum, "\n", 1);
	if (asprintf(&text, MG_SAVED_HEAD "%d" MG_SAVED_SUM "%016" PRIx64 MG_SAVED_BODY "%s\n",
		     MG_SAVED_FORMAT, sum, body + 1) < 0)
		text = NULL;
	free(body);
	return text;
}

/*
 * A slip of the finger must not cost a policy, and a rename would replace
 * /dev/null itself.
 */
static int may_replace(int dir, const char *name, const char *path, struct mg_error *error)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT
			       ? 0
			       : mg_fail(error, -errno, MG_ENVIRONMENT,
					 "cannot write the plan to %s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return mg_fail(error, -EINVAL, MG_INVALID,
			       "the plan cannot be saved as %s, which is no regular file", path);
	if (st.st_size > 0 && !mg_saved_is(path))
		return mg_fail(error, -EEXIST, MG_INVALID,
			       "%s is there, and is no saved plan: it is not overwritten", path);
	return 0;
}

static int write_in(int dir, const char *name, const char *path, const char *text,
		    struct mg_error *error)
{
	char temporary[NAME_MAX + 1];
	int length, err = may_replace(dir, name, path, error);

	if (err)
		return err;
	length = snprintf(temporary, sizeof(temporary), ".%s.%ld.new", name, (long)getpid());
	if (length < 0 || (size_t)length >= sizeof(temporary))
		err = -ENAMETOOLONG;
	else
		err = mg_durable_replace(dir, temporary, name, text, strlen(text));
	if (err)
		mg_set_error(error, MG_ENVIRONMENT, "cannot write the plan to %s: %s", path,
			     strerror(-err));
	return err;
}

int mg_saved_write(const struct mg_saved_plan *saved, const char *path, struct mg_error *error)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	char *text = NULL;
	int dir = -1, err;

	if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
		err = mg_fail(error, -EISDIR, MG_INVALID,
			      "the plan cannot be saved as `%s', which is no name of a file", path);
		goto out;
	}
	text = folder ? make_text(saved) : NULL;
	if (!text) {
		err = mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for a plan's file");
		goto out;
	}
	dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		err = mg_fail(error, -errno,
			      errno == ENOENT || errno == ENOTDIR ? MG_INVALID : MG_ENVIRONMENT,
			      "cannot write the plan to %s: %s", path, strerror(errno));
	else
		err = write_in(dir, name, path, text, error);
out:
	if (dir >= 0)
		close(dir);
	free(folder);
	free(text);
	return err;
}
