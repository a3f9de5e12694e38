/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libmoongate: a host firewall engine over netfilter's x_tables.
 *
 * This is the one public header. It shows no kernel, xtables or Lua type.
 *
 * Conventions that hold for every function here:
 *  - a function that can fail returns 0 or -errno; the words and the class
 *    of the failure are in the caller's struct mg_error, which may be NULL;
 *  - an out parameter is written only on success;
 *  - every mg_..._free() accepts NULL;
 *  - strings handed out belong to the object they came from and live as
 *    long as it does, unless the function says otherwise;
 *  - nothing here prints or exits; handlers of signals stay what they are, but
 *    for SIGSEGV and SIGFPE while an extension's plugin prints a rule: one that
 *    breaks over what a table holds is an error.
 *
 * libxtables keeps its state in globals, so libmoongate is to be used from
 * one thread, with one struct mg_engine at a time, and linked before
 * libxtables (pkg-config does it so).
 */
#ifndef MOONGATE_H
#define MOONGATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

#define MG_VERSION "0.1.0"

/** How a request ended; the values are the exit codes of moongate(8). */
enum mg_status {
	MG_DONE = 0,	      /* done, or nothing to do */
	MG_INVALID = 1,	      /* the policy or the request is wrong */
	MG_CHANGES = 2,	      /* plan --detailed-exitcode: there are changes */
	MG_ROLLED_BACK = 3,   /* applied, and taken back */
	MG_BUSY = 4,	      /* a lock or another transaction is in the way */
	MG_UNSAFE = 5,	      /* refused for safety */
	MG_KERNEL = 6,	      /* the kernel refused */
	MG_ENVIRONMENT = 7,   /* no root, no disk space, no backend */
	MG_STATE_UNKNOWN = 8, /* the roll-back failed */
	MG_USAGE = 64,	      /* a command line that makes no sense */
};

/** Why something failed: its class, and a sentence for a person. */
struct mg_error {
	enum mg_status status;
	char text[2048]; /* complete, no newline at its end; may hold newlines */
};

enum mg_family { MG_IPV4, MG_IPV6, MG_FAMILIES };

/** How much a note matters. */
enum mg_severity {
	MG_INFO,    /* worth knowing: shown with -v */
	MG_WARNING, /* shown always */
	MG_REFUSAL, /* apply refuses (exit 5) unless it is forced */
};

/** Something that an operation wants to be known, beside its result. */
struct mg_note {
	enum mg_severity severity;
	char *place;  /* "file:line", or NULL */
	char *text;   /* what is the matter */
	char *remedy; /* the line to add or the command to run, or NULL */
};

/** A growing list of notes. Zero-initialise; end with mg_notes_clear(). */
struct mg_notes {
	struct mg_note *items;
	size_t count;
	size_t capacity;
};

/** Free what the list holds, so that it is empty and may grow again. */
void mg_notes_clear(struct mg_notes *notes);

/**
 * The right name that somebody who wrote @name probably meant, or NULL if
 * none is near enough.
 * @names: ended by NULL; their order does not matter
 */
const char *mg_nearest(const char *name, const char *const *names);

/*
 * The engine: one request, from the policy to the live tables.
 *
 *   check a policy   open, check [, try] [, export]
 *   look up names    open, resolve
 *   pin modules      open, lock
 *   plan             open, check or load_..., plan [, sections] [, save_plan]
 *   apply            open, check or load_..., begin, plan, apply; wait
 *   settle           open, confirm or rollback
 *   boot             open, restore; or open, export_boot
 *   look             open, report, visit or history
 *   move in          open, import
 *
 * A step without one that it needs is MG_INVALID, and changes nothing.
 */
struct mg_engine;

