/* SPDX-License-Identifier: Apache-2.0
 *
 * What a received source may be at most, and what was taken in. */
#ifndef FREEHOLD_INTAKE_LIMITS_H
#define FREEHOLD_INTAKE_LIMITS_H

#include <stdint.h>

#define INTAKE_NAME_SIZE 256

struct intake_limits {
	uint64_t max_entries;
	uint64_t max_total_bytes;
	uint64_t max_file_bytes;
	uint64_t max_path_bytes;
	uint64_t max_depth; /* folders in folders */
	/* Once more than INTAKE_RATIO_FROM_BYTES came out, at most so many bytes may come out of one that is in the
	 * archive: source code packs 3 to 20 times, a bomb 1,000 times. */
	uint64_t max_ratio;
};

#define INTAKE_RATIO_FROM_BYTES (100u << 20)
#define INTAKE_LIMITS_DEFAULT                                                                                          \
	((struct intake_limits){.max_entries = 100000,                                                                 \
				.max_total_bytes = (uint64_t)2 << 30,                                                  \
				.max_file_bytes = (uint64_t)500 << 20,                                                 \
				.max_path_bytes = 1024,                                                                \
				.max_depth = 64,                                                                       \
				.max_ratio = 200})

struct intake_unpacked {
	uint64_t files;
	uint64_t bytes;
	uint64_t skipped; /* entries below node_modules/, .git/ and what macOS adds: not taken in */
	char stripped[INTAKE_NAME_SIZE]; /* the one folder that held everything and was taken off, or "" */
};

#endif
