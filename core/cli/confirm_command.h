/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command of `apply --confirm-command': a fleet's own proof that there is
 * a way in.
 */
#ifndef MG_CLI_CONFIRM_COMMAND_H
#define MG_CLI_CONFIRM_COMMAND_H

#include <sys/types.h>

#include "options.h"

struct confirm_command {
	pid_t pid; /* the leader of its process group; 0: it has ended */
	int code;  /* how: exit code; 128 + signal; -errno: it could not be started */
	bool told; /* its end */
};

/**
 * Run it with /bin/sh, as whoever applies, in a session of its own: stdin is
 * empty, its output goes to stderr, nothing else is open, and its environment
 * tells MOONGATE_TOKEN, MOONGATE_GENERATION, MOONGATE_STATE_DIR and
 * MOONGATE_SECONDS.
 */
void start_command(const struct options *options, const struct mg_transaction *transaction,
		   struct confirm_command *out);

/** Has it ended, or never begun? True only once. */
bool command_has_ended(struct confirm_command *command);

/** "ended with exit code 1" */
void describe_end(const struct confirm_command *command, char out[64]);

/** End it with all of its process group, if it runs. */
void stop_command(struct confirm_command *command);

#endif