/** What is asked for. Zero means the usual; strings are borrowed until mg_engine_close(). */
struct mg_request {
	const char *policy;    /* path of the policy file */
	const char *language;  /* folder of the policy language; NULL: the installed one */
	const char *facts;     /* JSON file with facts about a host; NULL: this one's own */
	const char *state_dir; /* NULL: /var/lib/moongate */
	const char *run_dir;   /* NULL: /run/moongate */
	unsigned int families; /* 1 << MG_IPV4 | 1 << MG_IPV6; 0: both */
	double wait;	       /* seconds for each lock */
	bool remove_foreign;   /* rules of other software may go */
	bool beside_nft;       /* nf_tables filters beside us, and that is known */
	bool force;	       /* refusals for safety become warnings */
	bool flows;	       /* judge established flows, too, see mg_engine_flow_report() */
	bool drop_flows;       /* and end those that would not be admitted, once it is confirmed */
	bool elsewhere;	       /* it is not for this host's tables: nobody here is cut off */
	bool unconfined;       /* the policy runs in this process, with all of its rights */
	double policy_seconds; /* of processor time that it may take, 0: the usual; if confined */
};

/**
 * Learn the facts about the host and the operator. Needs no privilege.
 * With a facts file that names another host than this one, what follows is
 * for that host: the operator's own session is not looked at, and
 * mg_engine_plan() finds that apply is to be refused.
 * @request: copied, but not what its strings point to
 * Errors: MG_INVALID for a facts file that is wrong; MG_ENVIRONMENT.
 */
int mg_engine_open(const struct mg_request *request, struct mg_engine **out,
		   struct mg_error *error);

/** Free it, with all that it handed out but transactions. Accepts NULL. */
void mg_engine_close(struct mg_engine *engine);

/**
 * What was found so far, refusals among it; grows with each call, also with one that fails. But
 * what a check thought of the operator's way in goes where the kernel has judged it.
 */
const struct mg_notes *mg_engine_notes(const struct mg_engine *engine);

/** How the policy was confined, in words; NULL where it was not, or not yet. */
const char *mg_engine_confinement(const struct mg_engine *engine);

/** How many of the notes are refusals; what the request allows is a warning. */
size_t mg_engine_refusals(const struct mg_engine *engine);

/**
 * The facts that the policy gets, as JSON in the format that struct
 * mg_request's @facts is read in, with a newline at its end.
 * @out: to be freed with free(3)
 * Errors: MG_ENVIRONMENT.
 */
int mg_engine_facts(const struct mg_engine *engine, char **out, struct mg_error *error);

/** The families that are managed: asked for, and there. Bits as in struct mg_request. */
unsigned int mg_engine_families(const struct mg_engine *engine);

/** By how many ssh connections the operator may have come: 0 where none is above the caller. */
size_t mg_engine_operators(const struct mg_engine *engine);

/**
 * Evaluate the policy, compile it with the host's xtables extensions and look
 * for what is wrong with it. Needs no privilege, touches no live table. To be
 * called once. Errors: MG_INVALID, with "file:line" in the text.
 */
int mg_engine_check(struct mg_engine *engine, struct mg_error *error);

/** After a check: how many rules and chains the policy made, both families together. */
uint32_t mg_engine_rule_count(const struct mg_engine *engine);
uint32_t mg_engine_chain_count(const struct mg_engine *engine);

/**
 * After a check: have the kernel of a private network namespace judge what
 * was compiled. Needs CAP_SYS_ADMIN, of the machine or of a user namespace.
 * Errors: MG_KERNEL, naming rule and line; MG_ENVIRONMENT.
 */
int mg_engine_try(struct mg_engine *engine, struct mg_error *error);

/**
 * After a check: what the policy wants of one family, as iptables-restore(8)
 * and iptables-nft-restore(8) read it: complete, every table with its chain
 * policies and no counters. Comment lines say whose it is, and which line of
 * the policy made each rule ("#@ ORIGIN"). The same policy and facts give the
 * same text.
 * @out: to be freed with free(3); NULL where the family is not managed
 * Errors: MG_INVALID for a rule that the format cannot say.
 */
int mg_engine_export(struct mg_engine *engine, enum mg_family family, char **out,
		     struct mg_error *error);

/**
 * The same with counters, as iptables-restore -c takes them: of what the policy
 * wants and is live, as it has counted so far; 0 for the rest. Reads the live
 * tables, which needs CAP_NET_ADMIN in the network namespace.
 * Errors: also those of mg_engine_visit().
 */
int mg_engine_export_counted(struct mg_engine *engine, enum mg_family family, char **out,
			     struct mg_error *error);

