/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reader of facts files. What it takes it must write so that it reads it
 * back; what it refuses it must say with a place.
 */
#include <string.h>

#include "engine/facts.h"
#include "input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mg_host *host = NULL, *again = NULL;
	struct mg_error error = { 0 };
	char *text = NULL, *same = NULL, sha256[MG_SHA256_SIZE];
	const char *path = input_file(data, size);

	if (mg_facts_read(path, &host, sha256, &error)) {
		PROMISE(strstr(error.text, path));
		return 0;
	}
	PROMISE(mg_facts_write(host, &text, &error) == 0);
	PROMISE(mg_facts_read(input_file(text, strlen(text)), &again, sha256, &error) == 0);
	PROMISE(mg_facts_write(again, &same, &error) == 0);
	PROMISE(strcmp(text, same) == 0);
	free(text);
	free(same);
	mg_host_free(host);
	mg_host_free(again);
	return 0;
}
