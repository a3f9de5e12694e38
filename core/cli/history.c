/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * moongate history: what was applied, by whom, and one of it in full.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "json_document.h"
#include "output.h"

enum {
	ORIGIN_COLUMN = 96,
	LONGEST_USER = 12,
	LONGEST_HOW = 16,
	MEMBERS_SHOWN = 10, /* of a set, unless -v */
};

/* @exactly: with seconds and the time zone, else as short as can be */
static const char *when(int64_t seconds, bool exactly, char text[64])
{
	const time_t time = (time_t)seconds;
	struct tm local;

	if (!localtime_r(&time, &local) ||
	    !(exactly ? strftime(text, 64, "%Y-%m-%d %H:%M:%S %z", &local)
		      : strftime(text, 64, "%Y-%m-%d %H:%M", &local)))
		snprintf(text, 64, "?");
	return text;
}

/* "+24 -1 ~1", and what else has changed. */
static const char *changes(const struct mg_generation_info *info, char *text, size_t size)
{
	const struct mg_plan_summary *sum = &info->summary;
	char from[32] = "";

	if (info->from)
		snprintf(from, sizeof(from), "%sfrom %u", info->has_summary ? ", " : "",
			 info->from);
	if (!info->has_summary)
		snprintf(text, size, "%s", *from ? from : "-");
	else if (sum->added || sum->removed || sum->moved)
		snprintf(text, size, "+%zu -%zu ~%zu%s", sum->added, sum->removed, sum->moved,
			 from);
	else
		snprintf(text, size, "%s%s",
			 sum->policies_changed			      ? "policies"
			 : sum->members_added || sum->members_removed ? "members"
								      : "none",
			 from);
	return text;
}

static const char *how(const struct mg_generation_info *info)
{
	return info->confirmed_by ? info->confirmed_by : "never";
}

/* Columns of the terminal; 0: there is none, and lines are whole. */
static int terminal_width(void)
{
	struct winsize size;

	return isatty(STDOUT_FILENO) && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) ? size.ws_col : 0;
}

/* The end of a path tells most. */
static void print_path(const char *path, int room)
{
	const int length = (int)strlen(path);

	if (room > 8 && length > room) {
		fputs("...", stdout);
		path += length - room + 3;
	}
	print_plain(path);
}

static int wider(int width, const char *text, int most)
{
	const int is = text_width(text);

	return is > most ? most : is > width ? is : width;
}

/* How wide the columns are that need not be. */
struct columns {
	int number, user, how, changes;
};

static struct columns measure(const struct mg_history *history)
{
	struct columns wide = { 3, 4, 9, 7 };
	char text[96];
	size_t i;

	for (i = 0; i < mg_history_count(history); i++) {
		const struct mg_generation_info *info = mg_history_at(history, i);

		snprintf(text, sizeof(text), "%u", info->number);
		wide.number = wider(wide.number, text, 10);
		wide.user = wider(wide.user, info->user ? info->user : "", LONGEST_USER);
		wide.how = wider(wide.how, how(info), LONGEST_HOW);
		wide.changes = wider(wide.changes, changes(info, text, sizeof(text)), 40);
	}
	return wide;
}

/* One that cannot be read at all: its damage instead. */
static void print_damaged(const struct options *options, const struct mg_generation_info *info)
{
	style(options, REMOVED);
	fputs(info->damage, stdout);
	style(options, PLAIN);
	putchar('\n');
}

static void print_generation(const struct options *options, const struct mg_generation_info *info,
			     const struct columns *wide, int room)
{
	char date[64], text[96];

	style(options, info->in_force ? STRONG : info->is_pending ? MOVED : PLAIN);
	printf("%c %*u  ",
	       info->damage	  ? '!'
	       : info->in_force	  ? '*'
	       : info->is_pending ? '?'
				  : ' ',
	       wide->number, info->number);
	if (info->damage) {
		print_damaged(options, info);
		return;
	}
	printf("%s  %-*.*s  %-*.*s  %-*s  ", when(info->time, false, date), wide->user,
	       LONGEST_USER, info->user ? info->user : "-", wide->how, LONGEST_HOW, how(info),
	       wide->changes, changes(info, text, sizeof(text)));
	print_path(info->policy ? info->policy : "-", room);
	style(options, PLAIN);
	putchar('\n');
}

