/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The allocator of a Lua state: random use against a shadow copy, and its
 * limit. Under ASan, that clearing gives all of it back.
 */
#include "policy/memory.h"

#include "spec/support/tap.h"

enum { PIECES = 400, STEPS = 200000 };

struct piece {
	unsigned char *bytes, *shadow;
	size_t size;
};

static struct mg_memory memory;
static struct piece pieces[PIECES];

static uint32_t next_random(void)
{
	static uint32_t state = 88675123U;

	return tap_random(&state);
}

/* Mostly as Lua asks, and now and then around the edge to large pieces. */
static size_t some_size(void)
{
	switch (next_random() % 8) {
	case 0: return 0;
	case 1: return 1 + next_random() % 20000;
	case 2: return 505 + next_random() % 16;
	default: return 1 + next_random() % 200;
	}
}

static size_t total(void)
{
	size_t sum = 0;

	for (int i = 0; i < PIECES; i++)
		sum += pieces[i].size;
	return sum;
}

static void forget_pieces(void)
{
	for (int i = 0; i < PIECES; i++)
		free(pieces[i].shadow);
	memset(pieces, 0, sizeof(pieces));
}

static void step(void)
{
	struct piece *piece = &pieces[next_random() % PIECES];
	size_t size = some_size(), kept = size < piece->size ? size : piece->size;
	/* for a new piece Lua passes the kind of the object as its old size */
	size_t old = piece->bytes ? piece->size : next_random() % 9;
	unsigned char *bytes = mg_memory_realloc(&memory, piece->bytes, old, size);

	if (size == 0) {
		EXPECT(bytes == NULL);
		free(piece->shadow);
		*piece = (struct piece){ 0 };
		return;
	}
	EXPECT(bytes != NULL);
	EXPECT_IS((uintptr_t)bytes % 16, 0);
	EXPECT(kept == 0 || memcmp(bytes, piece->shadow, kept) == 0);
	piece->shadow = realloc(piece->shadow, size);
	EXPECT(piece->shadow != NULL);
	piece->bytes = bytes;
	piece->size = size;
	for (size_t i = kept; i < size; i++)
		bytes[i] = piece->shadow[i] = (unsigned char)next_random();
}

static void random_use(void)
{
	memory = (struct mg_memory){ .limit = (size_t)1 << 30 };
	for (int i = 0; i < STEPS && !tap_reason[0]; i++)
		step();
	for (int i = 0; i < PIECES; i++)
		EXPECT(pieces[i].size == 0 ||
		       memcmp(pieces[i].bytes, pieces[i].shadow, pieces[i].size) == 0);
	EXPECT_IS(memory.used, total());
	for (int i = 0; i < PIECES; i++)
		mg_memory_realloc(&memory, pieces[i].bytes, pieces[i].size, 0);
	EXPECT_IS(memory.used, 0);
	mg_memory_clear(&memory);
	forget_pieces();
}

/* What still lives goes as well; ASan tells if it does not. */
static void clear(void)
{
	memory = (struct mg_memory){ .limit = (size_t)1 << 30 };
	for (int i = 0; i < 5000 && !tap_reason[0]; i++)
		step();
	EXPECT(total() > 0);
	mg_memory_clear(&memory);
	EXPECT_IS(memory.used, 0);
	EXPECT(memory.blocks == NULL && memory.large == NULL);
	forget_pieces();
	mg_memory_clear(&memory);
	/* its memory is not handed out again: there is no limit to use any more */
	EXPECT(mg_memory_realloc(&memory, NULL, 0, 16) == NULL);
}

static void limit(void)
{
	unsigned char *small, *large;

	memory = (struct mg_memory){ .limit = 10000 };
	small = mg_memory_realloc(&memory, NULL, 5, 100);
	EXPECT(small != NULL);
	memset(small, 'x', 100);
	EXPECT(mg_memory_realloc(&memory, NULL, 5, 9901) == NULL);
	EXPECT(mg_memory_realloc(&memory, NULL, 5, (size_t)-1) == NULL);
	large = mg_memory_realloc(&memory, NULL, 5, 9900);
	EXPECT(large != NULL);
	EXPECT_IS(memory.used, 10000);
	EXPECT(mg_memory_realloc(&memory, NULL, 5, 1) == NULL);
	EXPECT(mg_memory_realloc(&memory, small, 100, 101) == NULL);
	EXPECT(mg_memory_realloc(&memory, small, 100, 5000) == NULL);
	EXPECT_IS(memory.used, 10000);
	EXPECT(small[0] == 'x' && small[99] == 'x');
	large = mg_memory_realloc(&memory, large, 9900, 9000);
	EXPECT(large != NULL);
	small = mg_memory_realloc(&memory, small, 100, 1000);
	EXPECT(small && small[99] == 'x');
	EXPECT_IS(memory.used, 10000);
	mg_memory_clear(&memory);
}

/* A policy that fills the limit piece by piece never gets beyond it. */
static void limit_in_pieces(void)
{
	size_t got = 0, size = 1;

	memory = (struct mg_memory){ .limit = 1000000 };
	while (mg_memory_realloc(&memory, NULL, 0, size)) {
		got += size;
		size = 1 + next_random() % 2000;
	}
	EXPECT(got <= 1000000 && got > 1000000 - 2000);
	EXPECT_IS(memory.used, got);
	mg_memory_clear(&memory);
}

static void reuse(void)
{
	void *first, *again;

	memory = (struct mg_memory){ .limit = 100000 };
	first = mg_memory_realloc(&memory, NULL, 0, 40);
	EXPECT(mg_memory_realloc(&memory, first, 40, 0) == NULL);
	again = mg_memory_realloc(&memory, NULL, 0, 48);
	EXPECT(again == first);
	EXPECT(mg_memory_realloc(&memory, again, 48, 33) == again);
	EXPECT_IS(memory.used, 33);
	EXPECT(mg_memory_realloc(&memory, NULL, 0, 0) == NULL);
	EXPECT_IS(memory.used, 33);
	mg_memory_clear(&memory);
}

int main(void)
{
	tap_run("keeps what was written through random reallocation", random_use);
	tap_run("gives all back at once, and again", clear);
	tap_run("refuses what goes beyond its limit, and loses nothing by it", limit);
	tap_run("stays within its limit piece by piece", limit_in_pieces);
	tap_run("hands out again what was given back", reuse);
	return tap_end();
}
