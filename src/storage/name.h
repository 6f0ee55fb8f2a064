/* SPDX-License-Identifier: Apache-2.0
 *
 * What names, types and sizes may be: storage-api's rules (supabase/storage, src/storage/limits.ts). Pure. */
#ifndef FREEHOLD_STORAGE_NAME_H
#define FREEHOLD_STORAGE_NAME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

#define STORAGE_KEY_MAX 1024 /* as S3 */
#define STORAGE_BUCKET_MAX 100
#define STORAGE_VERSION_SIZE 37 /* a UUID and NUL */

bool storage_is_bucket(struct str name);
bool storage_is_key(struct str name);
bool storage_is_uuid(struct str text); /* in small letters */
bool storage_is_empty_folder(struct str key); /* the dashboard's placeholder of a folder: always empty, of any type */

/* A fresh random UUID (RFC 9562, version 4). */
void storage_version(char ret_version[STORAGE_VERSION_SIZE]);

/* What a bucket may be told to allow: "image/png", "image/…" with a star, "…" */
bool storage_is_mime_rule(struct str rule);

/* Whether a type is allowed by a rule. A type without '/' never is. */
bool storage_mime_matches(struct str type, struct str rule);

/* What may stand in a header that goes back to browsers: "type/subtype", with parameters. */
bool storage_is_mime(struct str type);

/* "20MB", "1.5gb", "30kb", "3b": decimal, as upstream. */
bool storage_read_size(struct str text, int64_t *ret_bytes);

/* A document of such a type could run scripts in the app's own origin. */
bool storage_is_active(struct str type);

#endif
