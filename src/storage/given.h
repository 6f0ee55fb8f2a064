/* SPDX-License-Identifier: Apache-2.0
 *
 * What the edge was given to keep. It keeps the answer for a small object of a public bucket until the second is over
 * in which it was asked for, so that most readers are nginx's business alone. A change of such an object is therefore
 * acknowledged only when what was given before it has run out: whoever comes after the acknowledgement gets the new
 * one, or none, and nobody has to tell the edge anything.
 *
 *     read  begins at 7.2 ── given_mark ──▶ answered "keep it until 7 is over"
 *     change of the same ── commits at 7.4 ── given_wait_ms: 600 and a little ──▶ acknowledged at 8.1
 *
 * Whoever asks in the last GIVEN_EARLY_MS of a second is told the next one's end: a few readers do (edge/config.c),
 * lest all of them have to ask when it is over.
 *
 * What nobody has just read is acknowledged at once. A process that begins does not know what the one before it gave,
 * and takes it that all was. */
#ifndef FREEHOLD_STORAGE_GIVEN_H
#define FREEHOLD_STORAGE_GIVEN_H

#include <stdint.h>

#define GIVEN_OBJECTS 4096 /* two that share a place wait for each other's readers */
#define GIVEN_BUCKETS 64
#define GIVEN_EARLY_MS 200
#define GIVEN_LATE_MS 100 /* by which the edge's clock may be late */

struct given {
	uint32_t objects[GIVEN_OBJECTS], buckets[GIVEN_BUCKETS]; /* seconds of the wall clock */
};

void given_init(struct given *given, int64_t now_ms);

/* A read begins. Returns the second until whose end its answer may be kept. */
int64_t given_mark(struct given *given, const char *bucket, const char *key, int64_t now_ms);

/* How long a change that has been made must not be acknowledged; key NULL: of all the bucket. At most a second,
 * GIVEN_EARLY_MS and GIVEN_LATE_MS, also where the clock was put back. */
int64_t given_wait_ms(const struct given *given, const char *bucket, const char *key, int64_t now_ms);

#endif
