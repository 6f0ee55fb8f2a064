/* SPDX-License-Identifier: Apache-2.0
 *
 * Installed dependencies, kept by what they were made from (build/manifest.h makes the key). An entry is a folder
 * cache_dir/apps/APP/deps/KEY with node_modules inside, and KEY.json beside it, written last: without it the entry is
 * half-made and goes. An entry in use is held by a shared lock on KEY.json; one that was used longest ago is removed
 * first when all apps together have more than the declared maximum. */
#ifndef FREEHOLD_BUILD_CACHE_H
#define FREEHOLD_BUILD_CACHE_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "build/job.h"

/* Makes the folders that are missing; ret_download is the app's download cache. */
bool cache_open(const struct build_job *job, char ret_download[FILE_PATH_SIZE], struct err *err);

bool cache_entry_path(const struct build_job *job, const char *key, char ret_path[FILE_PATH_SIZE], struct err *err);

/* Finds a complete entry, marks it as used now and holds it until ret_lock_fd is closed. ret_meta (the caller's) is
 * what cache_commit was given. ERR_NOT_FOUND when there is none, or it is not of the app's code user. */
bool cache_get(const struct build_job *job, const char *key, json_t **ret_meta, int *ret_lock_fd, struct err *err);

/* An empty folder of the code user, to install into. */
bool cache_stage(const struct build_job *job, char ret_path[FILE_PATH_SIZE], struct err *err);

/* Makes the staged folder the entry of key. meta gets "bytes" and is written beside it. */
bool cache_commit(const struct build_job *job, const char *staged, const char *key, json_t *meta, uint64_t bytes,
		  struct err *err);

/* Removes a folder of the code user's whose parent is ours, as that user: nothing it left there leads root astray. */
bool cache_remove(const char *path, struct err *err);

/* Removes all of an app that is no more; no build of it may run. */
bool cache_forget(const char *cache_dir, const char *app, struct err *err);

/* Removes half-made entries of this app, and the longest unused of all apps above the maximum. Returns how many. */
int cache_trim(const struct build_job *job);

/* A folder of the app's that goes from one build to the next (".next/cache"), made where there is none and emptied when
 * it has grown past CACHE_KEPT_MAX_BYTES. ret_is_filled: an earlier build left something in it. */
#define CACHE_KEPT_MAX_BYTES (1ull << 30)
bool cache_kept(const struct build_job *job, const char *name, char ret_path[FILE_PATH_SIZE], bool *ret_is_filled,
		struct err *err);

#endif
