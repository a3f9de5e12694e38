/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reader of address files, which may include themselves and the one that
 * lies beside. What is refused is refused with a place and without a word of the
 * file; what is taken is the same when its networks are read again.
 */
#include <string.h>

#include "input.h"
#include "policy/address_file.h"
#include "ruleset/set_text.h"

static char folder[64];

static void write_file(const char *name, const void *data, size_t size)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	PROMISE(file && fwrite(data, 1, size, file) == size && fclose(file) == 0);
}

static void put_away(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/a", folder);
	unlink(path);
	snprintf(path, sizeof(path), "%s/b", folder);
	unlink(path);
	rmdir(folder);
}

static void prepare(void)
{
	static const char other[] = "192.0.2.0/25\ninclude b\n";

	if (*folder)
		return;
	snprintf(folder, sizeof(folder), "/dev/shm/fuzz-XXXXXX");
	PROMISE(mkdtemp(folder));
	atexit(put_away);
	write_file("b", other, sizeof(other) - 1);
}

static void check_again(struct mg_address_list *list)
{
	struct mg_address_list again = { 0 };
	int family;

	mg_address_list_fold(list);
	for (family = 0; family < MG_FAMILIES; family++) {
		struct mg_address_walk walk = { .family = (enum mg_family)family };
		struct mg_set_member network;
		char text[MG_SET_MEMBER_TEXT];

		while (mg_address_list_next(list, &walk, &network)) {
			mg_set_network_text(walk.family, &network, text);
			PROMISE(!mg_address_list_add(&again, text, strlen(text), NULL, NULL));
		}
	}
	mg_address_list_fold(&again);
	for (family = 0; family < MG_FAMILIES; family++) {
		const struct mg_address_ranges *one = &list->of[family];
		const struct mg_address_ranges *other = &again.of[family];

		PROMISE(one->count == other->count);
		PROMISE(!one->count ||
			memcmp(one->items, other->items, one->count * sizeof(*one->items)) == 0);
	}
	mg_address_list_clear(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *const folders[] = { folder, NULL };
	struct mg_sources sources = { .folders = folders };
	struct mg_address_list list = { 0 };
	struct mg_host_bits host_bits = { 0 };
	struct mg_error error = { 0 };

	prepare();
	write_file("a", data, size);
	if (mg_address_file_read(&sources, "", "a", &list, &host_bits, &error))
		PROMISE(strncmp(error.text, folder, strlen(folder)) == 0);
	else
		check_again(&list);
	mg_address_list_clear(&list);
	mg_sources_clear(&sources);
	return 0;
}
