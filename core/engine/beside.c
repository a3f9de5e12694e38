/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files that belong to a policy and lie beside it.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine.h"
#include "plan/durable.h"
#include "ruleset/failure.h"

/* Whoever may read the policy may read what belongs to it. */
int mg_engine_write_beside(const struct mg_engine *engine, const char *folder, const char *file,
			   const char *text, struct mg_error *error)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int err = fd < 0 ? -errno : 0;
	struct stat status;

	if (!err)
		err = mg_durable_write(fd, file, text, strlen(text));
	if (!err && (stat(engine->request.policy, &status) ||
		     fchmodat(fd, file, (status.st_mode & 0644) | 0600, 0)))
		err = -errno;
	if (fd >= 0)
		close(fd);
	return err ? mg_fail(error, err, MG_ENVIRONMENT, "cannot write %s/%s: %s", folder, file,
			     strerror(-err))
		   : 0;
}
