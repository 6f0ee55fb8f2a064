/* SPDX-License-Identifier: Apache-2.0
 *
 * What every way of uploading shares: what the bucket allows, whether the caller may, and the row at the end. */
#ifndef FREEHOLD_STORAGE_UPLOAD_H
#define FREEHOLD_STORAGE_UPLOAD_H

#include "storage/call.h"

struct upload {
	const char *bucket, *key, *owner; /* owner may be NULL */
	bool is_upsert;
	bool is_service; /* a signed address was checked: row security is not asked */
	const char *type; /* as the client says */
	const char *cache_control, *robots, *user_metadata; /* each may be NULL */
	int64_t declared; /* the file's size as the client says; -1: it does not */
	uint64_t held; /* of declared, on the disk already */
	uint64_t limit; /* set by the check */
};

/* Whether it may be written: one pipeline; nothing is left of it. then is called when it may, else the call is
 * answered. */
void upload_check(struct storage_call *call, struct upload *up, void (*then)(struct storage_call *call));

/* The row for a file that is in its place; answers the call by `then`, given the row's id. A refusal answers and takes
 * the file away. */
void upload_commit(struct storage_call *call, struct upload *up, const struct stored *stored,
		   void (*then)(struct storage_call *call, const char *id));

#endif
