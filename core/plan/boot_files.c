/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See boot_files.h.
 */
#include "boot_files.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "boot_text.h"
#include "durable.h"
#include "ruleset/failure.h"
#include "ruleset/rule_names.h"
#include "ruleset/sets.h"
#include "state_inner.h"

#define RECORD "boot-files.json"

const struct mg_boot_format mg_boot_formats[] = {
	{
		.name = "iptables-persistent",
		.folder = "/etc/iptables",
		.rules = { "rules.v4", "rules.v6" },
		.sets = "ipsets",
		.services = { "netfilter-persistent" },
		.set_loader = "/usr/share/netfilter-persistent/plugins.d/10-ipset",
		.set_package = "ipset-persistent",
	},
	{
		.name = "sysconfig",
		.folder = "/etc/sysconfig",
		.rules = { "iptables", "ip6tables" },
		.sets = "ipset",
		.services = { "iptables", "ip6tables" },
		.set_loader = "/usr/libexec/ipset/ipset.start-stop",
		.set_package = "ipset-service",
	},
	{ .name = NULL },
};

const struct mg_boot_format *mg_boot_format_find(const char *name)
{
	const struct mg_boot_format *format = mg_boot_formats;

	while (format->name && strcmp(format->name, name) != 0)
		format++;
	return format->name ? format : NULL;
}

static bool parse(const json_t *record, struct mg_boot_files *out)
{
	const char *name = json_string_value(json_object_get(record, "files"));
	const char *failure = json_string_value(json_object_get(record, "failure"));
	const json_int_t number = json_integer_value(json_object_get(record, "generation"));

	*out = (struct mg_boot_files){ .format = name ? mg_boot_format_find(name) : NULL };
	if (json_integer_value(json_object_get(record, "format")) != 1 || !out->format ||
	    !mg_record_is_whole(record, true) || number < 0 || number > UINT32_MAX)
		return false;
	out->number = (uint32_t)number;
	snprintf(out->failure, sizeof(out->failure), "%s", failure ? failure : "");
	return true;
}

int mg_boot_files_read(const struct mg_state *state, struct mg_boot_files *out,
		       struct mg_error *error)
{
	char *text = NULL;
	json_t *record;
	int ret = -ENOENT;

	*out = (struct mg_boot_files){ .format = NULL };
	if (state->state.fd >= 0)
		ret = mg_durable_read(state->state.fd, RECORD, MG_RECORD_LIMIT, &text, NULL);
	if (ret)
		return ret == -ENOENT ? 0 : mg_state_fail(error, ret, &state->state, RECORD);
	record = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	free(text);
	if (!parse(record, out)) {
		*out = (struct mg_boot_files){ .format = NULL };
		ret = mg_state_damaged(error, &state->state, RECORD,
				       "it is not a record of ours; moongate export --boot makes "
				       "it anew");
	}
	json_decref(record);
	return ret;
}

static int write_record(struct mg_state *state, const struct mg_boot_files *files,
			struct mg_error *error)
{
	json_t *record = json_pack("{s:i, s:s, s:I, s:o}", "format", 1, "files",
				   files->format->name, "generation", (json_int_t)files->number,
				   "failure",
				   *files->failure ? mg_state_string(files->failure) : json_null());
	char *text = record ? mg_record_text(record) : NULL;
	int ret = text ? mg_durable_write(state->state.fd, RECORD, text, strlen(text)) : -ENOMEM;

	free(text);
	json_decref(record);
	return ret ? mg_state_fail(error, ret, &state->state, RECORD) : 0;
}

int mg_boot_files_choose(struct mg_state *state, const struct mg_boot_format *format,
			 struct mg_error *error)
{
	const struct mg_boot_files files = { .format = format };
	int ret;

	if (format)
		return write_record(state, &files, error);
	ret = mg_durable_unlink(state->state.fd, RECORD);
	return ret ? mg_state_fail(error, ret, &state->state, RECORD) : 0;
}

/* Is it one that we have written? */
static bool is_ours(int folder, const char *name)
{
	char start[sizeof(MG_BOOT_TEXT_MARK)] = "";
	int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	bool ours;

	if (fd < 0)
		return false;
	ours = read(fd, start, sizeof(start) - 1) == (ssize_t)sizeof(start) - 1 &&
	       strcmp(start, MG_BOOT_TEXT_MARK) == 0;
	close(fd);
	return ours;
}

/* What was there before Moongate came is kept, and only that. */
static int keep_old(int folder, const char *name)
{
	char old[NAME_MAX + 1];

	if (is_ours(folder, name))
		return 0;
	snprintf(old, sizeof(old), "%s.moongate-old", name);
	if (linkat(folder, name, folder, old, 0) == 0 || errno == EEXIST || errno == ENOENT)
		return 0;
	return -errno;
}

