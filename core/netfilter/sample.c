/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sampling: each entry as a key without the values that do not matter, and a
 * table of the keys that were seen.
 */
#include "sample.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <stdlib.h>
#include <string.h>

#include "equal.h"
#include "ruleset/failure.h"
#include "text_pattern.h"

/* An entry has at most 65535 bytes; the rest is the key's own. */
enum { LARGEST_KEY = 64 * 1024 + 256 };

/* Which of the values are there says something; what they are does not. */
struct key_head {
	uint32_t chain;
	uint16_t protocol;
	uint8_t flags, inverse;
	bool has_source, has_destination, standard;
	char in[IFNAMSIZ], out[IFNAMSIZ];
	unsigned char in_mask[IFNAMSIZ], out_mask[IFNAMSIZ];
	char target[XT_EXTENSION_MAXNAMELEN];
};

struct key {
	size_t size;
	_Alignas(16) unsigned char bytes[LARGEST_KEY];
};

struct seen {
	struct slot {
		const unsigned char *bytes; /* NULL: free */
		size_t size;
		uint64_t hash;
	} * slots;
	size_t mask, count;
	struct mg_arena arena;
};

static bool is_zero(const void *bytes, size_t size)
{
	const unsigned char *at = bytes;

	while (size--)
		if (*at++)
			return false;
	return true;
}

static void add(struct key *key, const void *bytes, size_t size)
{
	memcpy(key->bytes + key->size, bytes, size);
	key->size += size;
}

/* Any port, one port or a range: that is what can be seen of them. */
static uint8_t kind_of_ports(const uint16_t ports[2])
{
	return ports[0] == ports[1] ? 1 : ports[0] == 0 && ports[1] == UINT16_MAX ? 0 : 2;
}

static void add_match(struct key *key, const struct xt_entry_match *match)
{
	uint16_t ports[4];
	size_t size = match->u.match_size, skipped = sizeof(*match);

	add(key, &match->u.user, sizeof(*match));
	if (mg_is_plain_comment(match))
		return;
	/* both begin with spts and dpts */
	if ((strcmp(match->u.user.name, "tcp") == 0 || strcmp(match->u.user.name, "udp") == 0) &&
	    size >= sizeof(*match) + sizeof(struct xt_udp)) {
		memcpy(ports, match->data, sizeof(ports));
		key->bytes[key->size++] = kind_of_ports(ports);
		key->bytes[key->size++] = kind_of_ports(ports + 2);
		skipped += sizeof(ports);
	}
	add(key, (const unsigned char *)match + skipped, size - skipped);
}

static void make_key(const struct mg_family_ops *ops, uint32_t chain, const struct mg_entry *entry,
		     struct key *key)
{
	struct mg_entry_view view;
	struct key_head head;
	const struct xt_entry_target *target;
	const unsigned char *at;

	ops->view((void *)entry->bytes, &view);
	memset(&head, 0, sizeof(head));
	head.chain = chain;
	head.protocol = *view.protocol;
	head.flags = *view.flags;
	head.inverse = *view.inverse;
	head.has_source = !is_zero(view.source_mask, ops->address_size);
	head.has_destination = !is_zero(view.destination_mask, ops->address_size);
	head.standard = entry->standard;
	memcpy(head.in, view.in, IFNAMSIZ);
	memcpy(head.out, view.out, IFNAMSIZ);
	memcpy(head.in_mask, view.in_mask, IFNAMSIZ);
	memcpy(head.out_mask, view.out_mask, IFNAMSIZ);
	strncpy(head.target, entry->target, sizeof(head.target) - 1);
	key->size = 0;
	add(key, &head, sizeof(head));
	target = mg_entry_target(&view, ops);
	for (at = view.elements; at < (const unsigned char *)target;
	     at += ((const struct xt_entry_match *)at)->u.match_size)
		add_match(key, (const void *)at);
	/* the one extension that looks at a rule's address: it keeps a record of each */
	if (!entry->standard && strcmp(entry->target, "CLUSTERIP") == 0) {
		add(key, view.destination, ops->address_size);
		add(key, view.destination_mask, ops->address_size);
	}
	if (!entry->standard) /* the data of a verdict or a jump is told by its name */
		add(key, target->data, target->u.target_size - sizeof(*target));
}

/* Returns the slot that has the key, or the free one where it belongs. */
static struct slot *find(const struct seen *seen, const struct key *key, uint64_t hash)
{
	size_t at;

	for (at = hash & seen->mask;; at = (at + 1) & seen->mask) {
		struct slot *slot = &seen->slots[at];

		if (!slot->bytes || (slot->hash == hash && slot->size == key->size &&
				     memcmp(slot->bytes, key->bytes, key->size) == 0))
			return slot;
	}
}

/* Also the first time. */
static int grow(struct seen *seen)
{
	const size_t old = seen->slots ? seen->mask + 1 : 0, size = old ? 2 * old : 64;
	struct slot *slots = calloc(size, sizeof(*slots));
	size_t i, at;

	if (!slots)
		return -ENOMEM;
	for (i = 0; i < old; i++) {
		if (!seen->slots[i].bytes)
			continue;
		for (at = seen->slots[i].hash & (size - 1); slots[at].bytes;)
			at = (at + 1) & (size - 1);
		slots[at] = seen->slots[i];
	}
	free(seen->slots);
	seen->slots = slots;
	seen->mask = size - 1;
	return 0;
}

/* 1: the key is new, 0: it was seen, or -ENOMEM. */
static int note(struct seen *seen, const struct key *key)
{
	const uint64_t hash = mg_hash_bytes(0, key->bytes, key->size);
	unsigned char *copy;
	struct slot *slot;

	if (2 * (seen->count + 1) > seen->mask + 1 && grow(seen))
		return -ENOMEM;
	slot = find(seen, key, hash);
	if (slot->bytes)
		return 0;
	copy = mg_arena_take(&seen->arena, key->size);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, key->bytes, key->size);
	*slot = (struct slot){ copy, key->size, hash };
	seen->count++;
	return 1;
}

static int sample_chain(const struct mg_image *image, uint32_t index, struct seen *seen,
			struct key *key, struct mg_image *out, struct mg_error *error)
{
	const struct mg_image_chain *from = &image->chains[index];
	struct mg_image_chain *chain;
	uint32_t i, first;
	int is_new, err = mg_image_add_chain(out, from->name, &chain, error);

	if (err)
		return err;
	first = (uint32_t)out->entry_count;
	*chain = *from;
	chain->first = first;
	chain->count = 0;
	for (i = 0; i < from->count && !err; i++) {
		make_key(mg_family_ops(image->family), index, &image->entries[from->first + i],
			 key);
		is_new = note(seen, key);
		if (is_new < 0)
			return mg_fail(error, is_new, MG_ENVIRONMENT, "out of memory for a table");
		if (is_new)
			err = mg_image_add_entry(out, chain, &image->entries[from->first + i],
						 error);
	}
	return err;
}

int mg_sample(const struct mg_image *image, struct mg_image **out, struct mg_error *error)
{
	static struct key key; /* large; one at a time */
	struct seen seen = { .count = 0 };
	struct mg_image *sample;
	uint32_t i;
	int err = mg_image_new(image->family, image->table, &sample, error);

	if (err)
		return err;
	if (grow(&seen))
		err = mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for a table");
	for (i = 0; i < image->chain_count && !err; i++)
		err = sample_chain(image, i, &seen, &key, sample, error);
	free(seen.slots);
	mg_arena_clear(&seen.arena);
	if (err)
		mg_image_free(sample);
	else
		*out = sample;
	return err;
}
