/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The index: a hash table over the lines of one generation. They were written
 * with the texts that are looked for, so they are compared as they are; a
 * hundred thousand of them are not worth being parsed for a few look-ups.
 */
#include "owned.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ruleset/checksum.h"
#include "ruleset/failure.h"
#include "ruleset/growable.h"
#include "ruleset/lookup.h"

/* Numbers of rules are counted from 1 here, so that 0 is none. */
struct owned_rule {
	const char *text; /* behind "-A CHAIN " */
	const char *origin;
	uint32_t chain;
	uint32_t next; /* one that says the same */
	uint32_t free; /* of the first of those that say the same: the first not taken */
	uint32_t last; /* of the first: the last */
};

struct owned_chain {
	enum mg_family family;
	const char *table, *name;
};

struct mg_owned {
	char *texts[MG_FAMILIES]; /* with a NUL behind each word that counts */
	struct owned_chain *chains;
	size_t chain_count, chain_capacity;
	struct mg_lookup names; /* of the chains */
	struct owned_rule *rules;
	size_t rule_count, rule_capacity;
	uint32_t *slots;
	size_t mask;
};

struct wanted {
	const struct mg_owned *owned;
	struct owned_chain chain;
};

static bool is_chain(const void *context, uint32_t index)
{
	const struct wanted *wanted = context;
	const struct owned_chain *chain = &wanted->owned->chains[index];

	return chain->family == wanted->chain.family &&
	       strcmp(chain->name, wanted->chain.name) == 0 &&
	       strcmp(chain->table, wanted->chain.table) == 0;
}

static uint32_t hash_chain(const struct owned_chain *chain)
{
	return mg_lookup_hash(mg_lookup_hash((uint32_t)chain->family, chain->table), chain->name);
}

static uint32_t find_chain(const struct mg_owned *owned, const struct owned_chain *chain)
{
	const struct wanted wanted = { owned, *chain };

	return mg_lookup_find(&owned->names, hash_chain(chain), is_chain, &wanted);
}

static int add_chain(struct mg_owned *owned, const struct owned_chain *chain)
{
	if (mg_make_room((void **)&owned->chains, &owned->chain_capacity, owned->chain_count + 1,
			 sizeof(*chain)) ||
	    mg_lookup_add(&owned->names, hash_chain(chain), (uint32_t)owned->chain_count))
		return -ENOMEM;
	owned->chains[owned->chain_count++] = *chain;
	return 0;
}

/* End the word that begins here; returns what follows it. */
static char *end_word(char *word)
{
	word += strcspn(word, " ");
	if (*word)
		*word++ = '\0';
	return word;
}

/* What the lines before have said. */
struct state {
	enum mg_family family;
	const char *table, *origin;
	uint32_t chain; /* of the last rule: the next one's is most often the same */
};

static int add_rule(struct mg_owned *owned, struct state *state, char *line)
{
	char *text = end_word(line);
	const struct owned_chain chain = { state->family, state->table, line };

	if (state->chain == MG_NOT_FOUND || strcmp(owned->chains[state->chain].name, line) != 0)
		state->chain = find_chain(owned, &chain);
	if (state->chain == MG_NOT_FOUND)
		return 0;
	if (mg_make_room((void **)&owned->rules, &owned->rule_capacity, owned->rule_count + 1,
			 sizeof(*owned->rules)))
		return -ENOMEM;
	owned->rules[owned->rule_count++] = (struct owned_rule){
		.text = text,
		.origin = state->origin,
		.chain = state->chain,
	};
	return 0;
}

static int read_line(struct mg_owned *owned, struct state *state, char *line)
{
	int err = 0;

	if (strncmp(line, "#@ ", 3) == 0) {
		state->origin = line + 3;
		return 0;
	}
	if (*line == '*') {
		state->table = line + 1;
		state->chain = MG_NOT_FOUND;
	} else if (*line == ':' && state->table) {
		end_word(line);
		err = add_chain(owned,
				&(struct owned_chain){ state->family, state->table, line + 1 });
	} else if (strncmp(line, "-A ", 3) == 0 && state->table) {
		err = add_rule(owned, state, line + 3);
	}
	state->origin = "";
	return err;
}