/* Readable to its group, as those programs leave it. */
static int write_file(int folder, const char *name, const char *text)
{
	char temporary[NAME_MAX + 1];
	int ret = keep_old(folder, name);

	snprintf(temporary, sizeof(temporary), ".%s.moongate-new", name);
	if (!ret)
		ret = mg_durable_replace(folder, temporary, name, text, strlen(text));
	if (!ret && fchmodat(folder, name, 0640, 0))
		ret = -errno;
	return ret;
}

static int put_file(int folder, const struct mg_boot_format *format, const char *name,
		    const char *text, struct mg_error *error)
{
	int ret = write_file(folder, name, text);

	return ret ? mg_fail(error, ret, MG_ENVIRONMENT, "cannot write %s/%s: %s", format->folder,
			     name, strerror(-ret))
		   : 0;
}

/* The sets have to be there first. One that we wrote has no sets any more if there are none. */
static int write_sets(int folder, const struct mg_boot_format *format,
		      const struct mg_generation *generation, struct mg_error *error)
{
	char *text;
	int ret;

	if (!generation->sets[MG_IPV4] && !generation->sets[MG_IPV6] &&
	    !is_ours(folder, format->sets))
		return 0;
	ret = mg_boot_text_sets(generation, &text, error);
	if (ret)
		return ret;
	ret = put_file(folder, format, format->sets, text, error);
	free(text);
	return ret;
}

static int write_rules(int folder, const struct mg_boot_format *format,
		       const struct mg_generation *generation, struct mg_error *error)
{
	char *texts[MG_FAMILIES] = { NULL };
	int family, ret = 0;

	/* all of them first: a rule that cannot be written stops before anything is */
	for (family = 0; family < MG_FAMILIES && !ret; family++)
		if (generation->rules[family])
			ret = mg_boot_text_rules(generation, (enum mg_family)family, &texts[family],
						 error);
	if (!ret)
		ret = write_sets(folder, format, generation, error);
	for (family = 0; family < MG_FAMILIES && !ret; family++)
		if (texts[family])
			ret = put_file(folder, format, format->rules[family], texts[family], error);
	for (family = 0; family < MG_FAMILIES; family++)
		free(texts[family]);
	return ret;
}

static int write_all(const struct mg_boot_format *format, const struct mg_generation *generation,
		     struct mg_error *error)
{
	int folder, ret;

	if (mkdir(format->folder, 0755) < 0 && errno != EEXIST)
		return mg_fail(error, -errno, MG_ENVIRONMENT, "cannot make the folder %s: %s",
			       format->folder, strerror(errno));
	folder = open(format->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return mg_fail(error, -errno, MG_ENVIRONMENT, "%s: %s", format->folder,
			       strerror(errno));
	ret = write_rules(folder, format, generation, error);
	close(folder);
	return ret;
}

int mg_boot_files_write(struct mg_state *state, struct mg_error *error)
{
	struct mg_generation *generation = NULL;
	struct mg_boot_files files;
	struct mg_error words = { 0 };
	int ret = mg_boot_files_read(state, &files, error);

	if (ret || !files.format)
		return ret;
	ret = mg_state_read_confirmed(state, &generation, &words);
	if (ret == -ENOENT)
		return 0;
	if (!ret)
		ret = write_all(files.format, generation, &words);
	if (!ret)
		files.number = generation->number;
	mg_generation_free(generation);
	snprintf(files.failure, sizeof(files.failure), "%s", ret ? words.text : "");
	if (!ret)
		return write_record(state, &files, error);
	write_record(state, &files, NULL);
	return mg_fail(error, ret, words.status, "%s", words.text);
}

const char *mg_boot_files_foreign_set(const struct mg_generation *generation, char name[128])
{
	struct mg_rule_name found;
	int family;

	for (family = 0; family < MG_FAMILIES; family++) {
		const char *line = generation->rules[family];

		if (!line || !strstr(line, "-set "))
			continue;
		for (; *line; line += strcspn(line, "\n"), line += *line == '\n') {
			char *rule = strncmp(line, "-A ", 3) == 0
					     ? strndup(line, strcspn(line, "\n"))
					     : NULL;
			const char *at = rule;

			while (at && (at = mg_rule_next_name(at, &found)))
				if (found.is_set && !mg_set_is_ours(found.text)) {
					snprintf(name, 128, "%s", found.text);
					free(rule);
					return name;
				}
			free(rule);
		}
	}
	return NULL;
}
