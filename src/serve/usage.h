/* SPDX-License-Identifier: Apache-2.0
 *
 * What everything in this pid namespace uses together, from /proc (proc(5)). For pid 1: it sees its namespace and
 * nothing else. */
#ifndef FREEHOLD_SERVE_USAGE_H
#define FREEHOLD_SERVE_USAGE_H

#include <stdint.h>

#include "base/str.h"

struct usage {
	uint64_t memory_bytes; /* private and shared memory that is resident; of files nothing */
	uint64_t written_bytes; /* to disks, by those that are alive */
	uint32_t processes; /* and threads */
};

/* All but pid 1. */
void usage_read(struct usage *ret_usage);

/* One /proc/PID/status and one /proc/PID/io: adds what they say. Pure. */
void usage_add_status(struct str text, struct usage *inout_usage);
void usage_add_io(struct str text, struct usage *inout_usage);

#endif
