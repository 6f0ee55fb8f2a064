/* SPDX-License-Identifier: Apache-2.0
 *
 * How many connections to PostgreSQL a pool has, from what was measured. Pure. */
#ifndef FREEHOLD_OWNDB_POOL_SIZE_H
#define FREEHOLD_OWNDB_POOL_SIZE_H

#include <stdbool.h>
#include <stdint.h>

/* What one look at PgBouncer says is wanted: those at work, and while clients wait, half as many again at most (200
 * that wait do not want 200 connections: most of them wait for the processor, whoever holds the connection). */
int64_t pool_size_demand(int64_t active, int64_t waiting);

/* With nothing measured: three for each core, 4 at least; in session pooling all there are, since each client keeps its
 * own. With a demand: a quarter more than it, up to ten for each core and 20 at least, beyond which they would only
 * wait for the processor. limit: the most it may be; at least 1. */
int pool_size_choose(bool is_transaction, int cores, int64_t demand, int limit);

#endif
