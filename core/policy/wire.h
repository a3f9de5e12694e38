/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a confined evaluation and its parent say to each other, over a socket:
 * messages that have a kind and hold a parcel. The child asks and is answered,
 * one question at a time, and at last hands over what came of the policy.
 *
 * Must not know Lua, print or exit.
 */
#ifndef MG_WIRE_H
#define MG_WIRE_H

#include <moongate.h>
#include <sys/uio.h>

#include "ruleset/parcel.h"

/** What stands in a message, in this order. */
enum mg_message {
	/* number kind, number folders (a bit each), text name, text path -> answer */
	MG_ASK_FILE = 1,
	MG_ASK_LIST,	 /* text path -> bytes names */
	MG_ASK_NAME,	 /* text name -> answer; number count; count times: number family, bytes */
	MG_ASK_FAMILIES, /* text set -> number families */
	MG_ASK_LANGUAGE, /* text name -> number errno, bytes text */
	/* number errno; if that is 0: number own_user, number landlock; else: text step,
	 * number no_seccomp */
	MG_TELL_CONFINED,
	MG_TELL_LATE, /* bytes place: the time is over */
	/*
	 * number errno, number status, text words; number count, and so many notes: number
	 * severity, text place, text words, text remedy; if errno is 0, number size of each
	 * area of a crossing, which follow the message as they are
	 */
	MG_TELL_RESULT,
	MG_ANSWER, /* to any question; an answer begins: number errno, number status, text words */
};

struct mg_wire {
	int fd;
	bool confined;	  /* this end: it can only read and write */
	int64_t deadline; /* the other end: nanoseconds of CLOCK_MONOTONIC */
};

/** Nanoseconds of CLOCK_MONOTONIC. */
int64_t mg_wire_now(void);

/*
 * All return 0 or -errno: -ETIMEDOUT at the deadline, -EPIPE where the other end
 * is gone, -EBADMSG for what is no message, -EMSGSIZE for one that is too large.
 */

/** @parcel: -ENOMEM if it has failed */
int mg_wire_send(const struct mg_wire *wire, enum mg_message kind, const struct mg_parcel *parcel);

/** @largest: that the parcel may be; @parcel: to be cleared, whatever comes */
int mg_wire_receive(const struct mg_wire *wire, enum mg_message *kind, struct mg_parcel *parcel,
		    size_t largest);

/** Wait for the first byte of a message, or for a signal; -ETIMEDOUT at @deadline. */
int mg_wire_wait(const struct mg_wire *wire, int64_t deadline);

/** Bytes as they are. @pieces: changed; what has gone is not in them any more */
int mg_wire_write(const struct mg_wire *wire, struct iovec *pieces, int count);
int mg_wire_read(const struct mg_wire *wire, void *bytes, size_t size);

#endif
