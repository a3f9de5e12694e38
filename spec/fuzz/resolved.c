/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reader of lock files of names. What it takes it must write so that it
 * reads it back; what it refuses it must say with a place.
 */
#include <string.h>

#include "input.h"
#include "policy/resolved.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mg_resolved resolved = { 0 }, again = { 0 };
	struct mg_error error = { 0 };
	char *text, *same;

	if (mg_resolved_parse("lock", (const char *)data, size, &resolved, &error)) {
		PROMISE(strncmp(error.text, "lock:", 5) == 0);
		mg_resolved_clear(&resolved);
		return 0;
	}
	PROMISE(mg_resolved_write(&resolved, "policy.lua", &text) == 0);
	PROMISE(mg_resolved_parse("lock", text, strlen(text), &again, &error) == 0);
	PROMISE(mg_resolved_write(&again, "policy.lua", &same) == 0);
	PROMISE(strcmp(text, same) == 0);
	free(text);
	free(same);
	mg_resolved_clear(&resolved);
	mg_resolved_clear(&again);
	return 0;
}
