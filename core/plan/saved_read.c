/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading a saved plan as if it came from an enemy.
 *
 * Owns nothing between calls. Must not touch the kernel's tables, print or exit.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "durable.h"
#include "ruleset/byte_text.h"
#include "ruleset/checksum.h"
#include "ruleset/failure.h"
#include "saved_inner.h"

/* Ten times what a million rules take. */
#define LARGEST ((size_t)1 << 30)

void mg_saved_free(struct mg_saved_plan *saved)
{
	size_t i;

	if (!saved)
		return;
	free(saved->version);
	free(saved->user);
	free(saved->policy);
	free(saved->host);
	for (i = 0; i < saved->overridden_count; i++)
		free(saved->overridden[i]);
	free(saved->overridden);
	for (i = 0; i < MG_FAMILIES; i++) {
		free(saved->rules[i]);
		free(saved->sets[i]);
	}
	for (i = 0; i < saved->table_count; i++) {
		free(saved->tables[i].table);
		mg_fingerprint_clear(&saved->tables[i].live);
	}
	for (i = 0; i < saved->live_set_count; i++)
		free(saved->live_sets[i].name);
	free(saved->live_sets);
	mg_saved_files_clear(saved);
	free(saved);
}

bool mg_saved_is(const char *path)
{
	struct stat st;
	char first = '\0';
	bool is;
	int fd;

	/* whoever feeds a pipe must not lose its first byte, nor his reader */
	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return false;
	is = read(fd, &first, 1) == 1 && first == '{';
	close(fd);
	return is;
}

/* What is wrong with a file whose sum is right: somebody made it with another program. */
static int strange(const char *what, struct mg_error *error)
{
	return mg_fail(error, -EBADMSG, MG_INVALID, "not a plan that can be applied: %s", what);
}

static int no_memory(struct mg_error *error)
{
	return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for a saved plan");
}

static int take_string(const json_t *value, const char *what, char **out, struct mg_error *error)
{
	if (!json_is_string(value))
		return strange(what, error);
	*out = strdup(json_string_value(value));
	if (!*out)
		return no_memory(error);
	mg_byte_text_undo(*out);
	return 0;
}

static int take_sum(const json_t *value, const char *what, uint64_t *out, struct mg_error *error)
{
	const char *text = json_string_value(value);

	if (!text || strlen(text) != MG_SUM_DIGITS ||
	    strspn(text, "0123456789abcdef") != MG_SUM_DIGITS)
		return strange(what, error);
	*out = strtoull(text, NULL, 16);
	return 0;
}

static int take_family(const json_t *value, enum mg_family *out, struct mg_error *error)
{
	const char *name = json_string_value(value);
	int family;

	for (family = 0; family < MG_FAMILIES; family++) {
		if (name && strcmp(name, mg_family_ops((enum mg_family)family)->short_name) == 0) {
			*out = (enum mg_family)family;
			return 0;
		}
	}
	return strange("a family is neither \"v4\" nor \"v6\"", error);
}

static int take_families(const json_t *list, unsigned int *out, struct mg_error *error)
{
	enum mg_family family;
	size_t i;
	int err;

	if (!json_is_array(list) || !json_array_size(list))
		return strange("there is no list of families", error);
	for (i = 0; i < json_array_size(list); i++) {
		err = take_family(json_array_get(list, i), &family, error);
		if (err)
			return err;
		if (*out & 1U << family)
			return strange("a family stands there twice", error);
		*out |= 1U << family;
	}
	return 0;
}

static int take_rules(const json_t *rules, struct mg_saved_plan *saved, struct mg_error *error)
{
	int family, err = 0;

	if (json_object_size(rules) != MG_FAMILIES)
		return strange("\"rules\" should have \"v4\" and \"v6\"", error);
	for (family = 0; family < MG_FAMILIES && !err; family++) {
		const json_t *text =
			json_object_get(rules, mg_family_ops((enum mg_family)family)->short_name);

		if (json_is_null(text) == !!(saved->families & 1U << family))
			return strange("the rules are not those of its families", error);
		if (!json_is_null(text))
			err = take_string(text, "rules are no text", &saved->rules[family], error);
	}
	return err;
}

