/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kills a command at one system call after the other, and judges what it left.
 *
 *   killer map|CLASS -- COMMAND...
 *	one undisturbed run: a line "NUMBER NAME STOPS" for each process; of
 *	a class of faults its calls are counted
 *   killer OPTIONS -- COMMAND...
 *	a run for each place: hit there, wait until all that was started has
 *	ended, look at the live state, bring the old state back with AGAIN,
 *	which must succeed, and look again
 *
 * Options, of which lines are for sh:
 *   -t NUMBER -f FIRST -s STEP -l LAST   the process to hit (0), and its stops
 *   -n SIGNAL -b BITS   with what (9; -1: close its terminal); what else is
 *	killed at that moment, by numbers
 *   -c CLASS -x ERRNO -y   or a call of a class (fault.h) fails; -y: and so do
 *	all of its kind from then on. The stops are those of its calls.
 *   -A FILE   or an allocation fails, by FILE, which is made of allocations.c
 *   -h LINE -m MARK   or somebody else does something; if that succeeds, MARK
 *	has to be in the live state, and is passed over where it is compared
 *   -o   only MARK counts
 *   -u SECONDS   so long after the hit the old state has to be back already
 *   -p LINE -i LINE   what comes before each run, and before each look
 *   -a AGAIN -k LOOK   what looks compare is LOOK's text without comments and
 *	counters, so it may hold the record of what is confirmed as well
 *   -e   the new state is as good as the old one
 *   -w SECONDS   until all has to be settled
 *   -d DIR   for its files
 *
 * Prints "not so: ..." for each run that went wrong, and at the end
 * "N points, N wrong, N new, slowest S s".
 */
#include "spec/torture/tracer.h"

enum { TEXT = 1 << 20 };

struct series {
	struct hit hit;
	long first, step, last;
	const char *before, *next, *again, *look, *interference, *mark;
	bool either, only_mark;
	const char *late; /* what was wrong when it was due */
	char **argv;
	char *old, *new, *live;
	long points, wrong, new_seen;
	double slowest;
};

/* What a line for sh prints, without comments and counters; false: it failed. */
static bool take(const char *line, char *out)
{
	char row[8192];
	size_t length = 0;
	FILE *pipe = popen(line, "r");

	out[0] = '\0';
	while (pipe && fgets(row, sizeof(row), pipe)) {
		if (row[0] == '#')
			continue;
		if (row[0] == ':' && strstr(row, " ["))
			strcpy(strstr(row, " ["), "\n");
		if (length + strlen(row) >= TEXT)
			abort();
		length += (size_t)sprintf(out + length, "%s", row);
	}
	return pipe && pclose(pipe) == 0;
}

/* The first lines of a file. */
static void copy_file(const char *path)
{
	char row[1024];
	int count = 0;
	FILE *file = fopen(path, "r");

	while (file && count++ < 20 && fgets(row, sizeof(row), file))
		printf("  | %s", row);
	if (file)
		fclose(file);
}

static void wrong(struct series *series, const struct trace *trace, const char *why)
{
	series->wrong++;
	printf("not so: %s %d to process %d at stop %ld (%s, call %ld), exit code %d, %.2f s: %s\n",
	       series->hit.interfere ? "interference"
	       : series->hit.preload ? "allocation"
	       : series->hit.fault   ? "error"
				     : "signal",
	       series->hit.fault ? series->hit.err : series->hit.signal, series->hit.target,
	       series->hit.stop, trace->entry ? "entry" : "exit", trace->call, trace->code,
	       trace->seconds, why);
	copy_file(series->hit.said);
}

/* The first lines of one text that are not in the other. */
static void say_missing(const char *sign, const char *text, const char *other)
{
	int count = 0;

	while (*text && count < 5) {
		const char *end = strchr(text, '\n');
		size_t length = end ? (size_t)(end - text) + 1 : strlen(text);
		char row[1024];

		if (length < sizeof(row)) {
			memcpy(row, text, length);
			row[length] = '\0';
			if (!strstr(other, row) && count++ < 5)
				printf("  %s %s", sign, row);
		}
		text += length;
	}
}

static void say_live(const struct series *series)
{
	printf("  %zu bytes, not %zu\n", strlen(series->live), strlen(series->old));
	say_missing("+", series->live, series->old);
	say_missing("-", series->old, series->live);
}

/* Bring the old state back, which is also the proof that nothing is in the way. */
static void repair(struct series *series, const struct trace *trace)
{
	if (!take(series->again, series->live)) {
		wrong(series, trace, "what follows fails:");
		printf("%s", series->live);
		return;
	}
	if (!take(series->look, series->live) || strcmp(series->live, series->old) != 0) {
		wrong(series, trace, "what follows does not give the old state back");
		say_live(series);
	}
}

/* What somebody else does, while the process stands still. */
static bool interfere(void *context)
{
	struct series *series = context;

	return take(series->interference, series->live);
}

/* At the time at which it is due. */
static void look_early(void *context)
{
	struct series *series = context;

	if (!take(series->look, series->live) || strcmp(series->live, series->old) != 0)
		series->late = "the old state is not back in time";
}

/* Take the lines out that somebody else has put in; are there any? */
static bool take_out(char *text, const char *mark)
{
	bool there = false;
	char *found;

	while ((found = strstr(text, mark))) {
		char *end = strchr(found, '\n');

		while (found > text && found[-1] != '\n')
			found--;
		memmove(found, end + 1, strlen(end + 1) + 1);
		there = true;
	}
	return there;
}

