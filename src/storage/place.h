/* SPDX-License-Identifier: Apache-2.0
 *
 * Where files lie: on this disk, or in a bucket of another S3. Every file is written here first, whole and synced, as
 * ever; what is to lie elsewhere is taken there afterwards, and its file here goes when it is there:
 *
 *     written here ─▶ row ─▶ (taken there ─▶ looked at there ─▶ removed here)
 *
 * So an upload needs no S3 that answers, and a row names bytes that are here, or there, or both, and always the same:
 * whoever reads looks here first. What a crash leaves is a file in both places, which the next round clears. When the
 * place becomes this disk again, the same goes the other way.
 *
 * A round looks for what lies in the wrong place: at the start, after uploads, after a change of settings, and again
 * with growing pauses while the other side fails. What it did stands in <folder>/place.json:
 *
 *     {"place": "s3", "done": false, "moved": 120, "failed": 0, "error": "", "at": "2026-…"} */
#ifndef FREEHOLD_STORAGE_PLACE_H
#define FREEHOLD_STORAGE_PLACE_H

#include <jansson.h>

#include "pg/pool.h"
#include "storage/files.h"
#include "storage/remote.h"

#define PLACE_AT_ONCE 4 /* files under way */

struct place;

struct place *place_new(uv_loop_t *loop, struct pg_pool *pool, struct files *files, struct http_multi *multi);
void place_stop(struct place *place); /* before the multi stops; NULL is allowed */

/* The settings: {"kind": "s3" or "local", "endpoint", "region", "bucket", "prefix", "id", "secret"}; NULL: this disk,
 * and no other place. False: they stay as they were. */
bool place_set(struct place *place, const json_t *settings, struct err *err);

/* Something was stored. */
void place_kick(struct place *place);

/* The other place, where there is one; NULL: all is here. */
struct remote *place_remote(const struct place *place);

/* A file goes, from here by whoever calls: it is removed there too, in the background. */
void place_remove(struct place *place, const char *version);

/* The file is here when done is called, brought from there if it must be. */
void place_bring(struct place *place, const char *version, void (*done)(void *arg, const struct err *err), void *arg);

#endif
