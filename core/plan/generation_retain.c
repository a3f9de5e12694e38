/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which generations stay: so many that were confirmed, and a few that never
 * were. It is housekeeping: a failure undoes nothing, and the next time tries
 * again.
 *
 * Owns nothing between calls. Must not touch the kernel's tables, print or
 * exit. Relies on the transaction lock.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "plan/durable.h"
#include "plan/state_inner.h"

enum {
	KEPT = 20,     /* confirmed generations that stay */
	LEFTOVERS = 3, /* and others, for who wants to know what happened */
};

/* In one step, so that no crash leaves a half one. */
int mg_generation_remove(int generations, uint32_t number)
{
	char name[16];

	snprintf(name, sizeof(name), "%" PRIu32, number);
	mg_durable_remove_folder(generations, MG_HALF_OLD);
	if (renameat(generations, name, generations, MG_HALF_OLD) < 0)
		return errno == ENOENT ? 0 : -errno;
	mg_durable_remove_folder(generations, MG_HALF_OLD);
	return mg_durable_sync(generations);
}

static bool was_confirmed(const struct mg_state *state, uint32_t number)
{
	json_t *meta = NULL;
	bool answer;

	if (mg_generation_meta(state, number, &meta, NULL))
		return false;
	answer = json_is_string(json_object_get(meta, "confirmed_by"));
	json_decref(meta);
	return answer;
}

void mg_generations_prune(const struct mg_state *state, uint32_t confirmed)
{
	uint32_t *numbers = NULL;
	size_t count = 0;
	size_t kept = 0;
	int generations;

	generations = mg_generations_open(state, false, NULL);
	if (generations < 0)
		return;
	if (mg_generations_list(generations, &numbers, &count))
		goto out;
	if (count <= KEPT)
		goto out;
	for (size_t i = 0; i < count; i++) {
		if (kept < KEPT)
			kept += was_confirmed(state, numbers[i]);
		else if (numbers[i] != confirmed)
			mg_generation_remove(generations, numbers[i]);
	}
out:
	free(numbers);
	close(generations);
}

/* Was it written, and never confirmed? One that cannot be read may have been. */
static bool is_leftover(const struct mg_state *state, uint32_t number)
{
	json_t *meta = NULL;
	bool answer;

	if (mg_generation_meta(state, number, &meta, NULL))
		return false;
	answer = !json_is_string(json_object_get(meta, "confirmed_by"));
	json_decref(meta);
	return answer;
}

void mg_generations_drop_leftovers(const struct mg_state *state, int generations,
				   const uint32_t *numbers, size_t count)
{
	uint32_t confirmed = 0;
	size_t kept = 0;

	if (mg_state_read_link(state, &confirmed, NULL))
		confirmed = 0;
	for (size_t i = 0; i < count; i++) {
		if (numbers[i] == confirmed || !is_leftover(state, numbers[i]))
			continue;
		if (kept < LEFTOVERS)
			kept++;
		else
			mg_generation_remove(generations, numbers[i]);
	}
}