static void judge(struct series *series, const struct trace *trace)
{
	bool looked;

	if (series->next)
		take(series->next, series->live); /* may well fail: what it leaves counts */
	looked = take(series->look, series->live);
	if (trace->stuck)
		wrong(series, trace, "something went on for ever");
	if (series->late)
		wrong(series, trace, series->late);
	series->late = NULL;
	if (trace->interfered && !take_out(series->live, series->mark))
		wrong(series, trace, "what somebody else wrote is lost");
	if (trace->interfered && series->only_mark)
		return;
	if (looked && series->either && strcmp(series->live, series->new) == 0) {
		series->new_seen++;
	} else if (series->either && trace->code == 0) {
		wrong(series, trace, "it says that all went well, and the new state is not there");
		say_live(series);
	} else if (!looked || strcmp(series->live, series->old) != 0) {
		wrong(series, trace, "the live state is neither the old nor an allowed new one");
		say_live(series);
	}
}

/* How the old state looks, and the new one where that is allowed: by an undisturbed run. */
static void prepare(struct series *series)
{
	const struct hit none = { .target = -1, .said = series->hit.said, .limit = 60 };
	struct trace trace;

	if (!take(series->again, series->live) || !take(series->look, series->old)) {
		printf("cannot begin: %s\n%s\n", series->again, series->live);
		exit(2);
	}
	if (!series->either)
		return;
	if (series->before)
		take(series->before, series->live);
	trace_run(series->argv, &none, &trace);
	if ((trace.code || !take(series->look, series->new) ||
	     strcmp(series->old, series->new) == 0)) {
		printf("the command fails undisturbed: exit code %d\n", trace.code);
		copy_file(series->hit.said);
		exit(2);
	}
	repair(series, &trace);
}

static void run_series(struct series *series)
{
	struct trace trace = { 0 };

	prepare(series);
	for (long stop = series->first; stop <= series->last; stop += series->step) {
		series->hit.stop = stop;
		if (series->before && !take(series->before, series->live))
			wrong(series, &trace, "what comes before fails");
		trace_run(series->argv, &series->hit, &trace);
		judge(series, &trace);
		repair(series, &trace);
		if (!trace.reached)
			break;
		series->points++;
		if (trace.seconds > series->slowest)
			series->slowest = trace.seconds;
		if (series->wrong > 5)
			break;
	}
	printf("%ld points, %ld wrong, %ld new, slowest %.2f s\n", series->points, series->wrong,
	       series->new_seen, series->slowest);
}

static void map(const char *fault, char **argv)
{
	const struct hit none = { .target = -1, .fault = fault, .said = "/dev/null", .limit = 120 };
	struct trace trace;

	trace_run(argv, &none, &trace);
	for (int i = 0; i < trace.count; i++)
		printf("%d %s %ld\n", i, trace.processes[i].name, trace.processes[i].stops);
	printf("exit code %d, %.2f s\n", trace.code, trace.seconds);
}

int main(int argc, char **argv)
{
	static char old[TEXT], new[TEXT], live[TEXT];
	char said[4096] = "/dev/null";
	struct series series = { .first = 1,
				 .step = 1,
				 .last = 1000000,
				 .old = old,
				 .new = new,
				 .live = live,
				 .hit = { .signal = SIGKILL, .limit = 20 } };
	int option;

	setvbuf(stdout, NULL, _IOLBF, 0);
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); /* of what comes before a run as well */
	if (argc > 3 && argv[1][0] != '-') {
		map(strcmp(argv[1], "map") == 0 ? NULL : argv[1], argv + 3);
		return 0;
	}
	while ((option = getopt(argc, argv, "+t:f:s:l:n:b:c:x:yA:h:m:ou:p:i:a:k:ew:d:")) != -1) {
		switch (option) {
		case 't': series.hit.target = atoi(optarg); break;
		case 'f': series.first = atol(optarg); break;
		case 's': series.step = atol(optarg); break;
		case 'l': series.last = atol(optarg); break;
		case 'n': series.hit.signal = atoi(optarg); break;
		case 'b': series.hit.also = (unsigned int)atoi(optarg); break;
		case 'a': series.again = optarg; break;
		case 'k': series.look = optarg; break;
		case 'w': series.hit.limit = atof(optarg); break;
		case 'c': series.hit.fault = optarg; break;
		case 'x': series.hit.err = atoi(optarg); break;
		case 'y': series.hit.lasting = true; break;
		case 'A': series.hit.preload = optarg; break;
		case 'h':
			series.interference = optarg;
			series.hit.interfere = interfere;
			break;
		case 'm': series.mark = optarg; break;
		case 'o': series.only_mark = true; break;
		case 'u':
			series.hit.due = atof(optarg);
			series.hit.look = look_early;
			break;
		case 'p': series.before = optarg; break;
		case 'i': series.next = optarg; break;
		case 'e': series.either = true; break;
		case 'd': snprintf(said, sizeof(said), "%s/said", optarg); break;
		default: return 64;
		}
	}
	series.argv = argv + optind;
	if (!series.argv[0] || !series.again || !series.look)
		return 64;
	series.hit.said = said;
	series.hit.context = &series;
	run_series(&series);
	return series.wrong != 0;
}