/**
 * What is live of one family, as iptables-save prints it; needs no check.
 * @table:    the only one; NULL: all that exist, none of which is created
 * @counters: of rules, too, and not of chain policies alone
 * @out:      to be freed with free(3)
 * Errors: MG_INVALID for a table that cannot be; MG_ENVIRONMENT, also for a rule
 * with an extension that is not installed.
 */
int mg_engine_export_live(struct mg_engine *engine, enum mg_family family, const char *table,
			  bool counters, char **out, struct mg_error *error);

/**
 * After a check: the sets of one family that the policy manages, as ipset(8)
 * reads them with `restore`; they have to be there before the rules are loaded.
 * @out: to be freed with free(3); NULL where there are none
 */
int mg_engine_export_sets(struct mg_engine *engine, enum mg_family family, char **out,
			  struct mg_error *error);

/** An address that a name has now and had not before, or the other way round. */
struct mg_name_change {
	const char *name, *address;
	bool added; /* false: it is gone */
};

/** What came of looking up the names of a policy; lives until mg_engine_close(). */
struct mg_resolution {
	const char *path;	 /* of the lock file */
	size_t names, addresses; /* that it has */
	size_t change_count;
	const struct mg_name_change *changes; /* in order of the names */
};

/**
 * Instead of a check: evaluate the policy, look up each name that it asks
 * resolve() for, and write what was found to the lock file beside it, from
 * which all else takes it. The file is replaced in one step, and only if
 * something has changed. With a facts file, names that were not asked for stay
 * as they are; else they go. Uses the network, as getaddrinfo(3) does.
 * Errors: MG_INVALID, also for a name that does not exist; MG_ENVIRONMENT where
 * it cannot be known now, or the file cannot be written. Nothing is written then.
 */
int mg_engine_resolve(struct mg_engine *engine, const struct mg_resolution **out,
		      struct mg_error *error);

/** A module whose pin is new, another one, or gone. */
struct mg_lock_change {
	const char *module, *before, *after; /* SHA-256; NULL: it has none */
};

/** What came of pinning the modules of a policy; lives until mg_engine_close(). */
struct mg_lock {
	const char *path; /* of the lock file */
	bool is_new;	  /* there was none */
	size_t used;	  /* modules that the policy uses, directly or through others */
	size_t pinned;	  /* that the file has */
	size_t change_count;
	const struct mg_lock_change *changes;
};

/**
 * Instead of a check: evaluate the policy, and write the name and the SHA-256 of
 * each module that it uses to the file moongate.lock beside it. From then on all
 * else refuses a module that is not in it, or has other bytes. The file is
 * replaced in one step, and only if something has changed.
 * @add: pins of modules that are not used stay; so they do with a facts file
 * Errors: as mg_engine_check(); MG_INVALID also for a lock file that makes no
 * sense; MG_ENVIRONMENT. Nothing is written then.
 */
int mg_engine_lock(struct mg_engine *engine, bool add, const struct mg_lock **out,
		   struct mg_error *error);

/**
 * After mg_engine_plan(): keep the plan as a file, mode 0600, so that exactly
 * it can be applied later. A saved plan at @path is replaced, in one step.
 * Errors: MG_UNSAFE where apply would refuse the plan; MG_INVALID for a rule
 * that cannot be written down, and where something else is at @path;
 * MG_ENVIRONMENT.
 */
int mg_engine_save_plan(struct mg_engine *engine, const char *path, struct mg_error *error);

/**
 * Instead of a check: take what is wanted from a saved plan, and look for what
 * is wrong with it here and now. No policy is evaluated. The request's policy
 * is not read, nor does remove_foreign have to be said again. What it was
 * saved with holds: its families, and that certain rules of other software may
 * go and certain refusals were overridden; no others.
 * Errors: MG_INVALID for a file that is no whole plan; MG_UNSAFE for one that
 * others could have written, and where IPv6 has come or gone; MG_USAGE where
 * the request contradicts it; MG_ENVIRONMENT.
 */
int mg_engine_load_plan(struct mg_engine *engine, const char *path, struct mg_error *error);

