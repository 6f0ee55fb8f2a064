/* SPDX-License-Identifier: Apache-2.0
 *
 * The questions of a batch: first the facts of its tables for each role and the comparisons that only PostgreSQL can
 * make, in one round trip (verdict.c); then, for tables under row security, which of the changed rows each identity
 * sees, one question for each identity and table (verdict_rows.c). Upstream asks once for each subscription. For those
 * two files; feed.h says what others may ask. */
#ifndef FREEHOLD_REALTIME_VERDICT_H
#define FREEHOLD_REALTIME_VERDICT_H

#include "realtime/feed.h"

#define VERDICT_ARRAY_MAX_BYTES (32u << 20)

/* Whom to ask about a change, once the facts are known. */
void verdict_collect(struct batch *batch, struct feed_change *change);

/* Asks on, as many questions at once as it may; gives out when none is under way any more. */
void verdict_step(struct batch *batch);

/* A batch is bounded, and its arena is larger than it can need: what does not fit is our own mistake. */
void *verdict_must(void *memory);

#endif
