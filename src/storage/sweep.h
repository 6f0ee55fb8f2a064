/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether rows and files agree, looked at when the backend starts, soon after, and once a day.
 *
 *   - What a process that died was writing is removed.
 *   - A file that no row names (a crash between the file and its row, rows deleted by SQL) is never served. It is moved
 * to lost/ and kept for SWEEP_LOST_DAYS; when a row names it again, it is put back.
 *   - A row whose file is missing is told, once a sweep, in the log. Nothing is done to it: the file may come back from
 * a backup.
 *
 *   - An upload in parts (S3's) that nobody completed within SWEEP_UPLOAD_DAYS is removed.
 *
 * What the last one found stands in <folder>/sweep.json, for `freehold storage APP sweep`; such a one is asked for by
 * sweep_ask, and may delete what lies in lost/ and was written long enough ago.
 *
 * Files younger than SWEEP_AGE_S are left alone: their rows may be on their way. */
#ifndef FREEHOLD_STORAGE_SWEEP_H
#define FREEHOLD_STORAGE_SWEEP_H

#include "pg/pool.h"
#include "storage/files.h"

#define SWEEP_AGE_S 300
#define SWEEP_LOST_DAYS 30
#define SWEEP_UPLOAD_DAYS_TEXT "7"

struct sweep;

struct sweep *sweep_start(uv_loop_t *loop, struct pg_pool *pool, struct files *files);
/* A sweep as soon as none is under way. asked: a number that grows, and stands in the report; one that was reported is
 * not made again. fix_s >= 0: what no object names and was written so long ago is deleted. */
void sweep_ask(struct sweep *sweep, int64_t asked, int64_t fix_s);
void sweep_stop(struct sweep *sweep);

#endif
