/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The inside of struct mg_engine, whose functions stand in moongate.h:
 *
 *   engine.c       what is asked for, the policy, what was found
 *   facts.c        which host it is about
 *   resolving.c    names, from the lock file or looked up
 *   pinning.c      modules, and the bytes that they may be
 *   beside.c       the files that both keep beside the policy
 *   exporting.c    text for hosts without Moongate
 *   boot_export.c  and for other loaders on this one
 *   planning.c     against the live tables
 *   preflight.c    what the kernel itself says to it
 *   preflight_notes.c  and that in words
 *   flows.c        what goes on though it would not be admitted
 *   saved_plan.c   keeping a plan as a file
 *   loaded_plan.c  and taking it up again
 *   applying.c     making it real
 *   story.c        and what is told of it later
 *   restoring.c    the confirmed generation, at boot
 *   absent_sets.c  what of it cannot be yet
 *   loading.c      rules that nobody has to confirm
 *   standing_in.c  and the minimal rules where there is none
 *   settling.c     confirming or rolling back what waits
 *   recovering.c   and taking back what nobody guards any more
 *   looking.c      how things stand
 *   history.c      what was applied before
 *   visit_kept.c   its rules
 *   again.c        and applying them once more
 *   others.c       whose the other rules are
 *   published.c    what Docker lets through on its own
 *   visiting.c     what is live
 *   live_text.c    and that as iptables-save prints it
 *   importing.c    rules as a policy
 *   import_*.c     where they come from, and that the policy says the same
 *   places.c       where the installed files lie
 *
 * It puts the parts together and holds no logic that a part could hold. It may
 * include everything but Lua.
 */
#ifndef MG_ENGINE_H
#define MG_ENGINE_H

#include "plan/apply.h"
#include "plan/operator.h"
#include "plan/saved.h"
#include "policy/evaluate.h"
#include "ruleset/host.h"

struct mg_lookups;
struct mg_engine_flows;
struct mg_pinning;
struct mg_search_path;

/** What other software has in the live tables; its names last. */
struct mg_owners {
	struct mg_owner *items;
	size_t count, capacity;
	bool hidden; /* which tables there are is not for this user to know */
};

struct mg_engine {
	struct mg_request request;
	char *language;		     /* its folder, where the request does not say */
	struct mg_host *host;	     /* that the policy is for */
	bool is_other_host;	     /* by its name: the facts came from a file */
	bool is_elsewhere;	     /* what comes of it stays away from this host's tables */
	bool have_ipv6;		     /* there is an IPv6 half to be managed */
	struct mg_operator operator; /* nobody was looked for elsewhere */
	struct mg_ruleset *ruleset;
	struct mg_plan *plan;
	struct mg_state *state;
	struct mg_generation *confirmed; /* NULL: nothing was ever confirmed */
	struct mg_generation *again;	 /* where the ruleset comes from, instead of a policy */
	struct mg_saved_plan *saved;	 /* where the ruleset comes from, instead of a policy */
	struct mg_lookups *lookups; /* what is known of names, see resolving.c; NULL: nothing yet */
	struct mg_pinning *pinning; /* the modules' lock file; see pinning.c */
	struct mg_sources sources;  /* the files that the ruleset comes from */
	struct mg_notes notes;
	char confinement[MG_HOW_CONFINED]; /* how the policy was confined; "": it was not */
	/* which of them tell what analysis thinks of each of the operator's connections */
	size_t first_way_note, *way_note_ends;
	struct mg_owners owners;       /* as of the last report */
	char pending_token[33];	       /* the same */
	unsigned int families;	       /* that are managed: asked for, and there */
	struct mg_engine_flows *flows; /* see flows.h; NULL: not asked for */
	bool begun;		       /* the transaction lock is held */
	uint32_t recovered; /* the generation that was taken back as the state was opened */
	bool planned;	    /* the plan is compared with the live tables, and judged */
};

/** -EINVAL: the caller's mistake of calling @function without @first before it. */
int mg_engine_too_early(const char *function, const char *first, struct mg_error *error);

/**
 * Learn what the policy may know of its host, and who operates this one.
 * Errors: as mg_engine_open().
 */
