/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What must survive: the generations, the transaction lock and the record of
 * a pending confirmation.
 *
 *   STATE_DIR/                      0700, usually /var/lib/moongate
 *     generations/N/rules.v4        iptables-save text with "#@ ORIGIN" lines
 *     generations/N/rules.v6
 *     generations/N/sets.v4         the sets that they look into, as ipset restore
 *     generations/N/sets.v6         has them, with "#@ ORIGIN" lines; absent: none
 *     generations/N/meta.json       number, time, user, policy, how and when it was
 *                                   confirmed, where the operator came from; what it
 *                                   changed, and the SHA-256 of each file that it was
 *                                   made from; the
 *                                   tables of both texts; the length and checksum of
 *                                   each file, and its own, to notice damage (not
 *                                   forgery: whoever can write here is root)
 *     confirmed -> generations/N    the generation that counts
 *     snapshot/N                    what was live before a transaction, see snapshot.h
 *   RUN_DIR/                        0700, usually /run/moongate
 *     lock                          flock: one transaction at a time
 *     pending.json                  the transaction that waits for a confirmation
 *     guard.sock                    where its guard listens
 *
 * Every file is written beside its place, fsynced, renamed, and its folder
 * fsynced; a generation comes into being as a whole, by the rename of its
 * folder. What writes generations or the pending record holds the transaction
 * lock. Folders are reached through descriptors, so a process that has changed
 * its working directory or that was forked (the guard) goes on working with
 * the same ones. Must not touch the kernel's tables, print or exit.
 */
#ifndef MG_STATE_H
#define MG_STATE_H

#include <moongate.h>
#include <sys/types.h>

struct mg_state;

/** A generation: the owned rules that were applied, as text. */
struct mg_generation {
	uint32_t number;	  /* given by mg_state_write_generation(); from 1 */
	int64_t time;		  /* seconds since the epoch; 0: now, when written */
	char *user;		  /* who applied it: SUDO_USER or the login name */
	char *policy;		  /* path of the policy file */
	char *confirmed_by;	  /* "connection", "console", "no-confirm", ...; NULL: not */
	char *operators;	  /* who came by ssh then: lines "ADDRESS PORT", of sshd; or NULL */
	char *rules[MG_FAMILIES]; /* iptables-save text; NULL: family not managed */
	char *sets[MG_FAMILIES];  /* ipset-restore text; NULL: none */

	/* how it came to be; one of before this was written down has none of it */
	char *version;	      /* of Moongate, when it was read; written is our own */
	char *peer;	      /* address from which that user came by ssh; NULL: no ssh */
	int64_t confirmed_at; /* seconds since the epoch, when it was read; 0: not known */
	uint32_t from;	      /* the generation whose rules these are again; 0: none */
	bool has_summary;
	struct mg_plan_summary summary;	  /* what it changed */
	struct mg_generation_file *files; /* that it was made from */
	size_t file_count;
};

/** The record of a transaction that waits. */
struct mg_pending {
	uint32_t number;   /* of its generation */
	char token[33];	   /* 128 random bits in hex */
	pid_t guard;	   /* process id of the guard */
	int64_t committed; /* CLOCK_BOOTTIME in ns when all of it was live; 0 before */
	int64_t deadline;  /* CLOCK_BOOTTIME in ns of the roll-back */
	char boot_id[37];  /* of the boot in which it was made; "": of this one */
	char netns[40];	   /* network namespace, "DEVICE:INODE"; "": the one that we are in */
	/*
	 * Lines of SSH_CONNECTION: the connections that prove nothing, those of
	 * who applied first. "": he has none.
	 */
	char connections[4096];
};

/** Copy how @from came to be, whose strings and list @to borrows. */
void mg_generation_lend_story(const struct mg_generation *from, struct mg_generation *to);

/** For what was read here: frees the strings and @generation itself. */
void mg_generation_free(struct mg_generation *generation);

/**
 * Open the state. The folders are made (0700) when @create, but not those
 * above them; else a missing one reads as empty. NULL for a path means the
 * usual one. A folder that others than its owner may write to, or that
 * neither root nor the caller owns, is refused: rules for the next boot are
 * taken from it.
 */
int mg_state_open(const char *state_dir, const char *run_dir, bool create, struct mg_state **out,
		  struct mg_error *error);
void mg_state_close(struct mg_state *state); /* lets the lock go too */

/**
 * The descriptors that the state works with, the lock's among them when it is
 * held: what a forked process has to keep open to use @state. At most
 * MG_STATE_DESCRIPTORS are written; returns how many.
 */
#define MG_STATE_DESCRIPTORS 3
size_t mg_state_descriptors(const struct mg_state *state, int fds[MG_STATE_DESCRIPTORS]);

/**
 * Take the transaction lock, waiting at most @seconds (fractions count).
 * 0 at once where @state holds it already.
 * Errors: -EBUSY with MG_BUSY, and who holds it in the words.
 *
 * The lock belongs to the open file, so a process forked while it is held
 * shares it: it is free when the last of them has let go of it. That is how
 * the guard keeps others out until the verdict.
 */
