/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The trial: a child in a network namespace of its own commits, and where
 * the kernel refuses, searches for the first rule that makes it refuse.
 */
#include "trial.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "equal.h"
#include "print.h"
#include "ruleset/failure.h"
#include "table.h"
#include "trial_objects.h"
#include "xt_socket.h"

/* What the child tells. */
struct finding {
	int err; /* 0, or -errno */
	bool no_namespace;
	size_t image, entry;
	char back[256]; /* what an entry that it took is given back as, or "" */
};

static int fill(const struct mg_image *image, size_t limit)
{
	mg_trial_make_objects(image);
	return mg_table_fill(image, limit);
}

/*
 * In a namespace of its own: each trial makes the chains anew, and those of the
 * tables before, whose rules may make what this one's name (RATEEST).
 */
static int fill_afresh(const struct mg_image *const *images, size_t last, size_t limit)
{
	size_t i;
	int err = unshare(CLONE_NEWNET) ? -errno : 0;

	for (i = 0; i < last && !err; i++)
		err = fill(images[i], SIZE_MAX);
	return err ? err : fill(images[last], limit);
}

/*
 * A table whose commit fails with all entries: with which does it turn? If it
 * fails with none, no entry is to blame.
 */
static size_t first_refused(const struct mg_image *const *images, size_t last)
{
	size_t good = 0, bad = images[last]->entry_count;

	if (!bad || fill_afresh(images, last, 0))
		return MG_NO_ENTRY;
	while (bad - good > 1) {
		size_t middle = good + (bad - good) / 2;

		if (fill_afresh(images, last, middle) == 0)
			good = middle;
		else
			bad = middle;
	}
	return bad - 1;
}

/*
 * An entry that the kernel gives back as another one could not be told from a
 * change, and the commit would be undone: of the name in "CT --timeout", some
 * kernels give back four bytes.
 */
static void look_back(const struct mg_image *image, struct finding *finding)
{
	const struct mg_family_ops *ops = mg_family_ops(image->family);
	struct mg_image *back = NULL;
	const char *text;
	size_t i, k;

	if (mg_table_read(image->family, image->table, &back, NULL))
		return; /* nor is it known what a plain user's namespace has */
	for (i = 0; i < image->chain_count && !finding->err; i++) {
		const struct mg_image_chain *given = &image->chains[i];
		const struct mg_image_chain *got = mg_image_find(back, given->name);

		for (k = 0; got && k < given->count && k < got->count && !finding->err; k++) {
			const struct mg_entry *entry = &back->entries[got->first + k];

			if (mg_entry_equal(ops, &image->entries[given->first + k], entry) ||
			    mg_entry_text(ops, entry, &text, NULL))
				continue;
			finding->err = -EBADMSG;
			finding->entry = given->first + k;
			snprintf(finding->back, sizeof(finding->back), "%s", text);
		}
	}
	mg_image_free(back);
}

static void try_all(const struct mg_image *const *images, size_t count, struct finding *finding)
{
	size_t i;

	/* as root a network namespace suffices; a user brings one for himself */
	if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET)) {
		finding->err = -errno;
		finding->no_namespace = true;
		return;
	}
	for (i = 0; i < count; i++) {
		finding->err = fill(images[i], SIZE_MAX);
		if (finding->err == -EMFILE || finding->err == -ENFILE || finding->err == -ENOMEM) {
			finding->no_namespace = true; /* nothing was learnt about the rules */
			return;
		}
		finding->image = i;
		if (finding->err) {
			finding->entry = first_refused(images, i);
			return;
		}
		look_back(images[i], finding);
		if (finding->err)
			return;
	}
}

static int read_finding(int fd, pid_t child, struct finding *finding)
{
	ssize_t size;
	int status;

	do
		size = read(fd, finding, sizeof(*finding));
	while (size < 0 && errno == EINTR);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return size == (ssize_t)sizeof(*finding) ? 0 : -EIO;
}

static void live_in_child(const struct mg_image *const *images, size_t count,
			  const struct mg_sequel *sequel, int fd)
{
	struct finding finding = { 0 };

	try_all(images, count, &finding);
	if (write(fd, &finding, sizeof(finding)) != (ssize_t)sizeof(finding))
		_exit(1);
	if (sequel && !finding.err && (!count || unshare(CLONE_NEWNET) == 0))
		sequel->run(sequel->context);
	_exit(0);
}

int mg_trial(const struct mg_image *const *images, size_t count, size_t *culprit, size_t *entry,
	     struct mg_error *error)
{
	return mg_trial_then(images, count, NULL, culprit, entry, error);
}

int mg_trial_then(const struct mg_image *const *images, size_t count,
		  const struct mg_sequel *sequel, size_t *culprit, size_t *entry,
		  struct mg_error *error)
{
	struct finding finding = { 0 };
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return mg_fail(error, -errno, MG_ENVIRONMENT, "cannot make a pipe: %s",
			       strerror(errno));
	child = fork();
	if (child == 0)
		live_in_child(images, count, sequel, ends[1]);
	close(ends[1]);
	if (child < 0 || read_finding(ends[0], child, &finding)) {
		close(ends[0]);
		return mg_fail(error, -EIO, MG_ENVIRONMENT,
			       "the trial in a private network namespace did not finish");
	}
	close(ends[0]);
	if (!finding.err)
		return 0;
	if (finding.no_namespace)
		return mg_fail(error, finding.err, MG_ENVIRONMENT,
			       "the rules cannot be tried in a private network namespace: %s",
			       strerror(-finding.err));
	*culprit = finding.image;
	*entry = finding.entry;
	if (finding.err == -EBADMSG && finding.back[0])
		return mg_fail(error, finding.err, MG_KERNEL,
			       "it takes it, and gives another one back (%s)", finding.back);
	return mg_fail(error, finding.err, MG_KERNEL, "%s", mg_xt_words(finding.err));
}
