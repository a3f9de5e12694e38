/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which of the rules that go are the generation's?
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "diff.h"
#include "netfilter/equal.h"
#include "netfilter/print.h"
#include "owned.h"
#include "ruleset/checksum.h"
#include "ruleset/failure.h"

/* Of the rules of a chain that go: what those that print alike have in common. */
struct going {
	uint64_t *hashes; /* sorted */
	size_t count;
};

static int find_going(const struct mg_image *live, const struct mg_image_chain *chain,
		      const uint8_t *fates, struct going *going)
{
	const struct mg_family_ops *ops = mg_family_ops(live->family);
	uint32_t i;

	going->count = 0;
	going->hashes = calloc((size_t)chain->count + 1, sizeof(*going->hashes));
	if (!going->hashes)
		return -ENOMEM;
	for (i = chain->first; i < chain->first + chain->count; i++)
		if (fates[i] == MG_REMOVED)
			going->hashes[going->count++] = mg_entry_address_hash(ops,
									      &live->entries[i]);
	if (going->count)
		qsort(going->hashes, going->count, sizeof(*going->hashes), mg_by_value);
	return 0;
}

/* Is the generation's record of this rule one that a rule that goes could claim too? */
static bool is_like_one(const struct going *going, const struct mg_family_ops *ops,
			const struct mg_entry *entry)
{
	const uint64_t hash = mg_entry_address_hash(ops, entry);

	return going->count &&
	       bsearch(&hash, going->hashes, going->count, sizeof(hash), mg_by_value);
}

static int claim(struct mg_owned *owned, const struct mg_image *live,
		 const struct mg_image_chain *chain, const uint8_t *fates,
		 const struct going *those, bool *ours, struct mg_error *error)
{
	const struct mg_family_ops *ops = mg_family_ops(live->family);
	const uint32_t end = chain->first + chain->count;
	const char *text;
	uint32_t i;
	int going, err = 0;

	for (going = 0; going < 2; going++) {
		for (i = chain->first; i < end && !err; i++) {
			const struct mg_entry *entry = &live->entries[i];

			if ((fates[i] == MG_REMOVED) != going ||
			    (!going && !is_like_one(those, ops, entry)))
				continue;
			err = mg_entry_text(ops, entry, &text, error);
			if (!err &&
			    mg_owned_take(owned, live->family, live->table, chain->name, text))
				ours[i] = going;
		}
	}
	return err;
}

int mg_owned_claim(struct mg_owned *owned, const struct mg_image *live,
		   const struct mg_image_chain *chain, const uint8_t *fates, bool *ours,
		   struct mg_error *error)
{
	struct going going;
	int err;

	if (!owned || !mg_owned_has_chain(owned, live->family, live->table, chain->name))
		return 0;
	err = find_going(live, chain, fates, &going);
	if (err)
		return mg_fail(error, err, MG_ENVIRONMENT, "out of memory for a plan");
	if (going.count)
		err = claim(owned, live, chain, fates, &going, ours, error);
	free(going.hashes);
	return err;
}
