/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The confirmed generation for other programs that load rules at boot, and what
 * they need for it.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "engine.h"
#include "netfilter/beside.h"
#include "plan/boot_files.h"
#include "ruleset/failure.h"

static int find_format(const char *name, const struct mg_boot_format **out, struct mg_error *error)
{
	const char *names[8] = { NULL }, *nearest;
	size_t i;

	*out = mg_boot_format_find(name);
	if (*out)
		return 0;
	for (i = 0; mg_boot_formats[i].name; i++)
		names[i] = mg_boot_formats[i].name;
	nearest = mg_nearest(name, names);
	return mg_fail(error, -EINVAL, MG_USAGE,
		       "there are no boot files `%s'%s%s%s: iptables-persistent, sysconfig or none",
		       name, nearest ? ", did you mean `" : "", nearest ? nearest : "",
		       nearest ? "'?" : "");
}

/* Is the format's first service enabled? Where there is no systemd, nobody knows. */
static int tell_service(struct mg_engine *engine, const struct mg_boot_format *format)
{
	char remedy[96], service[64];

	snprintf(service, sizeof(service), "%s.service", format->services[0]);
	if (access("/run/systemd/system", F_OK) || mg_boot_is_enabled("/", service))
		return 0;
	snprintf(remedy, sizeof(remedy), "systemctl enable %s", format->services[0]);
	return mg_note(&engine->notes, MG_WARNING, NULL, remedy, "nothing loads %s at boot yet",
		       format->folder);
}

static int tell_sets(struct mg_engine *engine, const struct mg_boot_format *format)
{
	const struct mg_generation *generation = engine->confirmed;
	char name[128];
	int err = 0;

	if ((generation->sets[MG_IPV4] || generation->sets[MG_IPV6]) &&
	    access(format->set_loader, F_OK))
		err = mg_note(&engine->notes, MG_WARNING, NULL, format->set_package,
			      "the rules look into sets, which %s/%s has: without what loads that "
			      "file no rule is loaded",
			      format->folder, format->sets);
	if (!err && mg_boot_files_foreign_set(generation, name))
		err = mg_note(&engine->notes, MG_WARNING, NULL, NULL,
			      "the rules look into the set %s, which somebody else makes: where it "
			      "is not there by then, no rule is loaded",
			      name);
	return err;
}

static int tell(struct mg_engine *engine, const struct mg_boot_format *format,
		struct mg_error *error)
{
	int err = 0;

	if (format)
		err = tell_service(engine, format);
	if (!err && format && engine->confirmed)
		err = tell_sets(engine, format);
	if (!err && format && engine->confirmed && mg_boot_is_enabled("/", "moongate.service"))
		err = mg_note(&engine->notes, MG_INFO, NULL, NULL,
			      "moongate.service loads the same rules at boot");
	return err ? mg_engine_no_memory(error) : 0;
}

int mg_engine_export_boot(struct mg_engine *engine, const char *name, struct mg_boot_export *out,
			  struct mg_error *error)
{
	const struct mg_boot_format *format = NULL;
	struct mg_boot_files files = { .format = NULL };
	int err = name ? find_format(name, &format, error) : 0;

	if (!err)
		err = mg_engine_begin(engine, error);
	if (!err)
		err = mg_engine_read_confirmed(engine, error);
	if (!err)
		err = mg_boot_files_choose(engine->state, format, error);
	if (!err)
		err = mg_boot_files_write(engine->state, error);
	if (!err)
		err = mg_boot_files_read(engine->state, &files, error);
	if (!err)
		err = tell(engine, format, error);
	if (err)
		return err;
	*out = (struct mg_boot_export){
		.format = format ? format->name : NULL,
		.folder = format ? format->folder : NULL,
		.number = files.number,
	};
	return 0;
}

int mg_engine_tell_boot_files(struct mg_engine *engine, struct mg_error *error)
{
	struct mg_boot_files files;
	struct mg_error words = { 0 };
	char remedy[96];
	int err = mg_boot_files_read(engine->state, &files, &words);

	if (err) {
		err = mg_note(&engine->notes, MG_WARNING, NULL, NULL, "%s", words.text);
		return err ? mg_engine_no_memory(error) : 0;
	}
	if (!files.format || !engine->confirmed ||
	    (files.number == engine->confirmed->number && !*files.failure))
		return 0;
	snprintf(remedy, sizeof(remedy), "moongate export --boot %s", files.format->name);
	err = mg_note(&engine->notes, MG_WARNING, NULL, remedy,
		      "the rules in %s, which are loaded at boot, are not those of generation %u, "
		      "which is in force%s%s",
		      files.format->folder, engine->confirmed->number, *files.failure ? ": " : "",
		      files.failure);
	return err ? mg_engine_no_memory(error) : 0;
}

const char *const *mg_engine_own_loaders(const struct mg_engine *engine)
{
	struct mg_boot_files files;

	if (!engine->state || mg_boot_files_read(engine->state, &files, NULL) || !files.format)
		return NULL;
	return files.format->services;
}
