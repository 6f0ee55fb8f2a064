/* SPDX-License-Identifier: Apache-2.0
 *
 * Carries bytes between two stream sockets, both ways, until both are done. It knows nothing of what they mean.
 *
 *   - An end that stops sending stops the other's receiving (shutdown(2)), nothing more: half-closed connections work.
 *   - A broken one breaks the other: the bytes that cannot be delivered are not pretended to have been.
 *   - At most PUMP_HELD_BYTES wait for a slow reader, each way, then its writer waits too; while nobody is slow,
 * nothing is allocated but the struct.
 *   - No deadlines: those are nginx's and the app's. pump_free cuts it. */
#ifndef FREEHOLD_SERVE_PUMP_H
#define FREEHOLD_SERVE_PUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "serve/loop.h"

#define PUMP_HELD_BYTES ((size_t)64 * 1024)

struct pump_end {
	struct pump *pump;
	struct loop_watch watch;
	char *held; /* from the other end, not taken yet; NULL while there is nothing */
	size_t held_len;
	bool is_readable; /* may have something to read */
	bool is_ending; /* the other side said it sends no more, or is gone: read until 0 */
	bool is_gone; /* nobody is there any more */
	bool has_ended; /* read to its end */
	bool is_shut; /* we send it no more */
	uint64_t taken; /* bytes it was sent */
};

struct pump {
	struct pump_end end[2];
	struct loop *loop;
	struct pump *next, *prev; /* for whoever keeps them */
	void (*on_done)(void *arg, struct pump *p); /* both are closed; the pump is freed after it */
	void *arg;
	struct loop_work go_on, bury;
	int tag; /* the keeper's */
	/* For keepers that answer in b's place, both may be NULL. on_silent: b is gone before a was sent a byte; takes
	 * a's descriptor, which stays open, and comes before on_done. */
	void (*on_silent)(void *arg, struct pump *p, int fd);
	uint64_t *counter; /* bytes that a was sent are added */
};

/* Takes both descriptors (non-blocking ones; one may still be connecting), whatever comes. on_done comes exactly once,
 * and not before this returned. NULL when they cannot be watched. */
struct pump *pump_new(struct loop *l, int a, int b, void (*on_done)(void *arg, struct pump *p), void *arg);

/* Cuts it: on_done comes at once. */
void pump_cut(struct pump *p);

#endif
