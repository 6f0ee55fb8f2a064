/* SPDX-License-Identifier: Apache-2.0
 *
 * How much the pictures that are kept take, and that it stays within bounds: when it is too much, those that were not
 * used for longest go until a quarter is free again. */
#ifndef FREEHOLD_STORAGE_RENDER_CACHE_H
#define FREEHOLD_STORAGE_RENDER_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "storage/files.h"

struct render_cache {
	char folder[FILES_PATH_SIZE];
	uint64_t bytes; /* since the last look at the disk; the job's while one runs */
	uint64_t files;
};

/* True: it is time for render_cache_trim. */
bool render_cache_add(struct render_cache *cache, uint64_t bytes);

/* Looks at the disk, on the pool. Parts that a process which died left go too. */
void render_cache_trim(struct render_cache *cache);

#endif