static void print_list(const struct options *options, const struct mg_history *history)
{
	const struct columns wide = measure(history);
	/* the marks, the date and what parts the columns */
	const int used = 2 + wide.number + 2 + 16 + 2 + wide.user + 2 + wide.how + 2 +
			 wide.changes + 2;
	const int width = terminal_width();
	size_t i;

	if (!mg_history_count(history)) {
		puts("Nothing was ever applied here.");
		return;
	}
	style(options, FAINT);
	printf("  %*s  %-16s  %-*s  %-*s  %-*s  policy", wide.number, "no.", "applied", wide.user,
	       "by", wide.how, "confirmed", wide.changes, "changes");
	style(options, PLAIN);
	putchar('\n');
	for (i = 0; i < mg_history_count(history); i++)
		print_generation(options, mg_history_at(history, i), &wide, width - used);
}

static void print_amount(const char **before, size_t number, const char *one, const char *many,
			 const char *what)
{
	if (!number)
		return;
	printf("%s%zu %s%s", *before, number, plural(number, one, many), what);
	*before = ", ";
}

static void show_changes(const struct mg_plan_summary *sum)
{
	const char *before = "changes      ";

	print_amount(&before, sum->added, "rule", "rules", " added");
	print_amount(&before, sum->removed, "rule", "rules", " removed");
	print_amount(&before, sum->moved, "rule", "rules", " moved");
	print_amount(&before, sum->kept, "rule", "rules", " kept");
	print_amount(&before, sum->policies_changed, "chain policy", "chain policies", "");
	print_amount(&before, sum->chains_added, "chain", "chains", " added");
	print_amount(&before, sum->chains_removed, "chain", "chains", " removed");
	print_amount(&before, sum->foreign_rules, "rule", "rules", " of other software removed");
	print_amount(&before, sum->sets_added, "set", "sets", " added");
	print_amount(&before, sum->sets_removed, "set", "sets", " removed");
	print_amount(&before, sum->members_added, "member", "members", " added");
	print_amount(&before, sum->members_removed, "member", "members", " removed");
	puts(*before == ',' ? "" : "changes      none");
}

static void show_file(const struct options *options, const struct mg_generation_file *file)
{
	static const char *const words[] = {
		[MG_FILE_SAME] = "unchanged since",
		[MG_FILE_CHANGED] = "another one now",
		[MG_FILE_GONE] = "gone",
		[MG_FILE_UNREADABLE] = "cannot be read now",
	};
	const enum mg_file_now now = mg_generation_file_now(file);

	printf("%-11s  ", file->kind);
	print_plain(file->name);
	fputs(", ", stdout);
	style(options, now == MG_FILE_SAME ? PLAIN : MOVED);
	fputs(words[now], stdout);
	style(options, PLAIN);
	fputs("\n             ", stdout);
	print_plain(file->path);
	printf("\n             %s\n", file->sha256);
}

static void show_about(const struct options *options, const struct mg_generation_info *info)
{
	char date[64];
	size_t i;

	style(options, STRONG);
	printf("generation   %u%s", info->number,
	       info->in_force	  ? ", in force"
	       : info->is_pending ? ", waits for its confirmation"
				  : "");
	style(options, PLAIN);
	printf("\napplied      %s by %s%s%s\n", when(info->time, true, date),
	       info->user ? info->user : "?", info->peer ? " from " : "",
	       info->peer ? info->peer : "");
	printf("confirmed    %s", how(info));
	if (info->confirmed_at)
		printf(", %s", when(info->confirmed_at, true, date));
	fputs("\npolicy       ", stdout);
	print_plain(info->policy ? info->policy : "?");
	putchar('\n');
	if (info->from)
		printf("rules        those of generation %u\n", info->from);
	if (info->has_summary)
		show_changes(&info->summary);
	if (info->version)
		printf("version      %s\n", info->version);
	for (i = 0; i < info->file_count; i++)
		show_file(options, &info->files[i]);
}

/* What the lines need to know of each other. */
struct listing {
	const struct options *options;
	uint32_t members; /* of the set that were told */
};

