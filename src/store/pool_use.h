/* SPDX-License-Identifier: Apache-2.0
 *
 * How an app's pool of connections was used: the most that was seen in each hour, for fourteen days. */
#ifndef FREEHOLD_STORE_POOL_USE_H
#define FREEHOLD_STORE_POOL_USE_H

#include <jansson.h>
#include <stdint.h>

#include "store/db.h"

#define POOL_USE_DAYS 14

struct pool_use {
	int64_t clients; /* connected */
	int64_t active; /* connections to PostgreSQL at work */
	int64_t waiting; /* clients that waited for one */
	int64_t demand; /* connections that would have been of use, owndb/pool_size.h */
	int64_t wait_ms; /* the longest that a client had waited when it was looked */
};

/* Raises what the hour of at_ms has; hours past POOL_USE_DAYS go. */
bool pool_use_add(struct db *db, const char *app, int64_t at_ms, const struct pool_use *use, struct err *err);

/* The most since then; zeros where nothing is known. */
bool pool_use_peak(struct db *db, const char *app, int64_t since_ms, struct pool_use *ret_use, struct err *err);

/* Appends {"at", "clients", "active", "waiting", "wait_ms"} for each hour since then, oldest first. */
bool pool_use_list(struct db *db, const char *app, int64_t since_ms, json_t *ret_list, struct err *err);

#endif
