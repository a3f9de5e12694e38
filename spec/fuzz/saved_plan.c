/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reader of saved plans. An input is what follows the sum of a plan, and
 * gets the sum that is right, or nothing behind it would ever be reached; one
 * that begins as a whole plan does is read as it is. The rules of a plan that
 * is taken go through the reader of save text, as they do when it is applied.
 */
#include <string.h>

#include "input.h"
#include "plan/saved_inner.h"
#include "ruleset/checksum.h"
#include "ruleset/save_text.h"

static void read_rules(const struct mg_saved_plan *saved)
{
	struct mg_ruleset *ruleset;
	struct mg_error error;
	int family, err = 0;

	PROMISE(mg_ruleset_new(&ruleset, &error) == 0);
	for (family = 0; family < MG_FAMILIES && !err; family++)
		if (saved->rules[family])
			err = mg_save_read(ruleset, (enum mg_family)family, "plan",
					   saved->rules[family], strlen(saved->rules[family]),
					   &error);
	if (!err)
		(void)mg_ruleset_seal(ruleset, &error);
	mg_ruleset_free(ruleset);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const size_t head = strlen(MG_SAVED_HEAD);
	struct mg_saved_plan *saved = NULL;
	struct mg_error error = { 0 };
	char *text = NULL;
	size_t length = 0;
	FILE *file = open_memstream(&text, &length);

	PROMISE(file);
	if (size < head || memcmp(data, MG_SAVED_HEAD, head) != 0)
		fprintf(file, "%s%d%s%016" PRIx64 "%s", MG_SAVED_HEAD, MG_SAVED_FORMAT,
			MG_SAVED_SUM, mg_checksum(MG_CHECKSUM_START, data, size), MG_SAVED_BODY);
	fwrite(data, 1, size, file);
	PROMISE(fclose(file) == 0);
	if (mg_saved_read(input_file(text, length), &saved, &error) == 0)
		read_rules(saved);
	else
		PROMISE(error.text[0]);
	mg_saved_free(saved);
	free(text);
	return 0;
}
