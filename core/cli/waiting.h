/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Waiting for the confirmation of what was applied: by a person, or by a
 * command.
 */
#ifndef MG_CLI_WAITING_H
#define MG_CLI_WAITING_H

#include "options.h"

/**
 * From now on ^C and SIGTERM mean "take it back": they only end the wait.
 * SIGHUP keeps its default: when the session is gone the guard waits for the
 * operator to come back on a new one.
 */
void catch_signals(void);

/** Tell how to confirm, or run the command that is to; then wait. Returns the exit code. */
int wait_for_verdict(const struct options *options, struct mg_transaction *transaction);

#endif