static int read_text(struct mg_owned *owned, enum mg_family family, const char *rules)
{
	struct state state = { family, NULL, "", MG_NOT_FOUND };
	char *line = strdup(rules), *end;
	int err = 0;

	if (!line)
		return -ENOMEM;
	owned->texts[family] = line;
	while (*line && !err) {
		end = strchrnul(line, '\n');
		if (*end)
			*end++ = '\0';
		err = read_line(owned, &state, line);
		line = end;
	}
	return err;
}

static size_t hash_rule(uint32_t chain, const char *text)
{
	return mg_checksum_whole(text, strlen(text)) ^ (size_t)chain * 0x9E3779B97F4A7C15U;
}

/* The slot of what says this, or a free one. */
static size_t find_slot(const struct mg_owned *owned, uint32_t chain, const char *text)
{
	size_t slot = hash_rule(chain, text) & owned->mask;

	for (; owned->slots[slot]; slot = (slot + 1) & owned->mask) {
		const struct owned_rule *rule = &owned->rules[owned->slots[slot] - 1];

		if (rule->chain == chain && strcmp(rule->text, text) == 0)
			break;
	}
	return slot;
}

/* Rules that say the same share a slot, in the order in which they stand. */
static int index_rules(struct mg_owned *owned)
{
	size_t slots = 16;
	uint32_t i;

	while (slots < owned->rule_count * 2)
		slots *= 2;
	owned->mask = slots - 1;
	owned->slots = calloc(slots, sizeof(*owned->slots));
	if (!owned->slots)
		return -ENOMEM;
	for (i = 1; i <= owned->rule_count; i++) {
		struct owned_rule *rule = &owned->rules[i - 1], *first;
		const size_t slot = find_slot(owned, rule->chain, rule->text);

		if (!owned->slots[slot]) {
			owned->slots[slot] = i;
			rule->free = i;
		} else {
			first = &owned->rules[owned->slots[slot] - 1];
			owned->rules[first->last - 1].next = i;
		}
		owned->rules[owned->slots[slot] - 1].last = i;
	}
	return 0;
}

int mg_owned_new(const struct mg_generation *generation, struct mg_owned **out,
		 struct mg_error *error)
{
	struct mg_owned *owned = calloc(1, sizeof(*owned));
	int family, err = owned ? 0 : -ENOMEM;

	for (family = 0; generation && family < MG_FAMILIES && !err; family++)
		if (generation->rules[family])
			err = read_text(owned, (enum mg_family)family, generation->rules[family]);
	if (!err)
		err = index_rules(owned);
	if (err) {
		mg_owned_free(owned);
		return mg_fail(error, err, MG_ENVIRONMENT, "out of memory for a generation");
	}
	*out = owned;
	return 0;
}

void mg_owned_free(struct mg_owned *owned)
{
	int family;

	if (!owned)
		return;
	for (family = 0; family < MG_FAMILIES; family++)
		free(owned->texts[family]);
	mg_lookup_clear(&owned->names);
	free(owned->chains);
	free(owned->rules);
	free(owned->slots);
	free(owned);
}

bool mg_owned_has_chain(const struct mg_owned *owned, enum mg_family family, const char *table,
			const char *chain)
{
	return find_chain(owned, &(struct owned_chain){ family, table, chain }) != MG_NOT_FOUND;
}

const char *mg_owned_take(struct mg_owned *owned, enum mg_family family, const char *table,
			  const char *chain, const char *text)
{
	const uint32_t index = find_chain(owned, &(struct owned_chain){ family, table, chain });
	struct owned_rule *first;
	uint32_t taken, slot;

	if (index == MG_NOT_FOUND)
		return NULL;
	slot = owned->slots[find_slot(owned, index, text)];
	if (!slot)
		return NULL;
	first = &owned->rules[slot - 1];
	taken = first->free;
	if (!taken)
		return NULL;
	first->free = owned->rules[taken - 1].next;
	return owned->rules[taken - 1].origin;
}

void mg_owned_reset(struct mg_owned *owned)
{
	size_t i;

	for (i = 0; i <= owned->mask; i++)
		if (owned->slots[i])
			owned->rules[owned->slots[i] - 1].free = owned->slots[i];
}
