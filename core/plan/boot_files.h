/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The confirmed generation where other loaders of rules look for theirs at boot:
 * iptables-persistent's files, or those below /etc/sysconfig. Who asks for it
 * gets them written anew with each confirmation, since old ones would load old
 * rules.
 *
 * What is asked for, and how it went the last time, stands in the state folder:
 * boot-files.json. A file that was not ours is kept once, as NAME.moongate-old.
 * Must not touch the kernel's tables, print or exit.
 */
#ifndef MG_BOOT_FILES_H
#define MG_BOOT_FILES_H

#include "state.h"

/** A program that loads rules at boot. */
struct mg_boot_format {
	const char *name;
	const char *folder;
	const char *rules[MG_FAMILIES]; /* names of files in it */
	const char *sets;
	const char *services[3]; /* that load them, ended by NULL */
	const char *set_loader;	 /* a file without which the sets are not loaded; NULL: none */
	const char *set_package; /* that has it */
};

/** All of them, ended by one without a name. */
extern const struct mg_boot_format mg_boot_formats[];

/** The one of this name, or NULL. */
const struct mg_boot_format *mg_boot_format_find(const char *name);

/** How it stands. */
struct mg_boot_files {
	const struct mg_boot_format *format; /* NULL: nobody has asked for any */
	uint32_t number;		     /* the generation that the files hold; 0: none yet */
	char failure[2048];		     /* why the last one was not written; "": it was */
};

/** Errors: -EBADMSG with MG_ENVIRONMENT where the record is damaged. */
int mg_boot_files_read(const struct mg_state *state, struct mg_boot_files *out,
		       struct mg_error *error);

/** Ask for files of a format, or, with NULL, for none; those that are there stay. */
int mg_boot_files_choose(struct mg_state *state, const struct mg_boot_format *format,
			 struct mg_error *error);

/**
 * Write the confirmed generation, if anybody has asked for it and there is one.
 * How it went is recorded. With the transaction lock held.
 */
int mg_boot_files_write(struct mg_state *state, struct mg_error *error);

/**
 * The first set of somebody else's that the rules of a generation look into, or
 * NULL; the files load only where it is there by then.
 * @name: where to put it
 */
const char *mg_boot_files_foreign_set(const struct mg_generation *generation, char name[128]);

#endif
