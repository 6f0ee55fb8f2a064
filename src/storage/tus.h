/* SPDX-License-Identifier: Apache-2.0
 *
 * What a resumable upload says in its headers and its address: TUS 1.0 (tus.io/protocols/resumable-upload), as
 * storage-api reads it. Pure. */
#ifndef FREEHOLD_STORAGE_TUS_H
#define FREEHOLD_STORAGE_TUS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "storage/name.h"

#define TUS_VERSION "1.0.0"
#define TUS_EXTENSIONS "creation,creation-with-upload,expiration,termination"
#define TUS_CONTENT_TYPE "application/offset+octet-stream"
#define TUS_PAIRS_MAX 64 /* of Upload-Metadata */

/* Decoded; NULL where it is absent or empty. */
struct tus_metadata {
	const char *bucket, *key, *type, *cache_control, *user_metadata;
};

/* Upload-Metadata: "key base64,key base64,key". False for what is not that, has a key twice or more than
 * TUS_PAIRS_MAX of them, or a value with NUL where one of ours is. */
bool tus_metadata_read(struct arena *a, struct str header, struct tus_metadata *ret_metadata);

/* "0" or digits that begin with none, below 2^53. */
bool tus_number_read(struct str header, uint64_t *ret_number);

/* The last part of an upload's address: base64url of "bucket/key/version". NULL at the arena's limit. */
const char *tus_id_write(struct arena *a, const char *bucket, const char *key, const char *version);

struct tus_id {
	const char *bucket, *key, *version; /* each sound by name.h */
};
bool tus_id_read(struct arena *a, struct str text, struct tus_id *ret_id);

#endif
