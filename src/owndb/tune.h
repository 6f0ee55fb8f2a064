/* SPDX-License-Identifier: Apache-2.0
 *
 * How large a cluster is made: from the machine, from how many apps share it, and from the size of the database itself.
 * Pure.
 *
 * Half of the memory is taken for databases, the rest for servers, builds and the kernel; each app's share of that half
 * is the same. PostgreSQL's own buffers are a quarter of the share, but never much more than the database is large: an
 * empty database of an idle app costs what it did on the smallest machine. */
#ifndef FREEHOLD_OWNDB_TUNE_H
#define FREEHOLD_OWNDB_TUNE_H

#include <stdint.h>

struct tune_facts {
	uint64_t memory_bytes; /* of the machine, os/machine.h */
	int cores;
	int apps; /* that run here, this one included */
	uint64_t
	    database_bytes; /* of the cluster's databases as files, PostgreSQL's own templates included; 0: a new one */
};

/* Megabytes are PostgreSQL's, of 1024 kB. */
struct tune {
	int shared_buffers_mb; /* 16 to 1024 */
	int effective_cache_size_mb; /* what the planner may think is cached, the kernel's share included */
	int work_mem_mb; /* 4 to 64, for each sort or hash of a query */
	int maintenance_work_mem_mb; /* 32 to 256 */
	int max_wal_size_mb; /* 256 to 2048 */
	int max_connections;
	int server_connections; /* of them for the app's own server, pooled ones included */
	int max_worker_processes;
	int max_parallel_workers_per_gather;
	int autovacuum_max_workers;
};

/* What is not for the app's server: the backend has up to 25, 6 of them for jobs; a deployment takes 3, a dump, a base
 * backup and the owner's own psql some, and 3 are the superuser's. */
#define TUNE_OTHER_CONNECTIONS 40
/* Of server_connections those that the pool leaves alone: DIRECT_URL, migrations of the app's own, its functions. */
#define TUNE_DIRECT_CONNECTIONS 5

void tune_compute(const struct tune_facts *facts, struct tune *ret_tune);

/* What any machine can carry: for copies and for tests. */
void tune_smallest(struct tune *ret_tune);

#endif
