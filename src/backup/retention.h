/* SPDX-License-Identifier: Apache-2.0
 *
 * What is due, and what may go. Pure: times are the home's clock (store/home.h), lists are backup_info's. */
#ifndef FREEHOLD_BACKUP_RETENTION_H
#define FREEHOLD_BACKUP_RETENTION_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define RETENTION_DAY_MS ((int64_t)24 * 3600 * 1000)

/* What the owner decides (home settings of these names), for all apps. */
struct retention {
	int64_t days; /* any moment of so many days can be restored */
	int64_t count; /* and at least so many full backups stay */
	int64_t full_days; /* a full backup each so many days */
	int64_t hour; /* of the day, UTC, at which the day's backup is due */
	int64_t ceiling_bytes; /* of changes that wait for a place that cannot be reached */
	int64_t drill_days; /* a drill each so many days; 0: none */
};
struct retention retention_default(void);

enum due { DUE_NOTHING, DUE_FULL, DUE_INCREMENTAL };

/* The last moment at which the day's work was due. */
int64_t retention_slot_ms(int64_t now_ms, int64_t hour);

/* Whether a backup is due: a full one where there is none or the newest is full_days old, else one of the changes when
 * none was taken since the day's slot. One that was missed is due until it is made up. */
enum due retention_due(const struct retention *r, const json_t *backups, int64_t now_ms);

/* How many full backups stay: enough that one is older than `days`, and at least `count`. */
int retention_keep_full(const struct retention *r, const json_t *backups, int64_t now_ms);

/* Of snapshots of files ([{"id", "at_ms"}], in any order) the ids of those that may go, the caller's: all before the
 * newest that is older than `days`, as long as `count` stay. So what was there at any moment of those days is. */
json_t *retention_forget(const struct retention *r, const json_t *snapshots, int64_t now_ms);

#endif
