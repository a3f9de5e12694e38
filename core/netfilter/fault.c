/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Signals of a plugin that breaks become an error like those that it reports
 * itself. The handlers stand only while a plugin prints: they belong to the
 * program otherwise.
 */
#include "fault.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "fence.h"

/* Few signals, since setting them costs a call each: a table holds many rules. */
static const int signals[] = { SIGSEGV, SIGFPE };
/* Twice as much as an entry can have, and more than a plugin steps over at once. */
enum { ROOM = 128 << 10, BARRIER = 1 << 20 };

enum { SIGNALS = sizeof(signals) / sizeof(*signals) };

static struct {
	struct sigaction before[SIGNALS];
	pthread_t thread;
	const char *const *culprit;
	bool happened;
} fault;

static void leave(int number)
{
	size_t i;

	/* somebody else's fault happens again, without us */
	if (!pthread_equal(fault.thread, pthread_self())) {
		for (i = 0; i < SIGNALS; i++)
			if (signals[i] == number)
				sigaction(number, &fault.before[i], NULL);
		return;
	}
	fault.happened = true;
	mg_fence_error(OTHER_PROBLEM,
		       "the plugin of `%s' breaks over the data that a rule has for it",
		       *fault.culprit);
}

void mg_fault_begin(const char *const *culprit)
{
	const struct sigaction action = { .sa_handler = leave, .sa_flags = SA_NODEFER };
	size_t i;

	fault.thread = pthread_self();
	fault.culprit = culprit;
	fault.happened = false;
	for (i = 0; i < SIGNALS; i++)
		sigaction(signals[i], &action, &fault.before[i]);
}

bool mg_fault_end(void)
{
	size_t i;

	for (i = 0; i < SIGNALS; i++)
		sigaction(signals[i], &fault.before[i], NULL);
	return fault.happened;
}

/* Memory behind which there is none, so that reading on is a fault, and no other data. */
static unsigned char *fenced_room(void)
{
	unsigned char *room = mmap(NULL, ROOM + BARRIER, PROT_NONE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (room == MAP_FAILED)
		return NULL;
	if (mprotect(room, ROOM, PROT_READ | PROT_WRITE) == 0)
		return room;
	munmap(room, ROOM + BARRIER);
	return NULL;
}

const void *mg_fault_padded(const void *bytes, size_t size)
{
	static unsigned char *room;
	static size_t used;

	if (!room)
		room = fenced_room();
	if (!room || size > ROOM)
		return bytes;
	if (used > size)
		memset(room + size, 0, used - size);
	used = size;
	return memcpy(room, bytes, size);
}