int mg_state_lock(struct mg_state *state, double seconds, struct mg_error *error);
/** Let go of this process's share of the lock. */
void mg_state_unlock(struct mg_state *state);

/** Path of the guard's socket. */
const char *mg_state_socket(const struct mg_state *state);

/**
 * Write @generation durably under the next free number, not confirmed
 * whatever its confirmed_by says. @generation->number and time are set. Of those
 * that were never confirmed, which only a crash leaves, the last 3 stay.
 */
int mg_state_write_generation(struct mg_state *state, struct mg_generation *generation,
			      struct mg_error *error);

/**
 * Make a written generation the confirmed one, after checking that it is
 * whole; records @by in its meta.json first. On failure the one that was
 * confirmed stays so. Removes generations older than the last 20 confirmed.
 */
int mg_state_confirm_generation(struct mg_state *state, uint32_t number, const char *by,
				struct mg_error *error);

/**
 * Remove a generation. 0 where there is none. -EBUSY with MG_UNSAFE for the
 * confirmed one.
 */
int mg_state_drop_generation(struct mg_state *state, uint32_t number, struct mg_error *error);

/**
 * Read the confirmed generation. -ENOENT without an error text where nothing
 * was ever confirmed; -EBADMSG with MG_ENVIRONMENT where it is damaged.
 */
int mg_state_read_confirmed(struct mg_state *state, struct mg_generation **out,
			    struct mg_error *error);

/** Names of tables, each with a blank behind it: "nat filter ". */
struct mg_table_names {
	char text[64];
};

/**
 * In which tables the confirmed generation does something, without reading its
 * rules; "" where that is not known. @number: its own. Errors as above.
 */
int mg_state_read_tables(struct mg_state *state, uint32_t *number,
			 struct mg_table_names tables[MG_FAMILIES], struct mg_error *error);

/** The number of the confirmed generation; 0: there is none, or its link is damaged. */
uint32_t mg_state_confirmed(const struct mg_state *state);

/** The numbers of all generations, the newest first. @out: to be freed. */
int mg_state_list(struct mg_state *state, uint32_t **out, size_t *count, struct mg_error *error);

/** Read what a generation's meta.json tells, and none of its rules; same errors. */
int mg_state_describe(struct mg_state *state, uint32_t number, struct mg_generation **out,
		      struct mg_error *error);

/** Is all of a generation there and undamaged? Same errors. */
int mg_state_check(struct mg_state *state, uint32_t number, struct mg_error *error);

/** Read any generation by number; same errors. */
int mg_state_read_generation(struct mg_state *state, uint32_t number, struct mg_generation **out,
			     struct mg_error *error);

/** Does the folder of the generations' state exist? Else nothing was ever applied. */
bool mg_state_exists(const struct mg_state *state);

/**
 * Where no generation is the confirmed one: is that so because nobody knows which it was?
 * Returns 0, or -EBADMSG like mg_state_read_confirmed() if some were confirmed.
 */
int mg_state_find_lost(struct mg_state *state, struct mg_error *error);

/**
 * Read the generation that is to be loaded at boot: the confirmed one, or where
 * that is damaged the newest whole one that was confirmed before; the notes say
 * what is wrong, and what stands in for it.
 * -ENOENT without an error text where nothing was ever confirmed; else, where
 * none is whole, what is wrong with the confirmed one, with MG_ENVIRONMENT.
 */
int mg_state_read_bootable(struct mg_state *state, struct mg_generation **out,
			   struct mg_notes *notes, struct mg_error *error);

/**
 * From where operators came by ssh, of all confirmed generations whose
 * description can be read: lines "ADDRESS PORT", each once. To be freed.
 * @out: NULL where there is no such description: it is not known then
 */
int mg_state_operators(struct mg_state *state, char **out, struct mg_error *error);

/**
 * Remove what was applied and never confirmed: with the transaction lock held,
 * nobody waits for it any more. The notes tell. What cannot be removed stays.
 */
int mg_state_drop_unconfirmed(struct mg_state *state, struct mg_notes *notes,
			      struct mg_error *error);

int mg_state_write_pending(struct mg_state *state, const struct mg_pending *pending,
			   struct mg_error *error);
/**
 * -ENOENT without text where none is pending, or one of an earlier boot, which
 * nobody waits for any more; -EBADMSG with MG_ENVIRONMENT where it is damaged.
 * Says nothing about whether the guard still lives.
 */
int mg_state_read_pending(struct mg_state *state, struct mg_pending *out, struct mg_error *error);
/** Was it applied in the network namespace that this process is in? */
bool mg_state_is_here(const struct mg_pending *pending);
/**
 * Remove the record, of whichever boot, and the socket of the guard that waited.
 * 0 where there is none.
 */
int mg_state_clear_pending(struct mg_state *state, struct mg_error *error);

#endif
