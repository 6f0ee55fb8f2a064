/* SPDX-License-Identifier: Apache-2.0
 *
 * Which moments can be restored, and from which backup. Pure; times are true ones, in milliseconds.
 *
 * A restore gives the cluster a new history (PostgreSQL's timeline), which left the former at some moment; undoing the
 * restore goes back to the former. Which history was the live one when is known (store/backup.h), so a moment belongs
 * to exactly one, and a backup serves it when it was taken on that history, or on one it descends from before it left.
 */
#ifndef FREEHOLD_BACKUP_WINDOW_H
#define FREEHOLD_BACKUP_WINDOW_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* The live history at a moment; 1 where none is listed. */
int64_t window_timeline(const json_t *timelines, int64_t at_ms);

/* The newest backup from which this moment can be reached: ended before it, on its line of histories, with no gap
 * between. at_ms 0: the newest state there is. NULL: none. Borrowed from the list. */
const json_t *window_choose(const json_t *backups, const json_t *timelines, const json_t *gaps, int64_t at_ms,
			    int64_t now_ms, int64_t *ret_timeline);

/* [{"from_ms", "to_ms"}], oldest first: from the end of the first backup to until_ms (what has arrived), cut by gaps.
 */
json_t *window_ranges(const json_t *backups, const json_t *gaps, int64_t until_ms);

#endif