int mg_engine_learn_host(struct mg_engine *engine, struct mg_error *error);

/** Note what speaks against applying: the facts are those of another host. */
int mg_engine_refuse_other_host(struct mg_engine *engine, struct mg_error *error);

/**
 * Open the state, if it is not; @create: make its folders. What was applied and
 * is guarded by nobody any more is taken back, see mg_engine_tend_state().
 */
int mg_engine_open_state(struct mg_engine *engine, bool create, struct mg_error *error);

/**
 * The transaction lock is held: what a record says to be pending is nobody's
 * business any more but ours. Put back what was live before, and tell.
 * Errors: MG_BUSY: it is another network namespace's; MG_STATE_UNKNOWN: it cannot
 * be put back, and the record stays.
 */
int mg_engine_recover(struct mg_engine *engine, struct mg_error *error);

/** The same for whoever only looks: if nobody holds the lock; a failure is a note. */
int mg_engine_tend_state(struct mg_engine *engine, struct mg_error *error);

/**
 * The guard was asked and is gone: wait for whoever restores instead of it, or do
 * it. Errors: MG_BUSY: they are at it still; else as above.
 * @is_confirmed: does it count now? Else the old rules are back
 */
int mg_engine_find_outcome(struct mg_engine *engine, const struct mg_pending *pending,
			   bool *is_confirmed, struct mg_error *error);

/** Read the confirmed generation anew; the state is open. */
int mg_engine_read_confirmed(struct mg_engine *engine, struct mg_error *error);

/**
 * The generation whose rules are live: the one that waits for a confirmation,
 * to be freed, or NULL in @out: then the confirmed one, if any.
 */
int mg_engine_read_pending(struct mg_engine *engine, struct mg_generation **out,
			   struct mg_error *error);

/**
 * The rules and sets of a generation as a ruleset again, which is sealed.
 * @ruleset:  new
 * @families: those that the generation manages
 */
int mg_engine_read_generation(const struct mg_generation *generation, struct mg_ruleset *ruleset,
			      unsigned int *families, struct mg_error *error);

/** Whose rules are live: those of that generation, read anew; the state is open. */
int mg_engine_read_owned(struct mg_engine *engine, struct mg_owned **out, struct mg_error *error);

/**
 * Refusals from note @first on become warnings, if they are @allowed: the
 * operator knows. So do those that a loaded plan was saved in spite of.
 */
void mg_engine_allow(struct mg_engine *engine, size_t first, bool allowed);

/**
 * Is @table to be read where none was named? Filter, as every policy has it,
 * and what exists; where that cannot be known, a look would make it exist: then
 * a note says so, and @advice.
 * @remedy: of the note; NULL: none
 * @err:    set to -ENOMEM if there is no memory for the note, else not touched
 */
bool mg_engine_is_worth_reading(struct mg_engine *engine, enum mg_family family, const char *table,
				const char *remedy, const char *advice, int *err);

/** Is there such a table? Errors: MG_INVALID, with what may be meant. */
int mg_engine_check_table(const char *table, struct mg_error *error);

/**
 * Count what in the live tables of this host is not of a generation.
 * @plan: of that generation, compared; NULL: there is none
 */
int mg_engine_count_others(struct mg_engine *engine, const struct mg_plan *plan,
			   struct mg_error *error);
void mg_owners_clear(struct mg_owners *owners);

/** Note which ports Docker publishes, if any. */
int mg_engine_tell_published(struct mg_engine *engine, enum mg_severity severity,
			     struct mg_error *error);

/** The same for a policy that keeps Docker: a warning, if it has no rules about them. */
int mg_engine_tell_kept_published(struct mg_engine *engine, struct mg_error *error);

/** After a plan was compared: note which software that the policy keeps is not there. */
int mg_engine_tell_absent(struct mg_engine *engine, struct mg_error *error);

/**
 * What is wrong with a ruleset for this host: to @notes.
 * @ends: as in struct mg_diagnose_facts
 */
int mg_engine_diagnose(const struct mg_engine *engine, const struct mg_ruleset *ruleset,
		       struct mg_notes *notes, size_t *ends, struct mg_error *error);