/**
 * Take back what was applied and never confirmed, and is guarded by nobody any
 * more; a note says so. Whatever opens the state does it: this is for whoever may
 * fail before. Where the state cannot be opened, nothing is done. Errors: out of memory.
 */
int mg_engine_look_after(struct mg_engine *engine, struct mg_error *error);

/** Is this a file for mg_engine_load_plan()? Else it is one for mg_engine_check(). */
bool mg_is_saved_plan(const char *path);

/**
 * Begin a transaction: make the state's folders if need be and take the
 * transaction lock, which goes with the engine. To be called before
 * mg_engine_plan() by whoever wants to apply. Errors: MG_BUSY; MG_ENVIRONMENT.
 */
int mg_engine_begin(struct mg_engine *engine, struct mg_error *error);

/**
 * After a check, or a plan that was loaded: compare with the live tables, and
 * have the kernel judge if there is something to do. Needs CAP_NET_ADMIN and
 * CAP_NET_RAW. What apply would refuse is in the notes afterwards, a loaded
 * plan that was made for live tables that are no more included.
 * Errors: MG_KERNEL; MG_ENVIRONMENT.
 */
int mg_engine_plan(struct mg_engine *engine, struct mg_error *error);

/** What a plan amounts to, over all tables and families. */
struct mg_plan_summary {
	size_t added, removed, moved, kept; /* rules */
	size_t chains_added, chains_removed, policies_changed;
	size_t foreign_rules, foreign_chains; /* of those that go: other software's */
	size_t sets_added, sets_removed;      /* the policy's own sets */
	size_t members_added, members_removed;
	bool is_empty; /* nothing to do */
};

/** After mg_engine_plan(); all zero before. */
void mg_engine_plan_summary(const struct mg_engine *engine, struct mg_plan_summary *out);

/** A flow that conntrack knows, as its first packet was. */
struct mg_flow_line {
	enum mg_family family;
	const char *protocol;			    /* "tcp", "udp", "icmp", "icmpv6"; a number */
	const char *source, *destination;	    /* addresses */
	unsigned int source_port, destination_port; /* 0 where there are none */
	uint64_t packets, bytes; /* both ways; 0 where the kernel does not count */
};

/** Established flows, and what of them would not be admitted if it began now. */
struct mg_flow_report {
	size_t established; /* of the families that are managed */
	size_t judged;	    /* of the heaviest of them; some cannot be judged */
	size_t denied;	    /* and would not be admitted */
	bool counted;	    /* the kernel counts them (nf_conntrack_acct) */
	/* the heaviest ones of those that are denied; not counted: those that were used last */
	size_t listed;
	const struct mg_flow_line *lines;
};

/** After mg_engine_plan(): NULL where nobody asked, or nothing is tracked or known. */
const struct mg_flow_report *mg_engine_flow_report(const struct mg_engine *engine);

/** After a confirmation: how many of the flows that were to be ended are gone. */
size_t mg_engine_flows_ended(const struct mg_engine *engine);

enum mg_line_kind { MG_LINE_ADD, MG_LINE_REMOVE, MG_LINE_MOVE, MG_LINE_KEEP };

/** What happens to a rule, or to a stretch of rules that stay. */
struct mg_line {
	enum mg_line_kind kind;
	unsigned int families; /* bits 1 << MG_IPV4, 1 << MG_IPV6 */
	/* in the chain, from 1: as it will be; for REMOVE: as it is */
	uint32_t number[MG_FAMILIES];
	uint32_t from[MG_FAMILIES];  /* MOVE: as it is */
	uint32_t count[MG_FAMILIES]; /* KEEP of many: so many in a row; they may differ */
	const char *text;	     /* as iptables would print it; NULL for a KEEP of many */
	const char *origin;	     /* "file:line helper", or "" */
	bool foreign;		     /* REMOVE: other software's */
	const char *owner;	     /* foreign: whose it likely is, a name for keep(); or NULL */
	const char *kept_by;	     /* KEEP, MOVE: the preset or pattern that keeps it; or NULL */
	uint64_t packets, bytes;     /* REMOVE: counted so far, both families */
};

