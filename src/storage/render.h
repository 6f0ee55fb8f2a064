/* SPDX-License-Identifier: Apache-2.0
 *
 * Pictures in other sizes, made by freehold-image in a sandbox of its own and kept on the disk:
 *
 *     wanted ─▶ kept already ─────────────────────────────────────────▶ done
 *        └────▶ waiting (RENDER_WAITING_MAX) ─▶ rendering (RENDER_AT_ONCE, on the pool) ─▶ done: all who wanted it
 *
 *     <folder>/rendered/<first two letters>/<version>/<what it is>.webp
 *
 * The name holds the object's version, so that what is kept never is of another file. What was used last stays, up to
 * RENDER_CACHE_BYTES and RENDER_CACHE_FILES. The sandbox has no network, no file but the descriptor of the one picture,
 * and the limits below. */
#ifndef FREEHOLD_STORAGE_RENDER_H
#define FREEHOLD_STORAGE_RENDER_H

#include "storage/files.h"
#include "storage/picture.h"
#include "storage/render_status.h"

#define RENDER_SOURCE_MAX_BYTES (25u << 20) /* upstream's */
#define RENDER_MEMORY_BYTES ((uint64_t)512 << 20)
#define RENDER_DEADLINE_MS 15000
#define RENDER_RESULT_MAX_BYTES (32u << 20)
#define RENDER_PROCESSES 32 /* and threads */
#define RENDER_AT_ONCE 2
#define RENDER_WAITING_MAX 64
#define RENDER_CACHE_BYTES ((uint64_t)512 << 20)
#define RENDER_CACHE_FILES 50000

struct renderer;

/* helper: the program freehold-image; copied. */
struct renderer *renderer_new(struct files *files, const char *helper);
void renderer_free(struct renderer *renderer); /* nothing may be under way; NULL is allowed */

/* place: below the folder, "rendered/ab/…"; borrowed. ERR_INVALID: no picture; ERR_LIMIT: its pixels, memory or size;
 * ERR_TIMEOUT; ERR_REFUSED: too many wait; the rest is ours. */
typedef void (*render_fn)(void *arg, const char *place, const struct err *err);

/* done comes from inside where it is kept already. source_fd is taken over. */
void renderer_get(struct renderer *renderer, const char *version, int source_fd, const struct picture *picture,
		  const char *suffix, render_fn done, void *arg);

/* On the pool: what was made of a version goes with it. */
void render_forget(const char *folder, const char *version);

#endif
