/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A plan as a file, to be applied later as it was shown: what it wants, as the
 * text that generations keep too, and what the live tables were like.
 *
 * The file is one JSON object. It begins with
 *
 *   {"moongate_plan":2,"fnv1a64":"0123456789abcdef",
 *
 * where 2 is the format, and the sum goes over all bytes that follow: a file
 * that was cut, edited or has rotted is noticed before anything is believed.
 * Against forgery there are the file's owner and mode, as for a policy. Then
 * follow, in this order:
 *
 *   version         of Moongate
 *   time            seconds since the epoch
 *   user            who made it
 *   policy          path of the policy file
 *   host            "name", and "machine": a sum of machine-id(5), or null
 *   families        those that are planned, such as ["v4", "v6"]
 *   asked           those that were asked for; IPv6 may not be there
 *   remove_foreign  rules of other software may go: those that were there then
 *   overridden      texts of the refusals that --force or --beside-nft overrode
 *   rules           "v4" and "v6": iptables-save text with "#@ ORIGIN" lines, or null
 *   sets            "v4" and "v6": ipset-restore text with "#@ ORIGIN" lines, or null
 *   sources         the files that it was made from: "kind", "name", "path" and
 *                   "sha256" each; may be absent
 *   live            for each planned table: "family", "table", "chains" (name to
 *                   sum) and "foreign" (sums), see fingerprint.h
 *   live_sets       for each set that is wanted or goes: "family", "name", and
 *                   "sum" of what the kernel has, or null
 *
 * Sums are 16 hexadecimal digits of FNV-1a. Texts that are not UTF-8 are as
 * ruleset/byte_text.h has them. A file of another format is refused.
 */
#ifndef MG_SAVED_H
#define MG_SAVED_H

#include "fingerprint.h"

struct mg_saved_table {
	enum mg_family family;
	char *table;
	struct mg_fingerprint live;
};

struct mg_saved_set {
	enum mg_family family;
	char *name; /* without a generation */
	bool is_there;
	uint64_t sum; /* of its type and members */
};

struct mg_saved_plan {
	char *version, *user, *policy, *host;
	int64_t time;
	bool has_machine;
	uint64_t machine;
	unsigned int families, asked; /* bits 1 << MG_IPV4, 1 << MG_IPV6 */
	bool remove_foreign;
	char **overridden;
	size_t overridden_count;
	char *rules[MG_FAMILIES], *sets[MG_FAMILIES];
	struct mg_saved_table tables[MG_MOST_TABLES];
	size_t table_count;
	struct mg_saved_set *live_sets;
	size_t live_set_count;
	struct mg_generation_file *files;
	size_t file_count;
};

/** Frees what it holds and @saved itself. Accepts NULL. */
void mg_saved_free(struct mg_saved_plan *saved);

/** Copy the files that it was made from into @saved, which has none yet. 0 or -ENOMEM. */
int mg_saved_files_copy(struct mg_saved_plan *saved, const struct mg_generation_file *files,
			size_t count);

/** Does this file begin as a saved plan does, and as no policy can? */
bool mg_saved_is(const char *path);

/**
 * Write it to @path, mode 0600, in one step: the old file is there or the new
 * one. Only a saved plan or an empty file is replaced.
 * Errors: MG_INVALID for a @path that is something else; MG_ENVIRONMENT.
 */
int mg_saved_write(const struct mg_saved_plan *saved, const char *path, struct mg_error *error);

/**
 * Read it, and believe nothing.
 * Errors: MG_INVALID: no such file, no plan, damaged, of another format;
 * MG_UNSAFE: others than root and the caller could have written it;
 * MG_ENVIRONMENT.
 */
int mg_saved_read(const char *path, struct mg_saved_plan **out, struct mg_error *error);

#endif