/** One chain, of both families where they agree. */
struct mg_section {
	const char *table, *chain;
	unsigned int families;
	const char *policy_before, *policy_after; /* built-in chains; else NULL */
	bool created, removed, foreign;		  /* foreign: removed, and other software's */
	bool changed;				  /* something happens here */
	const char *owner, *kept_by;		  /* as of a line */
	struct mg_line *lines;
	size_t line_count;
};

/** The chains of a plan, in the order of the commits. */
struct mg_sections;

/**
 * After mg_engine_plan(): the plan as lines for people.
 * @all: list every kept rule, and chains where nothing happens
 * @out: to be freed before the engine is closed
 */
int mg_engine_sections(const struct mg_engine *engine, bool all, struct mg_sections **out,
		       struct mg_error *error);

/** How many chains. */
size_t mg_sections_count(const struct mg_sections *sections);

/** One of them, from 0. */
const struct mg_section *mg_sections_at(const struct mg_sections *sections, size_t index);

/** Free them, with their texts. */
void mg_sections_free(struct mg_sections *sections);

/** What happens to a set of the policy's. */
struct mg_set_change {
	enum mg_family family;
	const char *name; /* "mg4-office", without the number of a generation */
	const char *type; /* "hash:ip" or "hash:net" */
	/* what the kernel calls it now, "mg4-office.7", and of which type; NULL if it has none */
	const char *live, *live_type;
	const char *origin; /* "file:line helper"; "" for one that goes */
	bool created, removed;
	bool changed;			     /* something happens to it */
	uint32_t count;			     /* members that it will have */
	uint32_t added_count, removed_count; /* members that come and that go */
	const char *const *added;	     /* the first ones of them, as text, in order */
	const char *const *removed_members;
	uint32_t added_listed, removed_listed;
};

/** The sets of a plan, by family and name. */
struct mg_set_changes;

/**
 * After mg_engine_plan(): what happens to the sets that the policy manages.
 * @all: list every member that comes or goes, and sets where nothing happens;
 *       else ten members of each at most
 * @out: to be freed before the engine is closed
 */
int mg_engine_set_changes(const struct mg_engine *engine, bool all, struct mg_set_changes **out,
			  struct mg_error *error);

/** How many sets. */
size_t mg_set_changes_count(const struct mg_set_changes *changes);

/** One of them, from 0. */
const struct mg_set_change *mg_set_changes_at(const struct mg_set_changes *changes, size_t index);

/** Free them, with their texts. */
void mg_set_changes_free(struct mg_set_changes *changes);

/** How an apply ended. */
enum mg_verdict {
	MG_VERDICT_NONE, /* not settled yet */
	MG_VERDICT_CONFIRMED,
	MG_VERDICT_ROLLED_BACK,
	MG_VERDICT_FAILED, /* the roll-back failed: the state is unknown */
	MG_VERDICT_GONE,   /* the guard died before a verdict */
};

/** An apply that waits for its confirmation. */
struct mg_transaction;

/**
 * Apply what was planned, after mg_engine_begin() and mg_engine_plan(), if
 * the plan is not empty. Takes the xtables lock meanwhile; refuses, also if
 * the live tables are not those of the plan any more, or commits and leaves a
 * guard process behind, which takes it back after @seconds.
 * Block the signals that could end this process in between.
 * Errors: MG_UNSAFE, with the reasons in the notes; MG_BUSY; MG_KERNEL;
 * MG_ENVIRONMENT: nothing was changed. MG_STATE_UNKNOWN: as it says.
 */
int mg_engine_apply(struct mg_engine *engine, double seconds, struct mg_transaction **out,
		    struct mg_error *error);

/**
 * The plan is empty: record what is live as the confirmed generation, if none
 * says the same already. After mg_engine_begin() and mg_engine_plan().
 * Errors: MG_UNSAFE, with the reasons in the notes; as mg_engine_apply().
 */
int mg_engine_record(struct mg_engine *engine, struct mg_error *error);

/** Confirm from the applying process itself. @by: how, such as "no-confirm"; for the record. */
int mg_transaction_confirm(struct mg_transaction *transaction, const char *by,
			   struct mg_error *error);

