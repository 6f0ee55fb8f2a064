/* SPDX-License-Identifier: Apache-2.0
 *
 * The unfinished upload (kept.h) that a call works on, seen from the loop. One job at a time runs on the pool:
 *
 *     resumable_make ─┐                  ┌─▶ resumable_write (any number; false: wait for on_room)
 *     resumable_open ─┴─▶ done: open ────┼─▶ resumable_sync  ─▶ done
 *        │                               ├─▶ resumable_place ─▶ done
 *        └─▶ done with an error: gone    ├─▶ resumable_remove ─▶ done: gone
 *                                        └─▶ resumable_close: what was taken is still written and synced; then gone
 *
 * Only one call holds an upload. Whoever asks for one that is held waits when its holder is on its way out, or has
 * taken nothing for RESUMABLE_STALLED_MS (a client whose network changed leaves such a one behind): then the holder is
 * told by on_taken and must close. Otherwise, and when somebody waits already: ERR_CONFLICT. */
#ifndef FREEHOLD_STORAGE_RESUMABLE_H
#define FREEHOLD_STORAGE_RESUMABLE_H

#include "storage/kept.h"

#define RESUMABLE_STALLED_MS 3000

struct resumable;

/* on_taken comes between the first resumable_write and resumable_sync only. */
struct resumable_holder {
	void (*on_room)(void *arg);
	void (*on_taken)(void *arg);
	void *arg;
};
typedef void (*resumable_fn)(void *arg, const struct err *err);

/* done is called from the loop, never from inside. An error of these two: it is gone already. */
struct resumable *resumable_make(struct files *files, const char *bucket, const char *key, const char *metadata,
				 uint64_t size, const struct resumable_holder *holder, resumable_fn done);
struct resumable *resumable_open(struct files *files, const char *id, const struct resumable_holder *holder,
				 resumable_fn done);

/* Of one that is open and has no job under way. */
const struct kept *resumable_kept(const struct resumable *r);

/* Always takes the bytes. False: wait for on_room. What fails is told by resumable_sync. */
bool resumable_write(struct resumable *r, struct str bytes);
uint64_t resumable_end(const struct resumable *r); /* offset, and what was taken since */

/* Everything taken is on the disk, or said not to be; the offset is right either way. */
void resumable_sync(struct resumable *r, resumable_fn done);
void resumable_place(struct resumable *r, void (*done)(void *arg, const struct stored *stored, const struct err *err));
void resumable_remove(struct resumable *r, resumable_fn done);

/* No callback comes any more. NULL is allowed. */
void resumable_close(struct resumable *r);

#endif