static int take_sets(const json_t *sets, struct mg_saved_plan *saved, struct mg_error *error)
{
	int family, err = 0;

	if (json_object_size(sets) != MG_FAMILIES)
		return strange("\"sets\" should have \"v4\" and \"v6\"", error);
	for (family = 0; family < MG_FAMILIES && !err; family++) {
		const json_t *text =
			json_object_get(sets, mg_family_ops((enum mg_family)family)->short_name);

		if (!json_is_null(text) && !(saved->families & 1U << family))
			return strange("the sets are not those of its families", error);
		if (!json_is_null(text))
			err = take_string(text, "sets are no text", &saved->sets[family], error);
	}
	return err;
}

static int take_overridden(const json_t *list, struct mg_saved_plan *saved, struct mg_error *error)
{
	const char *const what = "\"overridden\" is no list of texts";
	size_t i;
	int err = 0;

	if (!json_is_array(list))
		return strange(what, error);
	saved->overridden = calloc(json_array_size(list) + 1, sizeof(*saved->overridden));
	if (!saved->overridden)
		return no_memory(error);
	for (i = 0; i < json_array_size(list) && !err; i++) {
		err = take_string(json_array_get(list, i), what, &saved->overridden[i], error);
		saved->overridden_count += !err;
	}
	return err;
}

static int take_chains(json_t *chains, struct mg_fingerprint *out, struct mg_error *error)
{
	const char *name;
	json_t *sum;
	int err = 0;

	if (!json_is_object(chains))
		return strange("\"chains\" is no object", error);
	out->chains = calloc(json_object_size(chains) + 1, sizeof(*out->chains));
	if (!out->chains)
		return no_memory(error);
	json_object_foreach(chains, name, sum)
	{
		struct mg_chain_print *chain = &out->chains[out->chain_count];

		err = take_sum(sum, "a chain has no sum", &chain->sum, error);
		if (err)
			return err;
		chain->name = strdup(name);
		if (!chain->name)
			return no_memory(error);
		mg_byte_text_undo(chain->name);
		out->chain_count++;
	}
	return 0;
}

static int take_foreign(const json_t *list, struct mg_fingerprint *out, struct mg_error *error)
{
	size_t i;
	int err = 0;

	if (!json_is_array(list))
		return strange("\"foreign\" is no list", error);
	out->foreign = calloc(json_array_size(list) + 1, sizeof(*out->foreign));
	if (!out->foreign)
		return no_memory(error);
	for (i = 0; i < json_array_size(list) && !err; i++) {
		err = take_sum(json_array_get(list, i), "a foreign rule has no sum",
			       &out->foreign[i], error);
		out->foreign_count += !err;
	}
	return err;
}

static int take_table(json_t *value, struct mg_saved_plan *saved, struct mg_error *error)
{
	struct mg_saved_table *table = &saved->tables[saved->table_count];
	json_t *family, *chains, *foreign;
	const char *name;
	size_t i;
	int err;

	if (saved->table_count == MG_MOST_TABLES ||
	    json_unpack_ex(value, NULL, JSON_STRICT, "{s:o, s:s, s:o, s:o}", "family", &family,
			   "table", &name, "chains", &chains, "foreign", &foreign))
		return strange("a live table is not described as it should be", error);
	err = take_family(family, &table->family, error);
	if (err)
		return err;
	if (!(saved->families & 1U << table->family) || !mg_builtin_chains(name))
		return strange("a live table is none of its own", error);
	for (i = 0; i < saved->table_count; i++)
		if (saved->tables[i].family == table->family &&
		    strcmp(saved->tables[i].table, name) == 0)
			return strange("a live table stands there twice", error);
	table->table = strdup(name);
	if (!table->table)
		return no_memory(error);
	saved->table_count++;
	err = take_chains(chains, &table->live, error);
	if (!err)
		err = take_foreign(foreign, &table->live, error);
	if (!err)
		mg_fingerprint_sort(&table->live);
	return err;
}

static int take_live(const json_t *list, struct mg_saved_plan *saved, struct mg_error *error)
{
	size_t i;
	int err = 0;

	if (!json_is_array(list))
		return strange("\"live\" is no list", error);
	for (i = 0; i < json_array_size(list) && !err; i++)
		err = take_table(json_array_get(list, i), saved, error);
	return err;
}