/** Take it back now; the verdict tells how it went. */
void mg_transaction_rollback(struct mg_transaction *transaction);

/**
 * Wait for a verdict, at most @milliseconds (-1: for ever); MG_VERDICT_NONE
 * when that time is up or a signal handler ran. If the guard is gone the old
 * tables are put back here, and the verdict is MG_VERDICT_ROLLED_BACK or
 * MG_VERDICT_FAILED; @error is filled for the latter.
 */
enum mg_verdict mg_transaction_wait(struct mg_transaction *transaction, int milliseconds,
				    struct mg_error *error);

/** The number of its generation. */
uint32_t mg_transaction_number(const struct mg_transaction *transaction);

/** What names it to mg_engine_confirm() and mg_engine_rollback(): 32 hex digits. */
const char *mg_transaction_token(const struct mg_transaction *transaction);

/** Let go; after a commit the guard goes on alone. */
void mg_transaction_free(struct mg_transaction *transaction);

/**
 * Confirm the apply that waits, from another process than the one that made
 * it: over an ssh connection that was opened after the commit, which proves
 * that there is a way in. The sshd among the caller's ancestors tells.
 * @token: of the apply that is meant; NULL: the one that waits
 * @console: there is no ssh, and somebody sits at the machine
 * Errors: MG_INVALID where nothing waits, or another apply than that; MG_UNSAFE
 * where the connection proves nothing; MG_ROLLED_BACK where it was taken back
 * meanwhile; MG_BUSY where the commit is still under way.
 */
int mg_engine_confirm(struct mg_engine *engine, const char *token, bool console,
		      struct mg_error *error);

/**
 * Take back at once what waits.
 * @token: as above
 * Errors: MG_INVALID where nothing waits, or another apply; MG_STATE_UNKNOWN.
 */
int mg_engine_rollback(struct mg_engine *engine, const char *token, struct mg_error *error);

/** What a restore has made of the live tables. */
struct mg_restoration {
	uint32_t number; /* of the generation that is live now; 0: nothing was ever confirmed */
	bool changed;	 /* else it was live already, and nothing was touched */
};

/**
 * Make the confirmed generation live again, as it was kept: no policy is
 * evaluated and no name looked up. What it keeps of others stays as it is now;
 * what else is in its tables goes, and the notes tell. What waited for a
 * confirmation when the host or its guard went down is dropped. Where the
 * generation is damaged, the newest whole one before it is taken, and a warning
 * says so.
 * A family that cannot be loaded, or all where no generation is whole, gets
 * minimal rules instead, unless what is live denies what it does not allow: the
 * error says which, and why; the other family is loaded all the same.
 * Block the signals that could end this process meanwhile.
 * Errors: MG_BUSY: an apply waits for its confirmation, or a lock is held, and
 * nothing was changed. MG_KERNEL, MG_ENVIRONMENT: as above, or nothing was done
 * where the words say so. MG_STATE_UNKNOWN.
 */
int mg_engine_restore(struct mg_engine *engine, struct mg_restoration *out, struct mg_error *error);

/** A file that a generation was made from. */
struct mg_generation_file {
	const char *kind; /* "policy", "module", "addresses", "names", "pins", "facts", "plan" */
	const char *name; /* as the policy says it */
	const char *path, *sha256;
};

/** A generation: what was applied at a time. */
struct mg_generation_info {
	uint32_t number;	  /* 0: there is none */
	int64_t time;		  /* when it was applied, in seconds since the epoch */
	const char *user;	  /* who did */
	const char *policy;	  /* path of the policy file */
	const char *confirmed_by; /* "connection", "console", "no-confirm", ...; NULL: not */
	/* NULL, 0 and false where it was not written down, or there is none */
	int64_t confirmed_at; /* in seconds since the epoch */
	const char *peer;     /* address from which that user came by ssh */
	const char *version;  /* of Moongate */
	uint32_t from;	      /* the generation whose rules these are again */
	bool has_summary;     /* what it changed: */
	struct mg_plan_summary summary;
	size_t file_count;
	const struct mg_generation_file *files;
	bool in_force, is_pending; /* loaded at boot; waits for its confirmation */
	const char *damage;	   /* why it cannot be loaded; NULL: it is whole */
};

