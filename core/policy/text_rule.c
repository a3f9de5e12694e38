/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules as text by example, see text_rule.h.
 */
#include "text_rule.h"

#include <lauxlib.h>
#include <string.h>

#include "ruleset/one_of.h"

/* What stands in a key for a value. */
#define IPV4_MARK                                                                                  \
	"\1"                                                                                       \
	"4"
#define IPV6_MARK                                                                                  \
	"\1"                                                                                       \
	"6"
#define DIGITS_MARK                                                                                \
	"\1"                                                                                       \
	"d"
#define TEXT_MARK                                                                                  \
	"\1"                                                                                       \
	"t"

/* More would be a policy whose rules are not alike. */
enum { MOST_EXAMPLES = 1000 };

/* Does the option take text that means nothing to the language? */
static bool takes_text(const char *option)
{
	static const char *const options[] = { "--comment", "--log-prefix", "--nflog-prefix",
					       "--string",  "--name",	    NULL };

	return mg_is_one_of(option, options);
}

/* Ports, ranges of them, other numbers; an IPv6 address may be digits, too, and has more colons. */
static bool is_number(const char *word)
{
	unsigned int colons = 0;
	const char *c;

	for (c = word; *c && colons < 2 && strchr("0123456789,:", *c); c++)
		colons = *c == ',' ? 0 : colons + (*c == ':');
	return *word && !*c && colons < 2;
}

/* What marks the value behind an option, or NULL if it has to be the same. */
static const char *mark_of(const char *option, const char *value, struct mg_policy_address *address)
{
	char wrong[128];

	if (strcmp(option, "-s") == 0 || strcmp(option, "-d") == 0) {
		if (mg_policy_address(value, address, wrong, sizeof(wrong)) ||
		    address->had_host_bits || address->prefix == 0)
			return NULL;
		return address->families == 1 ? IPV4_MARK : IPV6_MARK;
	}
	if (strncmp(option, "--", 2) != 0)
		return NULL;
	if (takes_text(option)) /* "-s=x" would be taken apart, and "!" is not the comment's */
		return *value == '-' || strcmp(value, "!") == 0 ? NULL : TEXT_MARK;
	/* "--protocol 6" is for one family, or not, as its number says */
	return is_number(value) && strncmp(option, "--p", 3) != 0 ? DIGITS_MARK : NULL;
}

static bool has_control(const char *text, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			return true;
	return false;
}

bool mg_text_rule_read(lua_State *L, int index, struct mg_primitives *primitives,
		       struct mg_text_rule *out)
{
	const struct mg_args *args = &primitives->args;
	const char *option = NULL;
	struct mg_error error;
	size_t length;
	const char *text = lua_tolstring(L, index, &length);
	uint32_t i;

	if (has_control(text, length) || mg_args_split(&primitives->args, text, length, &error))
		return false;
	mg_words_begin(&out->words);
	mg_words_begin(&out->key);
	for (i = 0; i < args->argc; i++) {
		const char *word = args->argv[i], *mark;
		struct mg_policy_address address;

		/* the language remembers where a rule goes to */
		if (strcmp(word, "-g") == 0 || strcmp(word, "--goto") == 0)
			return false;
		mark = option ? mark_of(option, word, &address) : NULL;
		mg_words_add(&out->words, mark && option[1] != '-' ? address.text : word);
		mg_words_add(&out->key, mark ? mark : word);
		option = !mark && *word == '-' ? word : NULL;
	}
	return args->argc && !out->words.full && !out->key.full;
}

unsigned int mg_text_rule_families(lua_State *L, int index, const struct mg_text_rule *rule)
{
	unsigned int families;

	lua_pushlstring(L, rule->key.bytes, rule->key.size);
	lua_rawget(L, index);
	families = (unsigned int)lua_tointeger(L, -1);
	lua_pop(L, 1);
	return families;
}

void mg_text_rule_begin(const struct mg_primitives *primitives, struct mg_text_before *before)
{
	before->rules = mg_ruleset_rule_count(primitives->ruleset);
	before->notes = primitives->notes->count;
}

/* The families in which the language has added just this rule, 0 if it did something else. */
static unsigned int added(const struct mg_ruleset *ruleset, uint32_t from,
			  const struct mg_words *words)
{
	const uint32_t count = mg_ruleset_rule_count(ruleset);
	unsigned int families = 0;
	struct mg_chain_view chain;
	struct mg_rule_view rule;

	for (; from < count; from++) {
		unsigned int family;

		mg_ruleset_rule_at(ruleset, from, &rule);
		mg_ruleset_chain_at(ruleset, rule.chain, &chain);
		family = chain.family == MG_IPV4 ? 1 : 2;
		if (families & family || rule.argc != words->count ||
		    rule.args_size != words->size ||
		    memcmp(rule.args, words->bytes, words->size) != 0)
			return 0;
		families |= family;
	}
	return families;
}

/* How many examples there are is kept beside them. */
void mg_text_rule_learn(lua_State *L, int index, const struct mg_primitives *primitives,
			const struct mg_text_before *before, const struct mg_text_rule *rule)
{
	const unsigned int families = added(primitives->ruleset, before->rules, &rule->words);
	lua_Integer count;

	lua_rawgeti(L, index, 1);
	count = lua_tointeger(L, -1);
	lua_pop(L, 1);
	if (!families || primitives->notes->count != before->notes || count >= MOST_EXAMPLES)
		return;
	lua_pushlstring(L, rule->key.bytes, rule->key.size);
	lua_pushinteger(L, families);
	lua_rawset(L, index);
	lua_pushinteger(L, count + 1);
	lua_rawseti(L, index, 1);
}
