/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files that implement state.h share.
 *
 * Must not be included by anyone else.
 */
#ifndef MG_PLAN_STATE_INNER_H
#define MG_PLAN_STATE_INNER_H

#include "plan/state.h"

#include <jansson.h>

/** One of the two folders. */
struct mg_folder {
	char *path; /* absolute, for words */
	int fd;	    /* -1: it does not exist */
};

struct mg_state {
	struct mg_folder state;
	struct mg_folder run;
	int lock;     /* -1: not held */
	char *socket; /* path of the guard's socket */
};

/** A length limit that no record of ours comes near. */
#define MG_RECORD_LIMIT ((size_t)64 << 10)
/** The same for a meta.json, which names each file that a policy read. */
#define MG_META_LIMIT ((size_t)16 << 20)

/** A failure of the environment, about FOLDER/NAME. Returns @err. */
int mg_state_fail(struct mg_error *error, int err, const struct mg_folder *folder,
		  const char *name);

/** -EBADMSG: FOLDER/NAME is damaged, with what is wrong with it. */
int mg_state_damaged(struct mg_error *error, const struct mg_folder *folder, const char *name,
		     const char *what);

/**
 * A JSON string, or null for NULL. JSON knows only UTF-8 and file names know
 * any bytes: in a text that is not UTF-8 a question mark stands for each byte
 * outside ASCII. NULL: no memory.
 */
json_t *mg_state_string(const char *text);

#define MG_GENERATIONS "generations"
#define MG_CONFIRMED "confirmed"
#define MG_META "meta.json"

extern const char *const mg_rules_name[MG_FAMILIES]; /* of the file */
extern const char *const mg_sets_name[MG_FAMILIES];
extern const char *const mg_rules_key[MG_FAMILIES]; /* in meta.json */

/** A path below the state folder. */
struct mg_name {
	char text[64];
};

/** "generations/7" */
struct mg_name mg_generation_name(uint32_t number);

/** The number that a folder's name says, 0 for anything else. */
uint32_t mg_generation_number(const char *name);

/** Open the folder that holds all generations, and make it when @create; a descriptor or -errno. */
int mg_generations_open(const struct mg_state *state, bool create, struct mg_error *error);

/** The numbers of all generations there, the newest first. @out: to be freed. 0 or -errno. */
int mg_generations_list(int generations, uint32_t **out, size_t *count);

/** Take a generation out of sight in one step, and remove it. 0 or -errno. */
int mg_generation_remove(int generations, uint32_t number);

/** What is being removed is called so; a crash leaves it. */
#define MG_HALF_OLD ".old"

/**
 * Keep the newest confirmed generations, whatever is newer than the oldest of
 * them, and @confirmed.
 */
void mg_generations_prune(const struct mg_state *state, uint32_t confirmed);

/** Keep the newest of those that were never confirmed. @numbers: the newest first */
void mg_generations_drop_leftovers(const struct mg_state *state, int generations,
				   const uint32_t *numbers, size_t count);

/** The number that "confirmed" points to; -ENOENT without words, -EBADMSG. */
int mg_state_read_link(const struct mg_state *state, uint32_t *out, struct mg_error *error);

/**
 * Read a generation's meta.json; the caller lets go of it with json_decref().
 * -ENOENT without words: no such generation.
 */
int mg_generation_meta(const struct mg_state *state, uint32_t number, json_t **out,
		       struct mg_error *error);

/** Add how the generation came to be to its meta.json. 0, or -1: no memory. */
int mg_generation_put_story(json_t *meta, const struct mg_generation *generation);

/** And read it. False: it makes no sense, or there is no memory; what is there is to be freed. */
bool mg_generation_take_story(const json_t *meta, struct mg_generation *out);
void mg_generation_free_story(struct mg_generation *generation);

/**
 * A record as text, with a checksum of itself: of all that it says, but for the
 * boot, which is told apart by a number that no damage makes another boot's.
 * NULL: no memory. To be freed.
 */
char *mg_record_text(json_t *record);

/**
 * Does the checksum fit? @required: else one without any, of before there were
 * checksums, is whole, too.
 */
bool mg_record_is_whole(const json_t *record, bool required);

#endif