/** Files from which other programs load rules at boot. Strings live until mg_engine_close(). */
struct mg_boot_export {
	const char *format; /* "iptables-persistent", "sysconfig"; NULL: none */
	const char *folder;
	uint32_t number; /* of the generation that they hold; 0: nothing is confirmed yet */
};

/**
 * Write the confirmed generation to the files of that format, now and with each
 * confirmation from then on; a file of somebody else's is kept once, as
 * NAME.moongate-old. What else it takes is in the notes.
 * @format: NULL: not any more; the files stay
 * Errors: MG_USAGE for a format that there is not; MG_BUSY; MG_ENVIRONMENT.
 */
int mg_engine_export_boot(struct mg_engine *engine, const char *format, struct mg_boot_export *out,
			  struct mg_error *error);

/** The generations that there are, the newest first. */
struct mg_history;

/**
 * Read what all generations tell, and whether each is whole. Needs no privilege
 * but to read the state folder.
 * @out: to be freed
 * Errors: MG_ENVIRONMENT; that there are none is no error.
 */
int mg_engine_history(struct mg_engine *engine, struct mg_history **out, struct mg_error *error);

/** How many generations. */
size_t mg_history_count(const struct mg_history *history);

/** One of them, from 0. */
const struct mg_generation_info *mg_history_at(const struct mg_history *history, size_t index);

/** Free them, with their texts. */
void mg_history_free(struct mg_history *history);

enum mg_file_now { MG_FILE_SAME, MG_FILE_CHANGED, MG_FILE_GONE, MG_FILE_UNREADABLE };

/** Is it still what the generation was made from? */
enum mg_file_now mg_generation_file_now(const struct mg_generation_file *file);

/**
 * Instead of a check or of loading a plan: take what is wanted from a generation,
 * as it was kept, and look for what is wrong with it here and now. No policy is
 * evaluated. It may be planned, applied and exported then, with all that this
 * takes; what it keeps of others stays as it is now.
 * Errors: MG_INVALID where there is no such generation, or it has no rules of the
 * families asked for; MG_USAGE for a request with facts; MG_ENVIRONMENT where it
 * is damaged.
 */
int mg_engine_load_generation(struct mg_engine *engine, uint32_t number, struct mg_error *error);

enum mg_pending_state {
	MG_PENDING_NONE,     /* nothing waits for a confirmation */
	MG_PENDING_APPLYING, /* the commit is under way */
	MG_PENDING_WAITING,  /* taken back in @seconds_left unless it is confirmed */
	MG_PENDING_ENDING,   /* is being taken back now */
	MG_PENDING_LEFT,     /* never confirmed, and its guard is gone: it stays */
};

/** What other software has in one live table, both families together. */
struct mg_owner {
	const char *name, *table; /* the name is one for keep(); NULL: it looks like nobody's */
	unsigned int families;	  /* in which it is, bits as in struct mg_request */
	size_t rules, chains;
	bool kept; /* the generation that is live keeps it */
};

/** How things stand. Strings live until the next report or mg_engine_close(). */
struct mg_report {
	struct mg_generation_info confirmed;
	enum mg_pending_state pending;
	uint32_t pending_number;   /* of its generation */
	int64_t seconds_left;	   /* WAITING */
	const char *pending_token; /* WAITING: for mg_engine_confirm(); else NULL */

	/* The live tables against the generation that is live, if any. */
	bool has_drift;
	size_t missing;	 /* our rules that are not there, or not where they belong */
	size_t foreign;	 /* rules that are not ours */
	size_t policies; /* chain policies that differ */
	size_t sets;	 /* our sets that are gone, or have other members */
	/* All that is not of that generation, also in tables that it does not have, by name. */
	bool owners_hidden; /* not for this user to see: there may be more */
	size_t owner_count;
	const struct mg_owner *owners;
};

/**
 * How things stand; who else filters here goes to the notes. Needs
 * CAP_NET_ADMIN and CAP_NET_RAW where there is a generation.
 */
int mg_engine_report(struct mg_engine *engine, struct mg_report *out, struct mg_error *error);

