/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Run a command on a kernel that seems to lack something: seccomp or Landlock.
 * Arguments: which of them, and the command.
 */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int err = argc < 3 || !filter;

	if (!err && strcmp(argv[1], "seccomp") == 0) {
		err = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(seccomp), 0);
		if (!err)
			err = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EINVAL), SCMP_SYS(prctl), 1,
					       SCMP_A0(SCMP_CMP_EQ, PR_SET_SECCOMP));
	} else if (!err) {
		err = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EOPNOTSUPP),
				       SCMP_SYS(landlock_create_ruleset), 0);
	}
	if (err || seccomp_load(filter)) {
		fprintf(stderr, "without: cannot leave %s out\n", argc > 1 ? argv[1] : "nothing");
		return 125;
	}
	execvp(argv[2], argv + 2);
	perror(argv[2]);
	return 126;
}