static int take_live_set(json_t *value, struct mg_saved_plan *saved, struct mg_error *error)
{
	struct mg_saved_set *set = &saved->live_sets[saved->live_set_count];
	json_t *family, *name, *sum;
	int err;

	if (json_unpack_ex(value, NULL, JSON_STRICT, "{s:o, s:o, s:o}", "family", &family, "name",
			   &name, "sum", &sum))
		return strange("a live set is not described as it should be", error);
	err = take_family(family, &set->family, error);
	set->is_there = !json_is_null(sum);
	if (!err && set->is_there)
		err = take_sum(sum, "a live set has no sum", &set->sum, error);
	if (!err)
		err = take_string(name, "a live set has no name", &set->name, error);
	saved->live_set_count += !err;
	return err;
}

static int take_live_sets(const json_t *list, struct mg_saved_plan *saved, struct mg_error *error)
{
	size_t i;
	int err = 0;

	if (!json_is_array(list))
		return strange("\"live_sets\" is no list", error);
	saved->live_sets = calloc(json_array_size(list) + 1, sizeof(*saved->live_sets));
	if (!saved->live_sets)
		return no_memory(error);
	for (i = 0; i < json_array_size(list) && !err; i++)
		err = take_live_set(json_array_get(list, i), saved, error);
	return err;
}

/* The parts of a plan whose values are not simple, borrowed from the document. */
struct parts {
	json_t *version, *time, *user, *policy, *host, *machine, *families, *asked;
	json_t *remove_foreign, *overridden, *rules, *sets, *live, *live_sets, *sources;
};

static int take_parts(const struct parts *parts, struct mg_saved_plan *saved,
		      struct mg_error *error)
{
	int err;

	if (!json_is_integer(parts->time))
		return strange("\"time\" is no number", error);
	if (!json_is_boolean(parts->remove_foreign))
		return strange("\"remove_foreign\" is neither true nor false", error);
	saved->time = json_integer_value(parts->time);
	saved->remove_foreign = json_is_true(parts->remove_foreign);
	err = take_string(parts->version, "\"version\" is no text", &saved->version, error);
	if (!err)
		err = take_string(parts->user, "\"user\" is no text", &saved->user, error);
	if (!err)
		err = take_string(parts->policy, "\"policy\" is no text", &saved->policy, error);
	if (!err)
		err = take_string(parts->host, "the host has no name", &saved->host, error);
	saved->has_machine = !json_is_null(parts->machine);
	if (!err && saved->has_machine)
		err = take_sum(parts->machine, "\"machine\" is no sum", &saved->machine, error);
	if (!err)
		err = take_families(parts->families, &saved->families, error);
	if (!err)
		err = take_families(parts->asked, &saved->asked, error);
	if (!err && saved->families & ~saved->asked)
		err = strange("it has a family that was not asked for", error);
	if (!err)
		err = take_rules(parts->rules, saved, error);
	if (!err)
		err = take_sets(parts->sets, saved, error);
	if (!err)
		err = take_overridden(parts->overridden, saved, error);
	if (!err)
		err = take_live(parts->live, saved, error);
	if (!err)
		err = take_live_sets(parts->live_sets, saved, error);
	if (!err)
		err = mg_saved_files_take(parts->sources, saved);
	else
		return err;
	return err == -EBADMSG ? strange("\"sources\" is no list of files", error)
	       : err	       ? no_memory(error)
			       : 0;
}

static int take_plan(json_t *document, struct mg_saved_plan *saved, struct mg_error *error)
{
	struct parts parts = { .sources = NULL };
	json_error_t reason;
	json_t *sum;
	int format;

	if (json_unpack_ex(document, &reason, JSON_STRICT,
			   "{s:i, s:o, s:o, s:o, s:o, s:o, s:{s:o, s:o}, s:o, s:o, s:o, s:o, s:o, "
			   "s:o, s:o, s:o, s?o}",
			   "moongate_plan", &format, "fnv1a64", &sum, "version", &parts.version,
			   "time", &parts.time, "user", &parts.user, "policy", &parts.policy,
			   "host", "name", &parts.host, "machine", &parts.machine, "families",
			   &parts.families, "asked", &parts.asked, "remove_foreign",
			   &parts.remove_foreign, "overridden", &parts.overridden, "rules",
			   &parts.rules, "sets", &parts.sets, "live", &parts.live, "live_sets",
			   &parts.live_sets, "sources", &parts.sources))
		return strange(reason.text, error);
	return take_parts(&parts, saved, error);
}