/** A live chain, or one of a generation. Strings live until the visitor returns; so for a rule. */
struct mg_live_chain {
	enum mg_family family;
	const char *table, *name;
	bool exists;		 /* false: the kernel does not have its table yet */
	const char *policy;	 /* NULL: a user chain */
	uint64_t packets, bytes; /* of the policy */
	uint32_t count;		 /* of its rules */
};

struct mg_live_rule {
	const char *text;   /* as iptables would print it */
	const char *origin; /* "file:line helper"; "" unknown; NULL: not ours */
	uint64_t packets, bytes;
};

/** A set of a generation. */
struct mg_live_set {
	enum mg_family family;
	const char *name, *type, *origin;
	uint32_t count; /* of its members */
};

/** What a generation leaves to other software. */
struct mg_live_kept {
	const char *kind, *pattern; /* "chains" and "f2b-*" */
	const char *owner, *origin; /* a preset of keep(), or "" */
};

/**
 * What to do with them, in order: a chain, then its rules numbered from 1.
 * Other than 0 ends the visit, and is what mg_engine_visit() returns.
 */
struct mg_live_visitor {
	int (*chain)(void *context, const struct mg_live_chain *chain);
	int (*rule)(void *context, uint32_t number, const struct mg_live_rule *rule);
	void *context;
	/* of a generation only; both, or NULL */
	int (*set)(void *context, const struct mg_live_set *set);
	int (*member)(void *context, const char *text);
	int (*kept)(void *context, const struct mg_live_kept *kept); /* or NULL */
};

/**
 * Visit the live tables in the order of the commits (raw, mangle, security,
 * nat, filter), of each IPv4 before IPv6. A table that does not exist is not
 * opened; if it was asked for, or is filter, its chains are visited as what
 * they are: empty. All are read before the visitor is called. The origins come
 * from the generation that is live. Needs CAP_NET_ADMIN and CAP_NET_RAW.
 * @table: one table, or NULL for all that there are
 * @chain: one chain of it, or NULL
 * Errors: MG_INVALID where there is no such table or chain, with the nearest
 * that there is.
 */
int mg_engine_visit(struct mg_engine *engine, const char *table, const char *chain,
		    const struct mg_live_visitor *visitor, struct mg_error *error);

/**
 * Visit the chains and rules of a generation in the same order, then its sets,
 * each followed by its members, then what it keeps. They have counted nothing.
 * Errors: MG_INVALID where there is none; MG_ENVIRONMENT where it is damaged.
 */
int mg_engine_visit_generation(struct mg_engine *engine, uint32_t number,
			       const struct mg_live_visitor *visitor, struct mg_error *error);

/** A dump of one family's rules, as iptables-save(8) or `iptables -S` print it. */
struct mg_import_text {
	const char *name; /* of the file, for words */
	const char *text;
	size_t length;
	unsigned int family; /* 1 << MG_IPV4 or 1 << MG_IPV6; 0: it is found out */
};

/** Docker's rules, fail2ban's: left to them, as live ones usually are, or imported, too. */
enum mg_others { MG_OTHERS_AS_USUAL, MG_OTHERS_KEPT, MG_OTHERS_IMPORTED };

/** What mg_engine_import() is to read. Strings are borrowed during the call. */
struct mg_import {
	const struct mg_import_text *texts; /* at most one for each family */
	size_t count;			    /* 0: the live tables of the engine's families */
	bool lenient; /* lines that make no sense become comments of the policy */
	enum mg_others others;
};

/**
 * Turn rules into a policy: calls of helpers where they say just the same,
 * primitives for the rest. Planning the policy where those rules are live has
 * nothing to do: that is proven before it is handed out. Where only one family
 * is read the policy makes no rules for the other. Needs CAP_NET_ADMIN and
 * CAP_NET_RAW for live tables, nothing for texts.
 * @out: the text of the policy, to be freed with free(3)
 * Errors: MG_INVALID, naming each line that makes no sense; MG_ENVIRONMENT.
 */
int mg_engine_import(struct mg_engine *engine, const struct mg_import *import, char **out,
		     struct mg_error *error);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