/** Read a generation. Errors: MG_INVALID where there is none; MG_ENVIRONMENT. */
int mg_engine_open_generation(struct mg_engine *engine, uint32_t number, struct mg_generation **out,
			      struct mg_error *error);

/** Note that the files of other loaders do not hold what is in force, if that is asked for. */
int mg_engine_tell_boot_files(struct mg_engine *engine, struct mg_error *error);

/** The services that load, at boot, what Moongate has written for them: not rules of others. */
const char *const *mg_engine_own_loaders(const struct mg_engine *engine);

/** A generation as the API shows it, whose strings it borrows; NULL: there is none. */
struct mg_generation_info mg_engine_describe(const struct mg_generation *generation);

/**
 * How the generation that is about to be made comes to be, after a plan: for
 * struct mg_apply_order. What it points to is borrowed from the engine and from
 * @peer, but for the list of files, which mg_engine_free_story() frees.
 * @peer: address of the operator, or ""
 */
int mg_engine_make_story(const struct mg_engine *engine, char *peer, struct mg_generation *out,
			 struct mg_error *error);
void mg_engine_free_story(struct mg_generation *story);

/** Who does this: the person behind sudo, if there is one. */
void mg_engine_user(char *out, size_t size);

/** Which machine this is, whatever facts were given; fills that part of @out. */
int mg_engine_identify(struct mg_saved_plan *out, struct mg_error *error);

/**
 * The ruleset that a saved plan says, sealed. Its origins are the policy's.
 * @name: of the file, for words
 */
int mg_engine_read_rules(const struct mg_saved_plan *saved, const char *name,
			 struct mg_ruleset **out, struct mg_error *error);

/** Was this refusal overridden when the loaded plan was saved? */
bool mg_engine_was_overridden(const struct mg_engine *engine, const char *text);

/** May rules of other software that go now go: were they shown when the plan was saved? */
int mg_engine_judge_foreign(const struct mg_engine *engine, bool *allowed, struct mg_error *error);

/** Note what of the live tables is not what the loaded plan was made for. */
int mg_engine_judge_live(struct mg_engine *engine, struct mg_error *error);

/**
 * Evaluate the request's policy.
 * @names: where resolve() gets its addresses
 * Errors: as mg_engine_check()
 */
int mg_engine_evaluate(struct mg_engine *engine, const struct mg_name_source *names,
		       struct mg_ruleset **out, struct mg_error *error);

/** The names of the lock file, which is read when the first one is asked for. */
struct mg_name_source mg_engine_locked_names(struct mg_engine *engine);

/** Write a file that belongs to the policy, into the folder beside it. */
int mg_engine_write_beside(const struct mg_engine *engine, const char *folder, const char *file,
			   const char *text, struct mg_error *error);

/**
 * Learn which modules are pinned, if there is a lock file in one of the policy's
 * own folders. Errors: MG_INVALID, "FOLDER/moongate.lock:LINE: ..."
 */
int mg_engine_read_pins(struct mg_engine *engine, const struct mg_search_path *modules,
			struct mg_error *error);
void mg_engine_free_pins(struct mg_engine *engine);

/** Free what is known of names. */
void mg_lookups_free(struct mg_lookups *lookups);

/** -ENOMEM, in words. */
int mg_engine_no_memory(struct mg_error *error);

/**
 * The folder of installed files @name ("lua", "policies"), found from the
 * place of the program or library that this code is in, so that a copy of a
 * whole installation works anywhere. To be freed; NULL without memory.
 */
char *mg_installed_folder(const char *name);

/** The folders in which a policy's modules are looked for, in order. */
struct mg_search_path {
	const char *folders[5]; /* ended by NULL */
	char *own, *linked, *installed;
};

/**
 * Beside the policy (and, where that is a symbolic link, beside what it leads
 * to), in /etc/moongate/policies, among the installed policies.
 * Returns 0 or -ENOMEM; to be cleared in either case.
 */
int mg_search_path_make(const char *policy, struct mg_search_path *out);
void mg_search_path_clear(struct mg_search_path *path);

#endif
