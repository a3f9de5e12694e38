/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Canonical equality of entries, and a hash to go with it.
 */
#include "equal.h"

#include <stdlib.h>
#include <string.h>

#include "print.h"
#include "session.h"

/*
 * How many bytes of an extension's data are the user's. An extension that is
 * not installed has all bytes compared. Behind the fence: it may load a plugin.
 */
struct size_query {
	const char *name;
	uint8_t revision;
	bool is_target;
	size_t size;
};

static int find_user_size(void *context)
{
	struct size_query *query = context;

	if (query->is_target) {
		const struct xtables_target *target = mg_find_target_revision(query->name,
									      query->revision);

		query->size = target ? target->userspacesize : SIZE_MAX;
	} else {
		const struct xtables_match *match = mg_find_match_revision(query->name,
									   query->revision);

		query->size = match ? match->userspacesize : SIZE_MAX;
	}
	return 0;
}

/* The few extensions of a ruleset come again and again. */
enum { REMEMBERED = 64 };

static size_t user_size(const struct mg_family_ops *ops, const char *name, uint8_t revision,
			bool is_target)
{
	static struct {
		char name[XT_EXTENSION_MAXNAMELEN];
		uint8_t revision, family;
		bool is_target;
		size_t size;
	} known[REMEMBERED];
	struct size_query query = { name, revision, is_target, SIZE_MAX };
	unsigned int at = (unsigned int)(name[0] * 7 + name[1] * 3 + (name[1] ? name[2] : 0) +
					 revision + is_target * 11 + ops->nfproto) %
			  REMEMBERED;

	if (known[at].name[0] && known[at].revision == revision &&
	    known[at].family == ops->nfproto && known[at].is_target == is_target &&
	    strcmp(known[at].name, name) == 0)
		return known[at].size;
	mg_session_family(ops->family);
	if (mg_fence_run(find_user_size, &query, NULL))
		return SIZE_MAX;
	known[at].revision = revision;
	known[at].family = ops->nfproto;
	known[at].is_target = is_target;
	known[at].size = query.size;
	strcpy(known[at].name, name);
	return query.size;
}

