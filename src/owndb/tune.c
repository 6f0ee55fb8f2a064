/* SPDX-License-Identifier: Apache-2.0 */
#include "owndb/tune.h"

#define MB (1ull << 20)
#define EMPTY_BYTES (32 * MB) /* what a cluster has before the app puts anything in */

static int clamp(uint64_t value, int least, int most)
{
	if (value < (uint64_t)least) return least;
	return value > (uint64_t)most ? most : (int)value;
}

/* A connection costs about 2 MB once used, and a slot for one some kilobytes for good. Of the machine alone, not of the
 * apps on it: what clients were promised must not shrink because another app came. */
static int server_connections(uint64_t memory_bytes)
{
	if (memory_bytes < 4096 * MB)
		return 25; /* two servers with a pool of ten each, one taking over from the other */
	return memory_bytes < 16384 * MB ? 50 : 100;
}

void tune_compute(const struct tune_facts *facts, struct tune *ret_tune)
{
	int cores = facts->cores > 0 ? facts->cores : 1;
	uint64_t share_mb = facts->memory_bytes / MB / 2 / (uint64_t)(facts->apps > 0 ? facts->apps : 1);
	/* Room to grow by a half until the next start. */
	uint64_t own = facts->database_bytes > EMPTY_BYTES ? facts->database_bytes - EMPTY_BYTES : 0;
	int database_mb = clamp(own / MB * 3 / 2, 16, 1024);
	struct tune t = {.shared_buffers_mb = clamp(share_mb / 4, 16, database_mb),
			 .effective_cache_size_mb = clamp(share_mb * 3 / 4, 128, 1 << 20),
			 .maintenance_work_mem_mb = clamp(share_mb / 16, 32, 256),
			 .max_wal_size_mb = clamp(share_mb / 4, 256, 2048),
			 .server_connections = server_connections(facts->memory_bytes),
			 .max_worker_processes = clamp((uint64_t)cores, 4, 16),
			 .max_parallel_workers_per_gather = cores >= 4 ? clamp((uint64_t)cores / 2, 2, 4) : 0,
			 .autovacuum_max_workers = cores >= 4 ? 3 : 1};
	t.max_connections = TUNE_OTHER_CONNECTIONS + t.server_connections;
	/* A query has often two of them, and not all connections are at work. */
	t.work_mem_mb = clamp(share_mb / (uint64_t)t.max_connections, 4, 64);
	*ret_tune = t;
}

void tune_smallest(struct tune *ret_tune)
{
	tune_compute(&(struct tune_facts){.memory_bytes = 1024 * MB, .cores = 1, .apps = 8}, ret_tune);
}
