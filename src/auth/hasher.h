/* SPDX-License-Identifier: Apache-2.0
 *
 * A process beside ours that computes hashes with what nobody else wants of the processor. A thread of ours could not:
 * the kernel shares the processor out between sessions first (sched(7), "The autogroup feature"), and inside a session
 * between threads, so that the lowest thread of the backend still takes turns with every process of PostgreSQL, each of
 * which has a session of its own. Therefore a session of its own, with the highest autogroup nice value there is, and
 * threads of the highest nice value in it, one a core. And with slices a little longer than everybody's: whoever wakes
 * waits until the slice of who runs is over, however little that one counts, and the kernel looks for its end once a
 * tick of the clock (4 ms); who asks for shorter turns than who runs does not wait. Not much longer: what the
 * kernel owes a thread on a full machine it then gives in one piece, and with 100 ms a read waited for as long. Not of
 * SCHED_IDLE: the kernel takes a core that runs only such threads for an idle one, puts who wakes there, and then lets
 * the session finish its slice first (measured: bench/README.md, "Sign-in").
 *
 *     us ── task, a message of a socket pair ──▶ a thread of the process ── result ──▶ us
 *
 * It is forked from us before there are threads, shares our memory pages and nothing else, and ends when we do. It
 * knows no user and no database: passwords and hashes pass through it. */
#ifndef FREEHOLD_AUTH_HASHER_H
#define FREEHOLD_AUTH_HASHER_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "auth/hash.h"

struct hasher;

/* on_result is called on the loop for each task that was given, once, with NULL when the process died over it. NULL
 * when there can be no such process. */
struct hasher *hasher_new(uv_loop_t *loop,
			  void (*on_result)(void *arg, uint64_t id, const struct auth_hash_result *result), void *arg);
void hasher_free(struct hasher *h); /* the loop must run once more */

/* False when each of its threads has a task, or it died. */
bool hasher_give(struct hasher *h, uint64_t id, const struct auth_hash_task *task);
bool hasher_is_dead(const struct hasher *h);

#endif
