/* SPDX-License-Identifier: Apache-2.0
 *
 * The snapshots of files at a place in the order in which they were made. Their dates do not tell it: one that was
 * taken while the clock was ahead is dated later than all that were made since. So each is numbered as it is made,
 * after what the place holds, in a tag ("made-7"). Pure. */
#ifndef FREEHOLD_BACKUP_SNAPSHOTS_H
#define FREEHOLD_BACKUP_SNAPSHOTS_H

#include <jansson.h>
#include <stdint.h>

#define SNAPSHOTS_TAG "made-"

/* What `restic snapshots --json` prints, to [{"id", "made", "at_ms"}], the caller's, the last one made last. made: its
 * number; 0: from before there were numbers, so before all that have one; of those the dates decide. */
json_t *snapshots_read(const json_t *answer);

/* The number of the next. */
int64_t snapshots_next(const json_t *list);

#endif