/* Its head, and whether the sum there is that of the rest. */
static int check_sum(const char *text, size_t size, struct mg_error *error)
{
	const size_t before_body = strlen(MG_SAVED_SUM) + MG_SUM_DIGITS + strlen(MG_SAVED_BODY);
	const char *at = text + strlen(MG_SAVED_HEAD);
	char sum[MG_SUM_DIGITS + 1];
	unsigned long format;
	char *end;

	if (strncmp(text, MG_SAVED_HEAD, strlen(MG_SAVED_HEAD)) != 0 || *at < '0' || *at > '9')
		return mg_fail(error, -EBADMSG, MG_INVALID,
			       "it begins as a saved plan does, and is none, or is damaged");
	format = strtoul(at, &end, 10);
	if (format != MG_SAVED_FORMAT)
		return mg_fail(error, -EBADMSG, MG_INVALID,
			       "it is a plan of format %lu, and this is Moongate %s, which knows "
			       "format %d: plan again",
			       format, MG_VERSION, MG_SAVED_FORMAT);
	if (strncmp(end, MG_SAVED_SUM, strlen(MG_SAVED_SUM)) == 0 &&
	    size - (size_t)(end - text) > before_body) {
		at = end + before_body;
		snprintf(sum, sizeof(sum), "%016" PRIx64,
			 mg_checksum(MG_CHECKSUM_START, at, size - (size_t)(at - text)));
		if (strncmp(end + strlen(MG_SAVED_SUM), sum, MG_SUM_DIGITS) == 0)
			return 0;
	}
	return mg_fail(error, -EBADMSG, MG_INVALID,
		       "the plan is damaged (its sum is wrong): plan again");
}

static int parse(const char *text, size_t size, struct mg_saved_plan **out, struct mg_error *error)
{
	struct mg_saved_plan *saved = NULL;
	json_t *document = NULL;
	json_error_t reason;
	int err = check_sum(text, size, error);

	if (err)
		return err;
	document = json_loadb(text, size, JSON_REJECT_DUPLICATES, &reason);
	if (!document)
		return strange(reason.text, error);
	saved = calloc(1, sizeof(*saved));
	err = saved ? take_plan(document, saved, error) : no_memory(error);
	json_decref(document);
	if (err)
		mg_saved_free(saved);
	else
		*out = saved;
	return err;
}

/* Whoever could write to it could have written what root is to load. */
static int check_owner(int fd, struct mg_error *error)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return mg_fail(error, -errno, MG_ENVIRONMENT, "%s", strerror(errno));
	if ((st.st_uid == 0 || st.st_uid == geteuid()) && !(st.st_mode & (S_IWGRP | S_IWOTH)))
		return 0;
	return mg_fail(error, -EPERM, MG_UNSAFE,
		       "others could have changed this plan (owner %u, mode %04o): make it root's, "
		       "mode 0600, once you know what is in it",
		       (unsigned int)st.st_uid, (unsigned int)st.st_mode & 07777);
}

static int read_open(int fd, struct mg_saved_plan **out, struct mg_error *error)
{
	char *text = NULL;
	size_t size = 0;
	int err = check_owner(fd, error);

	if (err)
		return err;
	err = mg_durable_read_open(fd, LARGEST, &text, &size);
	if (err)
		return mg_fail(error, err, err == -ENOMEM ? MG_ENVIRONMENT : MG_INVALID,
			       "cannot read the plan: %s", strerror(-err));
	err = parse(text, size, out, error);
	free(text);
	return err;
}

int mg_saved_read(const char *path, struct mg_saved_plan **out, struct mg_error *error)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC), err;

	if (fd < 0)
		return mg_fail(error, -errno, MG_INVALID, "cannot read the plan %s: %s", path,
			       strerror(errno));
	err = read_open(fd, out, error);
	close(fd);
	if (err)
		mg_error_prefix(error, path);
	return err;
}
