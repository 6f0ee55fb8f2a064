/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows that nobody will ask for again are taken away, a few at a time: codes of links that were not followed,
 * challenges, factors that were never verified, refresh tokens that were swapped, sessions that ended. Begun by calls,
 * since only they leave such rows; at most one statement every SWEEP_PAUSE_MS. Users are never taken away. */
#ifndef FREEHOLD_AUTH_SWEEP_H
#define FREEHOLD_AUTH_SWEEP_H

#include "auth/settings.h"
#include "pg/pool.h"

#define SWEEP_PAUSE_MS 10000

struct sweep;

struct sweep *sweep_new(struct pg_pool *pool);
void sweep_free(struct sweep *sweep); /* what runs is let end */

void sweep_maybe(struct sweep *sweep, const struct auth_settings *settings, int64_t now_ms);

bool sweep_is_running(const struct sweep *sweep);

#endif
