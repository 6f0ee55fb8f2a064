/* SPDX-License-Identifier: Apache-2.0
 *
 * Filling a clone that was opened: with everything, or with everything but the rows. */
#ifndef FREEHOLD_OWNDB_COPY_H
#define FREEHOLD_OWNDB_COPY_H

#include "owndb/clone.h"

/* A base backup of the running live cluster, then started. It was measured against the other ways: a plain copy of the
 * files is no faster where the file system cannot share them (ext4), and CREATE DATABASE … TEMPLATE is refused while
 * anybody is connected. on_progress (may be NULL) hears about once a second how much
 * of it is copied, 0 to 1. */
bool copy_full(const struct owndb *live, struct clone *c, void (*on_progress)(void *arg, double done), void *arg,
	       struct err *err);

/* A new cluster, started, with the live one's roles, schema and settings and the rows of a few small tables that
 * migrations refer to (buckets, jobs, applied migrations). */
bool copy_schema(const struct owndb *live, struct clone *c, const char *cache_dir, struct err *err);

/* The same of a database elsewhere (owndb/elsewhere.h), without any rows. Fails where programs of its version are not
 * here, or its schema has what cannot be had here: an extension of its host, say. */
bool copy_elsewhere(const struct owndb *live, struct clone *c, const char *cache_dir, struct err *err);

#endif