uint64_t mg_hash_bytes(uint64_t hash, const void *bytes, size_t size)
{
	const unsigned char *at = bytes;
	uint64_t word;

	for (; size >= sizeof(word); at += sizeof(word), size -= sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		hash = (hash ^ word) * 0x9E3779B97F4A7C15ULL;
		hash ^= hash >> 29;
	}
	word = 0;
	memcpy(&word, at, size);
	hash = (hash ^ word ^ size) * 0x9E3779B97F4A7C15ULL;
	return hash ^ hash >> 31;
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Bytes before the elements, as far as they mean something. */
struct head_fields {
	unsigned char addresses[64];
	char in[IFNAMSIZ], out[IFNAMSIZ];
	unsigned char in_mask[IFNAMSIZ], out_mask[IFNAMSIZ];
	uint16_t protocol;
	uint8_t flags, inverse;
};

/* An interface's name counts only where its mask does. */
static void copy_interface(char *name, unsigned char *mask, const char *from,
			   const unsigned char *from_mask)
{
	size_t i;

	for (i = 0; i < IFNAMSIZ; i++) {
		mask[i] = from_mask[i];
		name[i] = (char)(from[i] & (char)from_mask[i]);
	}
}

static void read_head(const struct mg_family_ops *ops, const struct mg_entry_view *view,
		      struct head_fields *out)
{
	const size_t size = ops->address_size;

	memset(out, 0, sizeof(*out));
	memcpy(out->addresses, view->source, size);
	memcpy(out->addresses + size, view->source_mask, size);
	memcpy(out->addresses + 2 * size, view->destination, size);
	memcpy(out->addresses + 3 * size, view->destination_mask, size);
	copy_interface(out->in, out->in_mask, view->in, view->in_mask);
	copy_interface(out->out, out->out_mask, view->out, view->out_mask);
	out->protocol = *view->protocol;
	out->flags = *view->flags;
	out->inverse = *view->inverse;
	/* "-p all" of IPv6 leaves its flag behind, which no text tells and no packet meets */
	if (!out->protocol)
		out->flags &= (uint8_t)~ops->protocol_flag;
}

static size_t match_data_size(const struct xt_entry_match *match)
{
	return match->u.match_size - sizeof(*match);
}

static size_t target_data_size(const struct xt_entry_target *target)
{
	return target->u.target_size - sizeof(*target);
}

uint64_t mg_entry_hash(const struct mg_family_ops *ops, const struct mg_entry *entry)
{
	struct mg_entry_view view;
	struct head_fields head;
	const struct xt_entry_target *target;
	const unsigned char *at, *end;
	uint64_t hash;

	ops->view((void *)entry->bytes, &view);
	read_head(ops, &view, &head);
	hash = mg_hash_bytes(0, &head, sizeof(head));
	target = mg_entry_target(&view, ops);
	end = (const unsigned char *)target;
	for (at = view.elements; at < end;) {
		const struct xt_entry_match *match = (const void *)at;

		hash = mg_hash_bytes(hash, match->u.user.name, strlen(match->u.user.name));
		hash += match->u.user.revision;
		hash = mg_hash_bytes(hash, match->data,
				     smaller(match_data_size(match),
					     user_size(ops, match->u.user.name,
						       match->u.user.revision, false)));
		at += match->u.match_size;
	}
	hash = mg_hash_bytes(hash, entry->target, strlen(entry->target));
	if (entry->standard)
		return hash;
	return mg_hash_bytes(hash, target->data,
			     smaller(target_data_size(target),
				     user_size(ops, target->u.user.name, target->u.user.revision,
					       true)));
}

static uint64_t hash_masked(uint64_t hash, const void *address, const void *mask, size_t size)
{
	const unsigned char *bytes = address, *bits = mask;
	unsigned char masked[16];
	size_t i;

	for (i = 0; i < size; i++)
		masked[i] = bytes[i] & bits[i];
	return mg_hash_bytes(mg_hash_bytes(hash, masked, size), mask, size);
}

uint64_t mg_entry_address_hash(const struct mg_family_ops *ops, const struct mg_entry *entry)
{
	struct mg_entry_view view;
	uint64_t hash;

	ops->view((void *)entry->bytes, &view);
	hash = hash_masked(*view.protocol, view.source, view.source_mask, ops->address_size);
	return hash_masked(hash, view.destination, view.destination_mask, ops->address_size);
}

/* Both of tcp and of udp begin with four ports, which their text always tells. */
static size_t ports_size(const struct xt_entry_match *match)
{
	const char *name = match->u.user.name;
	const bool has_ports = strcmp(name, "tcp") == 0 || strcmp(name, "udp") == 0;

	return has_ports ? smaller(match_data_size(match), 4 * sizeof(uint16_t)) : 0;
}

uint64_t mg_entry_frame_hash(const struct mg_family_ops *ops, const struct mg_entry *entry)
{
	struct mg_entry_view view;
	struct head_fields head;
	const unsigned char *at, *end;
	uint64_t hash;

	ops->view((void *)entry->bytes, &view);
	read_head(ops, &view, &head);
	hash = mg_hash_bytes(0, &head, sizeof(head));
	end = (const unsigned char *)mg_entry_target(&view, ops);
	for (at = view.elements; at < end;) {
		const struct xt_entry_match *match = (const void *)at;

		hash = mg_hash_bytes(hash, match->u.user.name, strlen(match->u.user.name));
		hash = mg_hash_bytes(hash, match->data, ports_size(match));
		at += match->u.match_size;
	}
	return mg_hash_bytes(hash + entry->standard, entry->target, strlen(entry->target));
}

/* How alike two extensions' data are. */
enum likeness { DIFFERENT, ALIKE_FOR_USER, SAME_BYTES };

static enum likeness compare_data(const void *a, const void *b, size_t size, size_t user)
{
	if (memcmp(a, b, smaller(size, user)) != 0)
		return DIFFERENT;
	return memcmp(a, b, size) == 0 ? SAME_BYTES : ALIKE_FOR_USER;
}

static enum likeness compare_matches(const struct mg_family_ops *ops, const unsigned char *a,
				     const unsigned char *b, size_t size)
{
	enum likeness all = SAME_BYTES, one;
	size_t at = 0;

	while (at < size) {
		const struct xt_entry_match *x = (const void *)(a + at);
		const struct xt_entry_match *y = (const void *)(b + at);

		if (x->u.match_size != y->u.match_size ||
		    x->u.user.revision != y->u.user.revision ||
		    strcmp(x->u.user.name, y->u.user.name) != 0)
			return DIFFERENT;
		one = compare_data(x->data, y->data, match_data_size(x),
				   user_size(ops, x->u.user.name, x->u.user.revision, false));
		if (one < all)
			all = one;
		if (all == DIFFERENT)
			return DIFFERENT;
		at += x->u.match_size;
	}
	return all;
}

static enum likeness compare_targets(const struct mg_family_ops *ops, const struct mg_entry *a,
				     const struct xt_entry_target *x, const struct mg_entry *b,
				     const struct xt_entry_target *y)
{
	if (a->standard != b->standard || strcmp(a->target, b->target) != 0)
		return DIFFERENT;
	if (a->standard) /* its data is a verdict or an offset: told by the name */
		return SAME_BYTES;
	if (x->u.target_size != y->u.target_size || x->u.user.revision != y->u.user.revision)
		return DIFFERENT;
	return compare_data(x->data, y->data, target_data_size(x),
			    user_size(ops, x->u.user.name, x->u.user.revision, true));
}

static enum likeness compare(const struct mg_family_ops *ops, const struct mg_entry *a,
			     const struct mg_entry *b)
{
	struct mg_entry_view x, y;
	struct head_fields head_x, head_y;
	enum likeness matches = SAME_BYTES, targets;
	size_t head, size;

	ops->view((void *)a->bytes, &x);
	ops->view((void *)b->bytes, &y);
	if (*x.target_offset != *y.target_offset)
		return DIFFERENT;
	/* most rules are the same to the last byte: that is quick to see */
	head = (size_t)(x.inverse + 1 - (const unsigned char *)a->bytes);
	if (memcmp(a->bytes, b->bytes, head) != 0) {
		read_head(ops, &x, &head_x);
		read_head(ops, &y, &head_y);
		if (memcmp(&head_x, &head_y, sizeof(head_x)) != 0)
			return DIFFERENT;
	}
	size = *x.target_offset - ops->entry_size;
	if (memcmp(x.elements, y.elements, size) != 0)
		matches = compare_matches(ops, x.elements, y.elements, size);
	if (matches == DIFFERENT)
		return DIFFERENT;
	targets = compare_targets(ops, a, mg_entry_target(&x, ops), b, mg_entry_target(&y, ops));
	return targets < matches ? targets : matches;
}

bool mg_text_tells_all(const char *text)
{
	return !strstr(text, "[unknown ") && !strstr(text, "[unsupported ");
}

/*
 * Alike but for the data of their extensions? Only that may be told by a text:
 * what the head means ("! -i +" never matches), and whether LOG is a chain or
 * an extension, no text says.
 */
static bool same_frame(const struct mg_family_ops *ops, const struct mg_entry *a,
		       const struct mg_entry *b)
{
	struct mg_entry_view x, y;
	struct head_fields head_x, head_y;
	const unsigned char *at_x, *at_y, *end_x, *end_y;

	if (a->standard != b->standard || strcmp(a->target, b->target) != 0)
		return false;
	ops->view((void *)a->bytes, &x);
	ops->view((void *)b->bytes, &y);
	read_head(ops, &x, &head_x);
	read_head(ops, &y, &head_y);
	if (memcmp(&head_x, &head_y, sizeof(head_x)) != 0)
		return false;
	end_x = (const unsigned char *)mg_entry_target(&x, ops);
	end_y = (const unsigned char *)mg_entry_target(&y, ops);
	for (at_x = x.elements, at_y = y.elements; at_x < end_x && at_y < end_y;) {
		const struct xt_entry_match *match_x = (const void *)at_x;
		const struct xt_entry_match *match_y = (const void *)at_y;

		if (strcmp(match_x->u.user.name, match_y->u.user.name) != 0)
			return false;
		at_x += match_x->u.match_size;
		at_y += match_y->u.match_size;
	}
	return at_x >= end_x && at_y >= end_y;
}

static bool same_text(const struct mg_family_ops *ops, const struct mg_entry *a,
		      const struct mg_entry *b)
{
	const char *text;
	char *first;
	bool same;

	if (mg_entry_text(ops, a, &text, NULL) || !mg_text_tells_all(text))
		return false;
	first = strdup(text);
	same = first && mg_entry_text(ops, b, &text, NULL) == 0 && strcmp(first, text) == 0;
	free(first);
	return same;
}

bool mg_entry_same(const struct mg_family_ops *ops, const struct mg_entry *a,
		   const struct mg_entry *b)
{
	enum likeness likeness = compare(ops, a, b);

	/* what an extension keeps for the kernel may still be shown to the user (quota) */
	return likeness == SAME_BYTES || (likeness == ALIKE_FOR_USER && same_text(ops, a, b));
}

bool mg_entry_equal(const struct mg_family_ops *ops, const struct mg_entry *a,
		    const struct mg_entry *b)
{
	return mg_entry_same(ops, a, b) || (same_frame(ops, a, b) && same_text(ops, a, b));
}

static bool same_chain(const struct mg_image *a, const struct mg_image_chain *x,
		       const struct mg_image *b, const struct mg_image_chain *y)
{
	const struct mg_family_ops *ops = mg_family_ops(a->family);
	uint32_t i;

	if (strcmp(x->name, y->name) != 0 || x->count != y->count)
		return false;
	if (x->built_in && strcmp(x->policy, y->policy) != 0)
		return false;
	for (i = 0; i < x->count; i++)
		if (!mg_entry_equal(ops, &a->entries[x->first + i], &b->entries[y->first + i]))
			return false;
	return true;
}

bool mg_image_equal(const struct mg_image *a, const struct mg_image *b)
{
	size_t i;

	if (a->family != b->family || a->chain_count != b->chain_count)
		return false;
	for (i = 0; i < a->chain_count; i++)
		if (!same_chain(a, &a->chains[i], b, &b->chains[i]))
			return false;
	return true;
}
