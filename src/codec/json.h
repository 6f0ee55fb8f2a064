/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON by jansson, with our errors. Values follow jansson's reference counts: what json_* below returns as "borrowed"
 * lives as long as the object it came from. */
#ifndef FREEHOLD_CODEC_JSON_H
#define FREEHOLD_CODEC_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define JSON_CLEANUP __attribute__((cleanup(json_cleanup)))
void json_cleanup(json_t **value);

/* Parses one JSON text (RFC 8259), any value at the top, nothing behind it; duplicate keys are refused. ret_value is
 * the caller's. */
bool json_parse(struct str text, json_t **ret_value, struct err *err);

/* Reads a file of at most max_bytes. */
bool json_parse_file(const char *path, size_t max_bytes, json_t **ret_value, struct err *err);

/* Compact text, keys in the order they were set; the caller frees it. */
char *json_text(const json_t *value);

/* Text as a JSON string, in its quotes; what is not UTF-8 becomes U+FFFD. */
void json_put_string(struct buf *b, struct str text);

/* Members of an object: borrowed, or the given default where absent, null or of another type. */
const char *json_str(const json_t *object, const char *key, const char *otherwise);
int64_t json_int(const json_t *object, const char *key, int64_t otherwise);
bool json_bool(const json_t *object, const char *key, bool otherwise);

/* A member that must be there: ERR_INVALID names it. */
bool json_need_str(const json_t *object, const char *key, const char **ret_text, struct err *err);

#endif
