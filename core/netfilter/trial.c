/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The trial: a child in a network namespace of its own commits, and where
 * the kernel refuses, searches for the first rule that makes it refuse.
 */
#include "trial.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ruleset/failure.h"
#include "table.h"

/* What the child tells. */
struct finding {
	int err; /* 0, or -errno */
	bool no_namespace;
	size_t image, entry;
};

/* A table whose commit fails with all entries and not with none: where does it turn? */
static size_t first_refused(const struct mg_image *image)
{
	size_t good = 0, bad = image->entry_count;

	while (bad - good > 1) {
		size_t middle = good + (bad - good) / 2;

		/* each commit replaces the last; chains must be made anew */
		if (unshare(CLONE_NEWNET) == 0 && mg_table_fill(image, middle) == 0)
			good = middle;
		else
			bad = middle;
	}
	return bad - 1;
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
		finding->err = mg_table_fill(images[i], SIZE_MAX);
		if (finding->err) {
			finding->image = i;
			finding->entry = images[i]->entry_count ? first_refused(images[i]) : 0;
			return;
		}
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

int mg_trial(const struct mg_image *const *images, size_t count, size_t *culprit, size_t *entry,
	     struct mg_error *error)
{
	struct finding finding = { 0 };
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return mg_fail(error, -errno, MG_ENVIRONMENT, "cannot make a pipe: %s",
			       strerror(errno));
	child = fork();
	if (child == 0) {
		try_all(images, count, &finding);
		_exit(write(ends[1], &finding, sizeof(finding)) == (ssize_t)sizeof(finding) ? 0
											    : 1);
	}
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
			       "no private network namespace to try the rules in: %s",
			       strerror(-finding.err));
	*culprit = finding.image;
	*entry = finding.entry;
	return mg_fail(error, finding.err, MG_KERNEL, "%s",
		       mg_family_ops(images[finding.image]->family)->iptc.strerror(-finding.err));
}