static int show_chain(void *context, const struct mg_live_chain *chain)
{
	const struct options *options = ((struct listing *)context)->options;

	style(options, STRONG);
	printf("\n%s  %s  (%s)", chain->table, chain->name, chain->family == MG_IPV4 ? "v4" : "v6");
	if (chain->policy)
		printf("   policy %s", chain->policy);
	style(options, PLAIN);
	puts(chain->count ? "" : "\n  (no rules)");
	return 0;
}

static int show_rule(void *context, uint32_t number, const struct mg_live_rule *rule)
{
	const struct options *options = ((struct listing *)context)->options;
	const char *text = *rule->text ? rule->text : "(every packet, no target)";
	const int width = printf("%5u  ", number);

	print_plain(text);
	if (*rule->origin)
		pad(width + text_width(text), ORIGIN_COLUMN);
	print_origin(options, rule->origin);
	putchar('\n');
	return 0;
}

static int show_set(void *context, const struct mg_live_set *set)
{
	struct listing *listing = context;

	style(listing->options, STRONG);
	printf("\nset  %s  %s", set->name, set->type);
	style(listing->options, PLAIN);
	printf("   %u %s   ", set->count, plural(set->count, "member", "members"));
	print_origin(listing->options, set->origin);
	putchar('\n');
	listing->members = 0;
	return 0;
}

static int show_member(void *context, const char *text)
{
	struct listing *listing = context;

	if (listing->members++ < MEMBERS_SHOWN || listing->options->verbose)
		printf("       %s\n", text);
	else if (listing->members == MEMBERS_SHOWN + 1)
		puts("       ... (-v lists them all)");
	return 0;
}

static int show_kept(void *context, const struct mg_live_kept *kept)
{
	struct listing *listing = context;

	style(listing->options, STRONG);
	fputs("\nkept", stdout);
	style(listing->options, PLAIN);
	printf("  %s  ", kept->kind);
	print_plain(kept->pattern);
	if (*kept->owner)
		printf("  (%s)", kept->owner);
	fputs("   ", stdout);
	print_origin(listing->options, kept->origin);
	putchar('\n');
	return 0;
}

static const struct mg_generation_info *find(const struct mg_history *history, uint32_t number)
{
	size_t i;

	for (i = 0; i < mg_history_count(history); i++)
		if (mg_history_at(history, i)->number == number)
			return mg_history_at(history, i);
	return NULL;
}

static int show_one(const struct options *options, struct mg_engine *engine,
		    const struct mg_history *history, struct mg_error *error)
{
	struct listing listing = { .options = options };
	const struct mg_live_visitor visitor = {
		.chain = show_chain,
		.rule = show_rule,
		.set = show_set,
		.member = show_member,
		.kept = show_kept,
		.context = &listing,
	};
	const struct mg_generation_info *info = find(history, options->generation);

	/* one that is not there, or is damaged, is an error of the visit */
	if (info && !info->damage)
		show_about(options, info);
	return mg_engine_visit_generation(engine, options->generation, &visitor, error);
}

static int show(const struct options *options, struct mg_engine *engine, struct document *document,
		struct mg_error *error)
{
	struct mg_history *history;
	int err;

	if (options->json)
		return json_history(options, engine, document, error);
	err = mg_engine_history(engine, &history, error);
	if (err)
		return err;
	if (options->generation)
		err = show_one(options, engine, history, error);
	else
		print_list(options, history);
	mg_history_free(history);
	return err;
}

static int run(const struct options *options)
{
	struct mg_engine *engine = NULL;
	struct document document = { 0 };
	struct mg_error error = { 0 };
	int err = mg_engine_open(&options->request, &engine, &error);

	if (!err)
		err = show(options, engine, &document, &error);
	return end_run(options, options->generation ? "history show" : "history", engine, &document,
		       err ? &error : NULL, MG_DONE);
}

const struct command history_command = {
	.name = "history",
	.arguments = "[show GENERATION]",
	.summary = "what was applied, when and by whom",
	.details = "List the generations, the newest first: * is in force, ? waits for its "
		   "confirmation,\n"
		   "! is damaged; +, - and ~ count the rules that it added, removed and moved.\n"
		   "With show and a number, tell all of that one: the files that it was made from, "
		   "their\n"
		   "SHA-256 and whether they are still the same, its rules with the policy line "
		   "behind\n"
		   "each, and its sets. `moongate apply --generation NUMBER' goes back to one.",
	.options = "J",
	.of_history = true,
	.run = run,
};
